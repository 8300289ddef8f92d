"""Successive halving: many sets of remedies are first run for a part of the program's steps, and only what shows something by then goes the whole length."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..rerun import Trace
from ..rerun.trace import CRASHED
from .cure import Attempt, Run, Set
from .yardstick import Stays, Yardstick, choose

_LEAST = 4  # sets


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """The shorter length: ``run`` re-runs the program for ``steps`` steps and lets it go on to its evaluation. ``cost`` is what that takes, as a share of a run of the whole length."""

    run: Run
    steps: int
    cost: float

    def pays(self, sets: int) -> bool:
        """Whether the short runs, and that of the program as it is, cost less than what the worse half of the sets would have. Of a few sets that is next to nothing, and often all go on."""
        return sets >= _LEAST and (sets + 1) * self.cost < sets // 2


def halved(
    sets: Sequence[Set], rung: Rung | None, whole: Trace, stays: Stays
) -> tuple[list[Set], list[Attempt]]:
    """Which sets are to go the whole length, in order, and what the others had reached.

    A set goes on that is better than the program as it is after the same steps, or belongs to the best half. What fails by then fails in a longer run as well. All go on where nothing is known by then: a remedy that shows its worth late
    (a smaller rate, a schedule, regularization), a program that tells only at its end how good it is.

    Args:
        sets: what is to be tried.
        rung: the shorter length; ``None`` where there is none.
        whole: the program as it is, to its own end.
        stays: which losses can be compared.
    """
    early = [s for s in sets if not any(p.late for p in s)]
    if rung is None or not rung.pays(len(early)):
        return list(sets), []
    control, *traces = rung.run([((), 0), *((s, 0) for s in early)])
    yardstick = choose([t for t in traces if t.whole] or [control], stays)
    wanted = choose([whole], stays)
    if yardstick is None or (wanted is not None and wanted != yardstick):
        return list(sets), []
    reached = [_reached(yardstick, s, t, control, rung.steps) for s, t in zip(early, traces, strict=True)]
    known = [a for a in reached if a.value is not None]
    ranked = sorted(known, key=lambda a: -a.gain)
    best = ranked[: (len(early) + 1) // 2]
    dropped = [a for a in known if a.gain <= 0 and not any(a is b for b in best)]
    dropped += [a for a in reached if a.trace.ended == CRASHED]
    gone = [a.patches for a in dropped]
    return [s for s in sets if s not in gone], dropped


def _reached(yardstick: Yardstick, patches: Set, trace: Trace, control: Trace, steps: int) -> Attempt:
    beside = yardstick.value(control)
    value = yardstick.value(trace) if trace.whole else None
    return Attempt(
        patches=patches,
        trace=trace,
        value=value,
        gain=yardstick.gain(beside, value),
        steps=steps,
        beside=beside,
        void=yardstick.same(trace, control),
    )
