"""The experiments by name, cheapest and most telling first, and the material that a recording gives them."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module

from ..capture.session import Session
from ..capture.step import Step
from ..evidence import EXPERIMENTS, NOWHERE, Event
from ..registry import all_rules
from ..rerun import Command
from ..rule import NotApplicable, Severity
from ._fitting import Fitting as Fitting
from .experiment import Experiment, Material

_LEAST_S = 1.0  # less than this is not worth a start


@cache
def all_experiments() -> tuple[Experiment, ...]:
    """Every experiment, in the order of :data:`netwright.evidence.EXPERIMENTS`: each file of this package that is called like one holds it as ``EXPERIMENT``."""
    package = __name__.rpartition(".")[0]
    return tuple(
        import_module(f"{package}.{name.replace('-', '_')}").EXPERIMENT for name in EXPERIMENTS.values()
    )


def material(session: Session, command: Command | None = None) -> Material:
    """What the experiments of a recorded program are given.

    Raises:
        NotApplicable: no training step was seen.
    """
    recording = session.recording
    if not recording.captures:
        raise NotApplicable("no training step was seen")
    first = recording.captures[0]
    later = tuple(Step(c) for c in recording.later if c.graph.backward == first.graph.backward)
    known = [r for r in recording.optimizers if r.steps]
    index = first.optimizer
    record = recording.optimizers[index] if index is not None else (known[0] if len(known) == 1 else None)
    optimizer = record.optimizer() if record is not None else None
    where = record.where if record is not None else NOWHERE
    more = session.gathering.captures if session.gathering is not None else []
    return Material(
        step=Step(first),
        others=later,
        optimizer=optimizer,
        where=where,
        constant=_constant(recording.events),
        session=session,
        command=command,
        gathered=tuple(Step(c) for c in more if c.graph.backward == first.graph.backward),
    )


def _constant(events: Sequence[Event]) -> bool:
    """Whether the learning rate stays as it is: no scheduler was made, and no step had another rate than the first."""
    rates = {e.detail.get("lr") for e in events if e.kind == "optimizer_step"}
    return len(rates) <= 1 and not any(e.kind == "scheduler_step" for e in events)


def serious(severity: Mapping[str, Severity]) -> tuple[str, ...]:
    """The experiments without which some error or warning could not be found; ``severity`` are the user's own by code."""
    grave = [r for r in all_rules() if severity.get(r.code, r.severity) is not Severity.INFO]
    needed = {kind for rule in grave for kind in rule.needs.values()}
    return tuple(e.name for e in all_experiments() if e.makes in needed and not e.reruns)


def planned(
    names: Sequence[str], budget_s: float, clock: Callable[[], float] = time.perf_counter
) -> Iterator[tuple[Experiment, float]]:
    """The experiments asked for (``all`` is every one that does not run the program again), each with its seconds; 0 where nothing is left of the budget.

    An experiment gets its share of what is left when its turn comes, so that time one does not need goes to those after it.
    """
    ends = clock() + budget_s
    chosen = [e for e in all_experiments() if e.name in names or ("all" in names and not e.reruns)]
    for index, experiment in enumerate(chosen):
        left = ends - clock()
        share = experiment.share / sum(e.share for e in chosen[index:])
        yield experiment, min(experiment.limit_s, left * share) if left > _LEAST_S else 0.0
