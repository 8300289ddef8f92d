"""The smallest set of remedies that heals: all that the findings nominate, singly and together, then each taken away again."""

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from ..remedies import Patch, Refused, Treatment, merged
from ..rerun import Trace
from .yardstick import Yardstick, choose, sign_flip

Tried = Patch | Treatment
Set = tuple[Tried, ...]
Run = Callable[[Sequence[tuple[Set, int]]], Sequence[Trace]]
_KEEPS = 0.95  # of the gain: a remedy without which this much is kept is not needed
_MUCH = 1.25  # times the gain: what a standard remedy must come to on top of those that findings nominate
_MOST_SINGLE = 8
_JOINED = 4  # standard remedies, of which the likeliest come first, that are tried on top of others as well
SEEDS = 5  # one-sided sign-flip test: p = 1/32 when every seed gains


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One set of remedies tried with the program's own seed. ``value`` is ``None`` where the re-run gave none."""

    patches: Set
    trace: Trace
    value: float | None
    gain: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cure:
    """What the search found.

    ``patches`` is the smallest set that heals (patches of the source, and treatments at hooks), empty when none does. ``before`` and ``after`` are the values by seed, ``p`` that of the paired sign-flip test on them.
    ``luck`` is how much two seeds of the program as it is differ (the median of all pairs). ``not_needed`` were taken away again without loss. ``refused`` says why remedies could not be tried together.
    """

    yardstick: Yardstick | None
    control: Attempt
    attempts: tuple[Attempt, ...] = ()
    patches: Set = ()
    not_needed: Set = ()
    before: tuple[float | None, ...] = ()
    after: tuple[float | None, ...] = ()
    p: float | None = None
    luck: float | None = None
    refused: tuple[str, ...] = ()

    @property
    def gains(self) -> tuple[float, ...]:
        """Gain of each seed."""
        assert self.yardstick is not None
        return tuple(self.yardstick.gain(b, a) for b, a in zip(self.before, self.after, strict=True))

    @property
    def files(self) -> dict[str, str]:
        """The files that the program read, with their states."""
        found: dict[str, str] = {}
        for attempt in (*self.attempts, self.control):
            found.update(attempt.trace.files)
        return found

    @property
    def proven(self) -> bool:
        """Whether every seed gains, and by more than seeds of the program as it is differ among themselves."""
        if self.yardstick is None or not self.patches or self.p is None:
            return False
        typical = statistics.median(self.gains)
        return self.p <= 1 / 32 and typical > (self.luck or 0.0)


def search(
    nominated: Sequence[Sequence[Tried]], run: Run, *, seeds: int = SEEDS, standard: Sequence[Tried] = ()
) -> Cure:
    """Find the smallest set of remedies that heals.

    Args:
        nominated: for each finding its remedies, the first the most fitting.
        run: re-runs the program for pairs of a set of remedies and a seed (the empty set is the program as it is).
        seeds: how many seeds prove the set that is found.
        standard: remedies that no finding nominates, tried alone and with those nominated where these do not help by themselves, and on top of what helps, where one stays
            that adds a quarter of the gain.
    """
    first = [options[0] for options in nominated if options]
    together, refused = compatible(first)
    others = [p for options in nominated for p in options[1:]]
    sets: list[Set] = [()]
    for patches in ([together] if len(together) > 1 else []) + [(p,) for p in [*first, *others]][
        :_MOST_SINGLE
    ]:
        # Two findings may nominate the same edit.
        if all(_edits(patches) != _edits(known) for known in sets):
            sets.append(patches)
    further = _further(together, standard)
    if len(sets) == 1:
        sets, further = [*sets, *further], []
    traces = list(run([(patches, 0) for patches in sets]))
    loss_stays = not any(p.bends_loss for p in [*first, *others])
    # A remedy that makes the program crash says nothing of what the program computes; the program as it is does, where all do.
    yardstick = choose([t for t in traces[1:] if t.whole] or traces[:1], loss_stays=loss_stays)
    if yardstick is None and further:  # all that was nominated comes to nothing
        traces += run([(patches, 0) for patches in further])
        sets, further = [*sets, *further], []
        yardstick = choose([t for t in traces[1:] if t.whole], loss_stays=loss_stays)
    if yardstick is None:
        return Cure(yardstick=None, control=_attempt(None, (), traces[0], None), refused=tuple(refused))
    before = yardstick.value(traces[0])
    attempts = [_attempt(yardstick, s, t, before) for s, t in zip(sets, traces, strict=True)]
    if further and not any(a.gain > 0 for a in attempts[1:]):
        more = run([(patches, 0) for patches in further])
        attempts += [_attempt(yardstick, s, t, before) for s, t in zip(further, more, strict=True)]
    best = max(attempts[1:], key=lambda a: (a.gain, -len(a.patches)), default=attempts[0])
    not_needed: list[Tried] = []
    if best.gain > 0 and len(best.patches) > 1:
        best, not_needed = _smallest(best, attempts, run, yardstick, before)
    elif best.gain > 0:
        best, grown = _grown(best, attempts, run, yardstick, before)
        attempts += grown
        not_needed = [p for p in together if p not in best.patches]
    if further and best.gain > 0 and not any(p in standard for p in best.patches):
        best, grown = _on_top(best, standard, run, yardstick, before)
        attempts += grown
    cure = Cure(
        yardstick=yardstick,
        control=attempts[0],
        attempts=tuple(attempts[1:]),
        patches=best.patches if best.gain > 0 else (),
        not_needed=tuple(not_needed),
        refused=tuple(refused),
    )
    return _proven(cure, run, seeds) if cure.patches else cure


