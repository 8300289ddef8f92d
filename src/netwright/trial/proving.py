"""The proof of a set of remedies: matched seeds with and without it."""

import statistics
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice, takewhile

from ..rerun import Trace
from ..rerun.trace import KILLED, SECONDS
from .cure import PROOF, Cure, Run
from .yardstick import sign_flip


def proven(cure: Cure, run: Run, seeds: int, *, at_once: int = 1) -> Cure:
    """Run matched seeds with and without the set of a cure.

    Args:
        cure: what the search found.
        run: re-runs the program.
        seeds: how many pairs.
        at_once: how many re-runs are made beside each other. After every so many it is seen whether the rest can still prove anything.

    The seed by which one of several sets was chosen would speak for that set, so others are taken. Where only one set was there to be tried nothing was chosen by it: it is the first of the seeds.
    """
    assert cure.yardstick is not None
    pairs: list[tuple[Trace, Trace]] = []
    if _only_one(cure):
        pairs.append((cure.control.trace, cure.attempts[0].trace))
    cure = replace(_with(cure, pairs), seeds=seeds)
    wanted = iter(range(1, seeds + 1 - len(pairs)))
    while numbers := list(islice(wanted, max(1, at_once // 2))):
        traces = list(run([(s, seed) for seed in numbers for s in ((), cure.patches)]))
        both = zip(traces[0::2], traces[1::2], strict=True)
        done = list(takewhile(lambda pair: all(map(in_time, pair)), both))
        pairs += done
        cure = _with(cure, pairs)
        if len(done) < len(numbers):
            break
        if len(pairs) < seeds and hopeless(cure.gains, seeds):
            return replace(cure, futile=True)
    return cure


def _only_one(cure: Cure) -> bool:
    """Whether there was only one set to be tried."""
    return not cure.dropped and [a.patches for a in cure.attempts] == [cure.patches]


def seeds_of(cure: Cure) -> range:
    """The seeds by which a cure was proven."""
    first = 0 if _only_one(cure) else 1
    return range(first, first + len(cure.before))


def in_time(trace: Trace) -> bool:
    """Whether the budget was enough for a re-run; what was cut off by it says nothing of the program."""
    return trace.ended not in (KILLED, SECONDS)


def _with(cure: Cure, pairs: Sequence[tuple[Trace, Trace]]) -> Cure:
    """The cure with what pairs of re-runs gave."""
    if not pairs:
        return cure
    assert cure.yardstick is not None
    before = tuple(cure.yardstick.value(b) for b, _ in pairs)
    after = tuple(cure.yardstick.value(a) for _, a in pairs)
    known = [b for b in before if b is not None]
    apart = [abs(a - b) for i, a in enumerate(known) for b in known[i + 1 :]]
    cure = replace(cure, before=before, after=after, luck=statistics.median(apart) if apart else None)
    return replace(cure, p=sign_flip(cure.gains))


def hopeless(gains: Sequence[float], seeds: int) -> bool:
    """Whether the p-value of so many seeds cannot come down to 1/32 any more, whatever the seeds give that are still to come.

    Every sign pattern of the pairs known that reaches the sum seen does so as well with the signs of all others as they are, so at least that many of the 2^seeds patterns do; and when all others gain much, no more.
    """
    if not gains or 2.0**-seeds > PROOF:
        return False  # with so few seeds nothing is proven anyhow: whoever asks for them wants to see them
    return sign_flip(gains) * 2.0 ** (len(gains) - seeds) > PROOF
