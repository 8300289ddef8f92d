"""The smallest set of remedies that heals: all that the findings nominate, singly and together, then each taken away again."""

import math
from collections.abc import Callable, Iterable, Sequence

from ..remedies import Refused, merged
from ..rerun import Trace
from ..rerun.trace import STOPPED
from .cure import SEEDS, Attempt, Cure, Run, Set, Tried
from .halving import Rung, halved
from .lessening import KEEPS, lessened
from .proving import proven
from .yardstick import Stays, Yardstick, choose

_MUCH = 1.25  # times the gain: what a standard remedy must come to on top of those that findings nominate
_MOST_SINGLE = 8
_JOINED = 4  # standard remedies, of which the likeliest come first, that are tried on top of others as well


def search(
    nominated: Sequence[Sequence[Tried]],
    run: Run,
    *,
    seeds: int = SEEDS,
    standard: Sequence[Tried] = (),
    healthy: Callable[[Set], bool] = lambda _: False,
    chosen: Callable[[Set], None] = lambda _: None,
    rung: Rung | None = None,
    at_once: int = 1,
    enough: Callable[[Cure], bool] = lambda _: True,
    over: Callable[[], bool] = lambda: False,
) -> Cure:
    """Find the smallest set of remedies that heals.

    Args:
        nominated: for each finding its remedies, the first the most fitting.
        run: re-runs the program for pairs of a set of remedies and a seed (the empty set is the program as it is).
        seeds: how many seeds prove the set that is found.
        standard: remedies that no finding nominates, tried alone and with those nominated where these do not help by themselves, and on top of what helps as long as the program is not healthy with it; there one stays
            that adds a quarter of the gain.
        healthy: whether an examination finds nothing any more in the program with a set of remedies.
        chosen: told of the set that is found before it is proven.
        rung: a shorter length, at which many sets are compared first.
        at_once: how many re-runs are made beside each other.
        enough: whether a part of a proven set comes up to what is asked of it besides its proof.
        over: whether the time for re-runs is over: what of a proven set is needed is then not tried any more.
    """
    found = _Search(nominated, run, standard, healthy, rung).cure()
    if not found.patches:
        return found
    chosen(found.patches)
    found = proven(found, run, seeds, at_once=at_once)
    return lessened(found, run, at_once=at_once, enough=enough, over=over)


