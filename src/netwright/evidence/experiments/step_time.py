"""How long the captured step takes, as it is and in other forms."""

from dataclasses import dataclass
from typing import ClassVar

from ..where import NOWHERE, Where


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedForm:
    """The step in another form: ``name`` is ``float32``, ``channels-last`` or ``bfloat16``.

    It is ``times`` as fast as the step as it is, in ``pairs`` of runs next to each other; ``low`` and ``high`` are the 95 % interval. ``apart`` is how far its loss is from the step's, as a share of that.
    ``where`` is a line to edit.
    """

    name: str
    times: float
    low: float
    high: float
    pairs: int
    apart: float
    where: Where = NOWHERE


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatedCall:
    """One call with the same weights, made ``calls`` times in the step on the same line, where none needs what another gave.

    ``apart_s`` is what these take forward and backward, ``together_s`` what one call on all of their inputs takes (medians).
    """

    where: Where
    op: str
    calls: int
    apart_s: float
    together_s: float
    module: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTime:
    """Forward and backward of the captured step: ``step_s`` seconds on ``device``, the median of ``runs``."""

    experiment: ClassVar[str] = "step-time"

    step_s: float
    runs: int
    device: str
    forms: tuple[TriedForm, ...] = ()
    repeated: tuple[RepeatedCall, ...] = ()
    seconds: float = 0.0
