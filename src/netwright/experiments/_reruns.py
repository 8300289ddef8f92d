"""What the experiments on re-runs share: how long a run may be so that all of them fit, and intervals over few runs."""

import math
import os
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from ..evidence import Spread
from ..rerun import Command, Plan, Trace
from ..rerun.pool import rerun, workers
from ..rule import NotApplicable
from ..student import quantile
from .experiment import Material
from .progress import Progress

FEWEST_STEPS = 20
_SLOWER = 1.3  # a run beside others takes longer than one alone
_SURE = 0.95


def command_of(material: Material) -> Command:
    """How the program was started.

    Raises:
        NotApplicable: not by netwright.
    """
    if material.command is None:
        raise NotApplicable(
            "the program cannot be run again: netwright did not start it (netwright check SCRIPT does)"
        )
    return material.command


@dataclass(frozen=True, slots=True)
class Length:
    """How long runs may be: a number of steps (``None``: to their own end), with the first run that told so, and the most runs that fit."""

    steps: int | None
    scout: Trace
    plan: Plan
    runs: int
    at_once: int

    def plans(self, wanted: Iterable[Plan]) -> list[Plan]:
        """Plans of that length."""
        return [replace(p, steps=self.steps, threads=self.plan.threads) for p in wanted]


def length(
    command: Command,
    seconds: float,
    *,
    fewest: int,
    most: int,
    changes: Callable[[Trace], None] = lambda trace: None,  # noqa: ARG005
) -> Length:
    """Run the program once, with its own seeds, to see how much of it fits into the time several times over.

    Where ``fewest`` whole runs fit, runs are whole and as many as fit (``most`` at most); else ``fewest`` runs are stopped at an equal number of steps.

    Args:
        command: the program.
        seconds: for all runs, this one included.
        fewest: the number of runs that is needed.
        most: the number of runs beyond which more tell little.
        changes: looks at the first run and raises `NotApplicable` where the others would be of no use.

    Raises:
        NotApplicable: the first run failed, or too few steps fit.
    """
    began = time.monotonic()
    at_once = workers(most)
    threads = max(1, (os.cpu_count() or 1) // at_once) if at_once > 1 else None
    if threads is not None and "OMP_NUM_THREADS" in command.environment:
        threads = None  # the user has decided
    rounds = math.ceil(fewest / at_once)
    plan = Plan(seed=0, threads=threads, seconds=seconds / (1 + rounds))
    (scout,) = rerun(command, [replace(plan, seconds=None)], seconds=plan.seconds)
    if not scout.whole and scout.ended not in ("seconds", "killed"):
        raise NotApplicable(f"run again, the program did not come to its end: {scout.why()}")
    if not scout.losses:
        raise NotApplicable(
            f"run again, the program made no step that could be followed in {scout.wall_s:.0f} s"
        )
    changes(scout)
    left = seconds - (time.monotonic() - began)
    if scout.whole:
        each = scout.wall_s * (_SLOWER if at_once > 1 and not scout.cached else 1.0)
        runs = most if scout.cached else min(most, 1 + at_once * int(left / each))
        if runs >= fewest:
            return Length(None, scout, plan, runs, at_once)
    steps = _steps(scout, left / rounds / _SLOWER)
    if steps < FEWEST_STEPS:
        raise NotApplicable(
            f"{fewest} runs do not fit into {seconds:.0f} s: for each there would be time for {max(steps, 0)} steps (--budget SECONDS gives more)"
        )
    return Length(steps, scout, plan, fewest, at_once)


def _steps(scout: Trace, seconds: float) -> int:
    """The steps for which there is time beside the start of the program and an evaluation, to two digits."""
    training = max(scout.wall_s - scout.before_s, 1e-3)
    steps = int(0.7 * scout.steps * (seconds - scout.before_s) / training)
    steps = min(steps, int(0.9 * scout.steps))
    digit = 10 ** max(0, len(str(max(steps, 1))) - 2)
    return steps // digit * digit


def results(
    command: Command, plans: Sequence[Plan], *, at_once: int, seconds: float, progress: Progress
) -> list[Trace]:
    """Run all plans within the time."""
    return rerun(
        command, plans, at_once=at_once, seconds=max(seconds, 1.0), progress=lambda s: progress(0.2 + 0.8 * s)
    )


def spread(name: str, values: Sequence[float]) -> Spread | None:
    """Mean, deviation and intervals of a number over runs (``None``: fewer than two, or one that is not finite)."""
    if len(values) < 2 or not all(map(math.isfinite, values)):
        return None
    mean, deviation = statistics.fmean(values), statistics.stdev(values)
    t = quantile(len(values) - 1, _SURE)
    half = t * deviation / math.sqrt(len(values))
    return Spread(
        name=name,
        values=tuple(values),
        mean=mean,
        deviation=deviation,
        low=mean - half,
        high=mean + half,
        chance=t * deviation * math.sqrt(2),
    )
