"""Re-runs for the search: every one with the same number of steps, within the budget."""

import contextlib
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from ..remedies import interventions, merged
from ..rerun import Command, Plan, Trace
from ..rerun.pool import EARLIER_S, rerun, workers
from ..rerun.trace import CRASHED, KILLED, SECONDS, STOPPED
from ..trial import Cure, Rung, choose
from ..trial.cure import Set, Tried
from ..trial.search import stays

_PART = 4  # the shorter length is this part of the steps
_NAMED = 3  # remedies, that a sentence names
_SPARE = 1.35  # times what a whole run takes: of 12 of one program on a shared core the longest took 1.2 times the median and 1.3 times the shortest


def whole(command: Command) -> Plan:
    """The program as it is, to its own end: what a search begins with."""
    return Plan(seed=0, threads=_threads(command, workers(None)))


def _threads(command: Command, at_once: int) -> int | None:
    """Threads of torch's for each of several re-runs; ``None`` where the program or its user says."""
    own = "OMP_NUM_THREADS" in command.environment
    return max(1, (os.cpu_count() or 1) // at_once) if at_once > 1 and not own else None


class Trials:
    """The re-runs of one search.

    Args:
        command: the program.
        together: all that is nominated, as far as it can be made together: its length is measured where the program as it is crashes.
        sets: how many sets of remedies there are to try, as a rule.
        budget: seconds for all re-runs.
        seeds: pairs of the proof.
        progress: told the share that is done.
    """

    def __init__(
        self,
        command: Command,
        *,
        together: Set,
        sets: int,
        budget: float,
        seeds: int,
        progress: Callable[[float], None] = lambda _: None,
    ) -> None:
        self.command = command
        self.until = time.monotonic() + budget
        self.progress = progress
        self.at_once = workers(None)
        self.beside = 0  # processes of ours that need a core besides the re-runs
        self.threads = _threads(command, self.at_once)
        self.done = 0
        self.wanted = 1 + sets + 2 * seeds
        self.rounds = math.ceil(self.wanted / self.at_once) + 1
        self.each = budget / self.rounds
        self.steps: int | None = None
        self.known: dict[str, Trace] = {}
        self.scout: Trace | None = None
        self.start_s = 0.0  # before the first re-run begins
        self.steps = self._length(together)

    def _length(self, together: Set) -> int | None:
        """How many steps every re-run makes, so that all fit: seen on the program as it is, or, where that crashes, on the mended one."""
        for patches in ((), together):
            began = time.monotonic()
            (scout,) = self._run([self._plan(patches, 0)], self.each)
            if not patches and not scout.cached:
                self.start_s = max(0.0, time.monotonic() - began - scout.wall_s)
                if scout.ended in (SECONDS, KILLED) and self.start_s > EARLIER_S:
                    # What re-runs are forked from is there now, and takes none of their time any more.
                    (scout,) = self._run([self._plan(patches, 0)], self.each)
            if scout.whole:
                self.scout = scout
                return None
            if scout.ended in (SECONDS, KILLED) and scout.steps:
                share = max(
                    0.1, (self.each * 0.8 - scout.before_s) / max(scout.wall_s - scout.before_s, 1e-3)
                )
                return max(1, int(scout.steps * min(share, 0.8)))
        return None

    def whole(self) -> Trace:
        """The program as it is, to its own end or to that of the budget."""
        (trace,) = self._run([Plan(seed=0, threads=self.threads)], max(1.0, self.until - time.monotonic()))
        return trace

    @property
    def over(self) -> bool:
        """Whether the budget is spent. A re-run that is begun all the same gets a second."""
        return time.monotonic() >= self.until

    def needs(self, seconds: float) -> float:
        """The budget within which all re-runs fit whole where one takes so long, and what they are forked from is started."""
        return 10 * math.ceil((self.rounds * (_SPARE * seconds + EARLIER_S) + self.start_s) / 10)

    @property
    def rung(self) -> Rung | None:
        """A part of the program's steps, with what it costs as the whole length was seen to; ``None`` where that is not known, or the part would be no training."""
        scout = self.scout
        if scout is None or scout.steps < 2 * _PART:
            return None
        steps = scout.steps // _PART
        training = scout.wall_s - scout.before_s
        # What the evaluation at the end takes is not known apart; it belongs to the part as to the whole.
        cost = (scout.before_s + training / _PART) / max(scout.wall_s, 1e-3)
        return Rung(run=lambda wanted: self.run(wanted, steps=steps), steps=steps, cost=cost)

    def _plan(self, patches: Set, seed: int, steps: int | None = None) -> Plan:
        overlay = {os.path.realpath(p): text for p, text in merged(patches).items()}
        return Plan(
            seed=seed,
            steps=steps or self.steps,
            threads=self.threads,
            overlay=overlay,
            interventions=interventions(patches),
        )

    def run(self, wanted: Sequence[tuple[Set, int]], *, steps: int | None = None) -> list[Trace]:
        """One re-run for each set of remedies and seed; for less than the usual number of ``steps`` where some are given."""
        plans = [self._plan(patches, seed, steps) for patches, seed in wanted]
        return self._run(plans, max(1.0, self.until - time.monotonic()))

    def _run(self, plans: Sequence[Plan], seconds: float) -> list[Trace]:
        """A program that crashed does so again: what is known in this search is not run a second time, as what the cache does not keep would be."""
        names = [p.to_json() for p in plans]
        fresh = [p for p, name in zip(plans, names, strict=True) if name not in self.known]
        before = self.done
        traces = rerun(
            self.command,
            fresh,
            at_once=max(1, self.at_once - self.beside),
            seconds=seconds,
            progress=lambda share: self._at(before + share * len(fresh)),
        )
        self.done = before + len(fresh)
        self._at(self.done)
        found = dict(zip((p.to_json() for p in fresh), traces, strict=True))
        self.known |= {n: replace(t, cached=True) for n, t in found.items() if t.whole or t.ended == CRASHED}
        return [found[name] if name in found else self.known[name] for name in names]

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Something else is done: its time is none of the budget for re-runs."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.until += time.monotonic() - began

    def _at(self, done: float) -> None:
        self.progress(min(0.99, done / self.wanted))


def cut_short(trials: Trials, cure: Cure, nominated: Sequence[Tried]) -> str:
    """What the budget kept from being known, and which budget would do: where it ended the re-runs before the program's evaluation, what is left of it is spent on one whole run. Nothing where the evaluation tells nothing anyhow.

    Args:
        trials: the re-runs that were made.
        cure: what came of them.
        nominated: the remedies that findings nominate.
    """
    control = cure.control.trace
    if cure.yardstick is not None:
        cut = list(dict.fromkeys(p.remedy for p in nominated if unfinished(cure, p)))
        if cure.patches or not cut:
            return ""
        said = f"the budget ended before the re-runs with {' and '.join(cut[:_NAMED])} did"
        return f"{said}; {_would_do(trials, control.wall_s)}"
    if control.ended not in STOPPED:
        return ""
    whole = trials.whole()
    if whole.ended == CRASHED or (whole.whole and choose([whole], stays(nominated)) is None):
        return ""
    seconds = whole.wall_s if whole.whole else max(whole.wall_s, control.wall_s)
    said = f"the budget ended before the program's own evaluation, by which remedies are judged ({control.why()})"
    return f"{said}; {_would_do(trials, seconds, more=not whole.whole)}"


def unfinished(cure: Cure, tried: Tried) -> bool:
    """Whether every re-run with a remedy was ended by the budget before it could be judged, so that nothing is known of it."""
    runs = [a.trace for a in (*cure.attempts, *cure.dropped) if any(p.key == tried.key for p in a.patches)]
    yardstick = cure.yardstick
    return bool(runs) and all(
        t.ended in (SECONDS, KILLED) or (yardstick is not None and yardstick.cut_off(t)) for t in runs
    )


def _would_do(trials: Trials, seconds: float, *, more: bool = False) -> str:
    needed = trials.needs(seconds)
    if more:
        return f"a whole run takes more than {seconds:.3g} s, so more than --budget {needed:.0f} is needed"
    return f"a whole run takes {seconds:.3g} s, so --budget {needed:.0f} would do"
