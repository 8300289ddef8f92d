"""The program trained on parts of its training set."""

from dataclasses import dataclass
from typing import ClassVar

from ..where import NOWHERE, Where


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """Runs on one part of the training set: its share, its number of samples, the metric of every run."""

    share: float
    samples: int
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningCurve:
    """A metric on held-out data (smaller is better) by the size of the training set, at an equal number of optimizer steps.

    ``floor + scale * samples ** -exponent`` is the power law fitted. ``gain`` is the share of the metric that twice the data would take away by it, ``gain_low`` and ``gain_high`` its 90 % interval
    (bootstrap of residuals, ``draws`` fits). ``steps`` is where every run was stopped (``None``: each ran to its own end). ``where`` is the line that makes the training loader.
    """

    experiment: ClassVar[str] = "learning-curve"

    metric: str
    points: tuple[CurvePoint, ...]
    floor: float
    scale: float
    exponent: float
    gain: float
    gain_low: float
    gain_high: float
    draws: int
    steps: int | None = None
    where: Where = NOWHERE
    seconds: float = 0.0
