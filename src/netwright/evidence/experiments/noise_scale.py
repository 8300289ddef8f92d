"""How much gradients of samples differ, against how long their mean is."""

from dataclasses import dataclass
from typing import ClassVar

from ..where import NOWHERE, Where


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseEstimate:
    """The simple noise scale at one set of weights, in samples: tr(Σ) / |G|², from the gradients of ``parts`` parts of ``size`` samples each.

    ``scale`` is None, and the interval ``low`` to ``high`` (95 %) with it, where so few samples cannot tell |G|² from 0. ``when`` is "first" or "now".
    ``trace`` is tr(Σ) of one sample, ``squared`` is |G|²; both estimates are unbiased, and ``squared`` can be below 0.
    """

    when: str
    size: int
    parts: int
    squared: float
    trace: float
    scale: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlyingSample:
    """A sample whose gradient is far longer than those of the others: its batch and place in it (counted from 0), its ``norm`` in medians, its robust ``score``,
    its loss, its target where that is one number, the range of its input."""

    batch: int
    index: int
    norm: float
    score: float
    loss: float
    target: float | None
    lowest: float | None
    highest: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseScale:
    """The gradient noise scale beside the batch in use, and samples whose gradients are far longer than the others'.

    ``batch`` are the samples of one batch, ``accumulated`` the batches that make one update, ``samples`` the different samples that were seen.
    ``judged`` are those whose gradients were looked at one by one. ``normalized`` says that batch normalization makes gradients of fewer than 8 samples meaningless.
    """

    experiment: ClassVar[str] = "noise-scale"

    estimates: tuple[NoiseEstimate, ...]
    batch: int
    accumulated: float
    samples: int
    judged: int = 0
    outliers: tuple[OutlyingSample, ...] = ()
    normalized: bool = False
    where: Where = NOWHERE
    seconds: float = 0.0

    @property
    def update(self) -> float:
        """Samples that make one update."""
        return self.batch * self.accumulated
