"""By what a re-run is judged: a number that the program's own evaluation computes, the same for the program as it is and for the mended one."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..rerun import Trace
from ..rerun.trace import STOPPED
from .printed import FOR_RARE, HELD_OUT, HIGHER, printed

BALANCED = "balanced accuracy"
ACCURACY, SQUARED, ABSOLUTE, LOSS, TRAINING = (
    "accuracy",
    "squared error",
    "absolute error",
    "loss",
    "training loss",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Yardstick:
    """``name`` of a metric as :class:`netwright.rerun.Metric` has it, ``balanced accuracy`` (its ``recall``), ``training loss``, or what the program calls it that prints it (``as_printed``)."""

    name: str
    as_printed: bool = False

    @property
    def higher_is_better(self) -> bool:
        """Whether more is better."""
        return HIGHER.get(self.name, False) if self.as_printed else self.name in (ACCURACY, BALANCED)

    @property
    def words(self) -> str:
        """What it is, for a person."""
        if self.as_printed:
            return f"{self.name} as the program prints it"
        if self.name == BALANCED:
            return "balanced accuracy (the mean over the classes of the share that is answered right) in the program's own evaluation"
        return self.name if self.name == TRAINING else f"{self.name} in the program's own evaluation"

    def value(self, trace: Trace) -> float | None:
        """What a re-run reached; ``None`` where it did not come that far."""
        if self.as_printed:
            found = printed(trace.tail).get(self.name) if trace.whole else None
        elif self.name == TRAINING:
            found = trace.last_loss()
        elif self.name == BALANCED:
            metric = trace.held_out().get(ACCURACY)
            found = metric.recall if metric is not None else None
        else:
            metric = trace.held_out().get(self.name)
            found = metric.value if metric is not None else None
        return found if found is not None and math.isfinite(found) else None

    def same(self, trace: Trace, other: Trace) -> bool:
        """Whether a re-run is the same as another to the last bit, as far as anything of it is seen."""
        return trace.same_as(other) and (not self.as_printed or self.value(trace) == self.value(other))

    def cut_off(self, trace: Trace) -> bool:
        """Whether a re-run was stopped before it could give it: that is no worse result, and no better one."""
        if trace.ended not in STOPPED:
            return False
        if self.as_printed:
            return not trace.whole or self.name not in printed(trace.tail)
        name = ACCURACY if self.name == BALANCED else self.name
        return name != TRAINING and name not in trace.held_out()

    def gain(self, before: float | None, after: float | None) -> float:
        """How much better ``after`` is; a run without a value is worse than any with one."""
        if before is None or after is None:
            return 0.0 if before is after else math.inf if before is None else -math.inf
        return after - before if self.higher_is_better else before - after

    def most(self, before: float | None) -> float:
        """The largest gain that there can be: no accuracy is above 1, no error below 0. Infinite where that is not known."""
        if before is None or self.as_printed:
            return math.inf
        return {ACCURACY: 1 - before, BALANCED: 1 - before, SQUARED: before, ABSOLUTE: before}.get(
            self.name, math.inf
        )


_FOR_RARE = (*(Yardstick(name=name, as_printed=True) for name in FOR_RARE), Yardstick(name=BALANCED))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stays:
    """Whether the loss is the same before and after all remedies that are tried, and whether that of the training is: over the same samples, with the same noise; and whether one of them is for ``rare`` classes, so that accuracy is not what it is to gain."""

    loss: bool = True
    training: bool = True
    rare: bool = False

    @property
    def yardsticks(self) -> tuple[Yardstick, ...]:
        """The losses that can be compared."""
        held_out = Yardstick(name=LOSS), Yardstick(name=HELD_OUT, as_printed=True)
        training = (Yardstick(name=TRAINING),) if self.training else ()
        return (*held_out, *training) if self.loss else ()


def choose(traces: Sequence[Trace], stays: Stays, control: Trace | None = None) -> Yardstick | None:
    """The first of these that most of the re-runs give that give any (what came to NaN gives none): where a remedy is for rare classes a metric that is printed and sees them, or balanced accuracy; accuracy, squared error, absolute error, a metric that is printed, and, where no remedy changes it, the loss: of the evaluation, as it is printed of held-out data, of the training.

    A loss that a remedy exchanges or rescales says nothing of what the remedy is worth. Nor does a metric that is exactly 0 in every run, where more is better: it is computed in a way that no network can
    answer (probabilities compared with labels for equality). Nor does one that the program as it is (``control``) was stopped too early to give: a remedy that makes it end sooner would be held against nothing.
    """
    names = (ACCURACY, SQUARED, ABSOLUTE)
    known = (
        *(_FOR_RARE if stays.rare else ()),
        *(Yardstick(name=name) for name in names),
        *(Yardstick(name=name, as_printed=True) for name in HIGHER),
        *stays.yardsticks,
    )
    telling = [t for t in traces if any(y.value(t) is not None for y in known)]
    for yardstick in known:
        values = [v for t in telling if (v := yardstick.value(t)) is not None]
        mute = yardstick.higher_is_better and not any(values)
        mute = mute or (control is not None and yardstick.cut_off(control))
        if len(values) * 2 > len(telling) and not mute:
            return yardstick
    return None


def sign_flip(gains: Sequence[float]) -> float:
    """The one-sided p-value of paired gains: the share of all sign patterns whose sum is at least the one seen (Fisher's randomization test).

    With five pairs the smallest is 1/32.
    """
    # A run with a result against one without counts for more than all others together.
    beyond = 1.0 + 2.0 * sum(abs(g) for g in gains if math.isfinite(g))
    finite = [g if math.isfinite(g) else math.copysign(beyond, g) for g in gains]
    total = sum(finite)
    patterns = 1 << len(finite)
    hits = sum(
        sum(g if pattern >> i & 1 else -g for i, g in enumerate(finite)) >= total - 1e-12 * abs(total)
        for pattern in range(patterns)
    )
    return hits / patterns