class _Search:
    """One search. ``attempts`` went the whole length, the first is the program as it is; ``dropped`` did not."""

    def __init__(
        self,
        nominated: Sequence[Sequence[Tried]],
        run: Run,
        standard: Sequence[Tried],
        healthy: Callable[[Set], bool],
        rung: Rung | None,
    ) -> None:
        self.first = [options[0] for options in nominated if options]
        self.others = [p for options in nominated for p in options[1:]]
        self.together, self.refused = compatible(self.first)
        self.run, self.standard, self.healthy, self.rung = run, standard, healthy, rung
        self.stays = stays([*self.first, *self.others])
        self.yardstick: Yardstick | None = None
        self.attempts: list[Attempt] = []
        self.dropped: list[Attempt] = []

    def cure(self) -> Cure:
        """The smallest set, not proven yet."""
        sets, further = self._nominated(), _further(self.together, self.standard)
        if not sets:
            sets, further = further, []
        if self.rung is None:
            control, *traces = self.run([(s, 0) for s in [(), *sets]])
        else:
            (control,) = self.run([((), 0)])
            sets, traces = self._whole_length(sets, control)
        # A remedy that makes the program crash says nothing of what the program computes; the program as it is does, where all do.
        yardstick = choose([t for t in traces if t.whole] or [control], self.stays, control)
        if (
            yardstick is None and further and control.ended not in STOPPED
        ):  # all that was nominated comes to nothing
            more, longer = self._whole_length(further, control)
            sets, traces, further = [*sets, *more], [*traces, *longer], []
            yardstick = choose([t for t in traces if t.whole], self.stays, control)
        if yardstick is None:
            only = Attempt(patches=(), trace=control, value=None, gain=0.0)
            return Cure(yardstick=None, control=only, refused=tuple(self.refused))
        self.yardstick = yardstick
        self._note([()], [control])
        self._note(sets, traces)
        if self._without_void() and further:
            further = _further(self.together, self.standard)
        if further and not any(a.gain > 0 for a in self.attempts):
            self._note(*self._whole_length(further, control))
        best, not_needed = self._best(further)
        return Cure(
            yardstick=yardstick,
            control=self.attempts[0],
            attempts=tuple(self.attempts[1:]),
            dropped=tuple(self.dropped),
            patches=best.patches if best.gain > 0 else (),
            not_needed=tuple(not_needed),
            refused=tuple(self.refused),
        )

    def _without_void(self) -> bool:
        """Leave out of what is made together what does nothing; whether there was any."""
        void = [a.patches for a in (*self.attempts, *self.dropped) if a.void]
        before, self.together = self.together, tuple(p for p in self.together if (p,) not in void)
        return self.together != before

    def _nominated(self) -> list[Set]:
        sets: list[Set] = []
        joint = [self.together] if len(self.together) > 1 else []
        for patches in [*joint, *((p,) for p in [*self.first, *self.others])][:_MOST_SINGLE]:
            # Two findings may nominate the same edit.
            if all(_edits(patches) != _edits(known) for known in sets):
                sets.append(patches)
        return sets

    def _whole_length(self, sets: Sequence[Set], control: Trace) -> tuple[list[Set], list[Trace]]:
        """Run sets to the end, without those that the shorter length rules out. All that is nominated, made together, is never left out."""
        joint = [s for s in sets if len(s) > 1 and s == self.together]
        rest = [s for s in sets if s not in joint]
        rest, dropped = halved(rest, self.rung, control, self.stays)
        self.dropped += dropped
        sets = [s for s in sets if s in joint or s in rest]
        return sets, list(self.run([(s, 0) for s in sets])) if sets else []

    def _note(self, sets: Sequence[Set], traces: Sequence[Trace]) -> list[Attempt]:
        """What came of re-runs, judged."""
        assert self.yardstick is not None
        noted: list[Attempt] = []
        for patches, trace in zip(sets, traces, strict=True):
            value = self.yardstick.value(trace)
            gain = self.yardstick.gain(self.attempts[0].value, value) if patches else 0.0
            void = bool(patches) and self.yardstick.same(trace, self.attempts[0].trace)
            noted.append(Attempt(patches=patches, trace=trace, value=value, gain=gain, void=void))
            self.attempts.append(noted[-1])
        return noted

    def _try(self, sets: Sequence[Set]) -> list[Attempt]:
        return self._note(sets, self.run([(s, 0) for s in sets]))

    def _best(self, further: Sequence[Set]) -> tuple[Attempt, list[Tried]]:
        """Of what was tried the best, with as little as keeps it so good, and what it does not need."""
        best = max(self.attempts[1:], key=lambda a: (a.gain, -len(a.patches)), default=self.attempts[0])
        not_needed: list[Tried] = []
        if best.gain > 0 and len(best.patches) > 1:
            best, not_needed = self._smallest(best)
            not_needed = [
                p for p in not_needed if not any(a.void and a.patches == (p,) for a in self.attempts)
            ]
        elif best.gain > 0:
            best = self._grown(self._further_still(best))
            not_needed = [p for p in self.together if p not in best.patches]
        if further and best.gain > 0 and not any(p in self.standard for p in best.patches):
            best = self._on_top(best)
        return best, not_needed

    def _on_top(self, best: Attempt) -> Attempt:
        """What heals, with one standard remedy more, where that adds much: a small change for the worse or the better is none of a patch's business.

        Nothing is tried where nothing can add so much, or the program is healthy already.
        """
        assert self.yardstick is not None
        joined = [compatible([*best.patches, p]) for p in self.standard[:_JOINED]]
        sets = [both for both, refused in joined if not refused and len(both) > len(best.patches)]
        enough = _MUCH * best.gain  # infinite where the program gave nothing before: no gain is above that
        if not sets or enough >= self.yardstick.most(self.attempts[0].value) or self.healthy(best.patches):
            return best
        most = max(self._try(sets), key=lambda a: a.gain)
        return most if most.gain > enough else best

    def _smallest(self, best: Attempt) -> tuple[Attempt, list[Tried]]:
        """Take away one remedy after the other, the least telling first, as long as the gain stays."""
        alone = {a.patches[0]: a.gain for a in self.attempts if len(a.patches) == 1}
        target = best.gain
        gone: list[Tried] = []
        for patch in sorted(best.patches, key=lambda p: alone.get(p, -math.inf)):
            rest = tuple(p for p in best.patches if p != patch)
            if not rest:
                break
            known = next((a for a in self.attempts if set(a.patches) == set(rest)), None)
            if known is None:
                (known,) = self._try([rest])
            if known.gain >= (KEEPS * target if math.isfinite(target) else target) and known.gain > 0:
                best = known
                gone.append(patch)
        return best, gone

    def _further_still(self, best: Attempt) -> Attempt:
        """More of the same, as long as the gain grows by a twentieth: of a rate that is too high, the tenth of the tenth."""
        assert self.yardstick is not None
        (patch,) = best.patches
        while (patch := patch.beyond) is not None:
            enough = self._more(best)
            if enough >= self.yardstick.most(self.attempts[0].value):
                break  # nothing can add that much
            (tried,) = self._try([(patch,)])
            if tried.gain <= enough:
                break
            best = tried
        return best

    def _more(self, best: Attempt) -> float:
        """The gain from which one counts as larger."""
        return best.gain + 0.05 * abs(best.gain if math.isfinite(best.gain) else 0.0)

    def _grown(self, best: Attempt) -> Attempt:
        """Add single remedies that gained as well, as long as the gain grows by a twentieth."""
        assert self.yardstick is not None
        for other in sorted(self.attempts[1:], key=lambda a: -a.gain):
            if len(other.patches) != 1 or other.gain <= 0 or other.patches[0] in best.patches:
                continue
            both, refused = compatible([*best.patches, *other.patches])
            if refused or len(both) == len(best.patches):
                continue
            enough = self._more(best)
            if enough >= self.yardstick.most(self.attempts[0].value):
                break  # nothing can add that much
            (tried,) = self._try([both])
            if tried.gain > enough:
                best = tried
        return best


def _edits(patches: Set) -> frozenset[tuple[str, object]]:
    return frozenset(p.key for p in patches)


def _further(together: Set, standard: Sequence[Tried]) -> list[Set]:
    """Each standard remedy alone, and the likeliest with all that are nominated."""
    alone: list[Set] = [(p,) for p in standard]
    if not together:
        return alone
    joined = [compatible([*together, p]) for p in standard[:_JOINED]]
    return [*alone, *(both for both, refused in joined if not refused and len(both) > len(together))]


def stays(tried: Sequence[Tried]) -> Stays:
    """What can be compared before and after these remedies."""
    return Stays(
        loss=not any(p.bends_loss for p in tried),
        training=not any(p.bends_training for p in tried),
        rare=any(p.for_rare for p in tried),
    )


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