def _on_top(
    best: Attempt, standard: Sequence[Tried], run: Run, yardstick: Yardstick, before: float | None
) -> tuple[Attempt, list[Attempt]]:
    """What heals, with one standard remedy more, where that adds much: a small change for the worse or the better is none of a patch's business."""
    joined = [compatible([*best.patches, p]) for p in standard[:_JOINED]]
    sets = [both for both, refused in joined if not refused and len(both) > len(best.patches)]
    if not sets:
        return best, []
    more = [_attempt(yardstick, s, t, before) for s, t in zip(sets, run([(s, 0) for s in sets]), strict=True)]
    most = max(more, key=lambda a: a.gain)
    return (most if math.isfinite(best.gain) and most.gain > _MUCH * best.gain else best), more


def _edits(patches: Set) -> frozenset[tuple[str, object]]:
    return frozenset(p.key for p in patches)


def _further(together: Set, standard: Sequence[Tried]) -> list[Set]:
    """Each standard remedy alone, and the likeliest with all that are nominated."""
    alone: list[Set] = [(p,) for p in standard]
    if not together:
        return alone
    joined = [compatible([*together, p]) for p in standard[:_JOINED]]
    return [*alone, *(both for both, refused in joined if not refused and len(both) > len(together))]


def compatible(patches: Iterable[Tried]) -> tuple[Set, list[str]]:
    """As many of the patches as can be made together, in order, and why the others cannot."""
    kept: list[Tried] = []
    refused: list[str] = []
    for patch in patches:
        if any(patch.key == k.key for k in kept):
            continue
        try:
            merged([*kept, patch])
        except Refused as why:
            refused.append(f"{patch.remedy}: {why}")
        else:
            kept.append(patch)
    return tuple(kept), refused


def _attempt(yardstick: Yardstick | None, patches: Set, trace: Trace, before: float | None) -> Attempt:
    value = yardstick.value(trace) if yardstick is not None else None
    gain = yardstick.gain(before, value) if yardstick is not None else 0.0
    return Attempt(patches=patches, trace=trace, value=value, gain=gain if patches else 0.0)


def _smallest(
    best: Attempt, attempts: list[Attempt], run: Run, yardstick: Yardstick, before: float | None
) -> tuple[Attempt, list[Tried]]:
    """Take away one remedy after the other, the least telling first, as long as the gain stays."""
    alone = {a.patches[0]: a.gain for a in attempts if len(a.patches) == 1}
    target = best.gain
    gone: list[Tried] = []
    for patch in sorted(best.patches, key=lambda p: alone.get(p, -math.inf)):
        rest = tuple(p for p in best.patches if p != patch)
        if not rest:
            break
        known = next((a for a in attempts if set(a.patches) == set(rest)), None)
        if known is None:
            (trace,) = run([(rest, 0)])
            known = _attempt(yardstick, rest, trace, before)
            attempts.append(known)
        if known.gain >= (_KEEPS * target if math.isfinite(target) else target) and known.gain > 0:
            best = known
            gone.append(patch)
    return best, gone


def _grown(
    best: Attempt, attempts: Sequence[Attempt], run: Run, yardstick: Yardstick, before: float | None
) -> tuple[Attempt, list[Attempt]]:
    """Add single remedies that gained as well, as long as the gain grows by a twentieth."""
    more: list[Attempt] = []
    for other in sorted(attempts, key=lambda a: -a.gain):
        if len(other.patches) != 1 or other.gain <= 0 or other.patches[0] in best.patches:
            continue
        both, refused = compatible([*best.patches, *other.patches])
        if refused or len(both) == len(best.patches):
            continue
        (trace,) = run([(both, 0)])
        tried = _attempt(yardstick, both, trace, before)
        more.append(tried)
        if tried.gain > best.gain + 0.05 * abs(best.gain if math.isfinite(best.gain) else 0.0):
            best = tried
    return best, more


def _proven(cure: Cure, run: Run, seeds: int) -> Cure:
    """Matched seeds with and without. Other seeds than the one by which the set was chosen, which would speak for it."""
    assert cure.yardstick is not None
    numbers = range(1, seeds + 1)
    traces = list(run([(s, seed) for seed in numbers for s in ((), cure.patches)]))
    before = tuple(cure.yardstick.value(t) for t in traces[0::2])
    after = tuple(cure.yardstick.value(t) for t in traces[1::2])
    known = [b for b in before if b is not None]
    pairs = [abs(a - b) for i, a in enumerate(known) for b in known[i + 1 :]]
    cure = replace(cure, before=before, after=after, luck=statistics.median(pairs) if pairs else None)
    return replace(cure, p=sign_flip(cure.gains))
