"""What a search tries, and what it found."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..remedies import Patch, Treatment
from ..rerun import Trace
from .yardstick import Yardstick

Tried = Patch | Treatment
Set = tuple[Tried, ...]
Run = Callable[[Sequence[tuple[Set, int]]], Sequence[Trace]]
PROOF = 1 / 32  # the p-value that is asked for
SEEDS = 5  # one-sided sign-flip test: p = 1/32 when every seed gains


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One set of remedies tried with the program's own seed. ``value`` is ``None`` where the re-run gave none.

    ``steps`` is where it was stopped when it had shown no more than the program as it is (``None``: it went the whole length), ``beside`` what the program as it is had reached by then.
    ``void`` says that it computed the same as the program as it is, to the last bit: what was changed does nothing, and the trial says nothing of the cause.
    """

    patches: Set
    trace: Trace
    value: float | None
    gain: float
    steps: int | None = None
    beside: float | None = None
    void: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Without:
    """A proven set with one remedy taken away again, over the seeds of the proof or as many of them as it took to tell.

    ``after`` and ``gains`` are what the others reach, and by how much that is better than the program as it is. ``needed`` is ``None`` where the time was over before that could be told.
    """

    patch: Tried
    after: tuple[float | None, ...]
    gains: tuple[float, ...]
    needed: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cure:
    """What the search found.

    ``patches`` is the smallest set that heals (patches of the source, and treatments at hooks), empty when none does. ``dropped`` are the attempts that were given up after a part of the steps.
    ``before`` and ``after`` are the values by seed, ``p`` that of the paired sign-flip test on them, ``seeds`` the number that was wanted: fewer are there where the rest could prove nothing any more (``futile``), or the time was over.
    ``short`` says that the program with it still falls short of what was the reason to look for one. ``luck`` is how much two seeds of the program as it is differ (the median of all pairs). ``not_needed`` were taken away again without loss, ``without`` says what came of it over the seeds of the proof. ``refused`` says why remedies could not be tried together.
    """

    yardstick: Yardstick | None
    control: Attempt
    attempts: tuple[Attempt, ...] = ()
    dropped: tuple[Attempt, ...] = ()
    patches: Set = ()
    not_needed: Set = ()
    without: tuple[Without, ...] = ()
    before: tuple[float | None, ...] = ()
    after: tuple[float | None, ...] = ()
    seeds: int = SEEDS
    futile: bool = False
    short: bool = False
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
        if self.yardstick is None or not self.patches or self.p is None or self.short:
            return False
        typical = statistics.median(self.gains)
        return self.p <= PROOF and typical > (self.luck or 0.0)
