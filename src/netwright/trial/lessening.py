"""What of a proven set is needed: each remedy taken away again, over the seeds of the proof. One seed alone says too little of it, where two of them differ by as much as a remedy is worth."""

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import takewhile

from .cure import PROOF, Cure, Run, Set, Tried, Without
from .proving import hopeless, in_time, seeds_of
from .yardstick import sign_flip

KEEPS = 0.95  # of the gain: a remedy without which this much is kept is not needed


def lessened(
    cure: Cure,
    run: Run,
    *,
    at_once: int = 1,
    enough: Callable[[Cure], bool] = lambda _: True,
    over: Callable[[], bool] = lambda: False,
) -> Cure:
    """The cure with as few remedies as are proven and no worse.

    One is left out where the others are proven without it, and the seeds do not show that they are worse: not every one of them is, or what they lose is less than a twentieth of the gain.

    Args:
        cure: a proven one; any other is given back as it is.
        run: re-runs the program.
        at_once: how many re-runs are made beside each other. After every so many it is seen whether the others can still be proven.
        enough: whether a smaller cure comes up to what else is asked of it.
        over: whether the time for re-runs is over.
    """
    if not cure.proven:
        return cure
    known: list[Without] = []
    numbers = seeds_of(cure)
    for patch in _least_telling_first(cure):
        rest = tuple(p for p in cure.patches if p != patch)
        if not rest:
            break
        after, cut_off = _values(cure, rest, numbers, run, at_once, over)
        found = Without(patch=patch, after=after, gains=_gains(cure, cure.before, after))
        if cut_off:
            known.append(found)
            continue
        smaller = replace(cure, patches=rest)
        if len(after) == len(cure.before):
            smaller = replace(smaller, after=after, p=sign_flip(found.gains))
        healed = smaller.after == after and smaller.proven and enough(smaller)
        needed = not healed or _worse(cure, smaller)
        known.append(replace(found, needed=needed))
        if not needed:
            cure = replace(smaller, not_needed=(*cure.not_needed, patch))
    return replace(cure, without=tuple(known))


def _least_telling_first(cure: Cure) -> Sequence[Tried]:
    """The remedies of a cure, those first that gained least alone."""
    alone = {a.patches[0]: a.gain for a in cure.attempts if len(a.patches) == 1}
    return sorted(cure.patches, key=lambda p: alone.get(p, -math.inf))


def _values(
    cure: Cure, rest: Set, numbers: Sequence[int], run: Run, at_once: int, over: Callable[[], bool]
) -> tuple[tuple[float | None, ...], bool]:
    """What the others reach, for as many seeds of the proof as it takes to see that they are not proven; and whether the time was over before that."""
    assert cure.yardstick is not None
    values: list[float | None] = []
    while len(values) < len(numbers):
        if over():
            return tuple(values), True
        wanted = numbers[len(values) :][: max(1, at_once)]
        traces = run([(rest, seed) for seed in wanted])
        done = [cure.yardstick.value(t) for t in takewhile(in_time, traces)]
        values += done
        if len(done) < len(wanted):
            return tuple(values), True
        if hopeless(_gains(cure, cure.before, values), len(numbers)):
            break
    return tuple(values), False


def _gains(cure: Cure, before: Sequence[float | None], after: Sequence[float | None]) -> tuple[float, ...]:
    """Gain of each seed, of as many as are known of both."""
    assert cure.yardstick is not None
    return tuple(cure.yardstick.gain(b, a) for b, a in zip(before, after, strict=False))


def _worse(cure: Cure, smaller: Cure) -> bool:
    """Whether the seeds show that the smaller set is worse, by more than a twentieth of the gain."""
    lost = _gains(cure, smaller.after, cure.after)
    gain = statistics.median(cure.gains)
    little = (1 - KEEPS) * gain if math.isfinite(gain) else 0.0
    return sign_flip(lost) <= PROOF and statistics.median(lost) > little
