"""The experiments by name, cheapest and most telling first, and the material that a recording gives them."""

from collections.abc import Sequence
from functools import cache
from importlib import import_module

from ..capture.session import Session
from ..capture.step import Step
from ..evidence import EXPERIMENTS, NOWHERE, Event
from ..rerun import Command
from ..rule import NotApplicable
from .experiment import Experiment, Material


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
    return Material(Step(first), later, optimizer, where, _constant(recording.events), session, command)


def _constant(events: Sequence[Event]) -> bool:
    """Whether the learning rate stays as it is: no scheduler was made, and no step had another rate than the first."""
    rates = {e.detail.get("lr") for e in events if e.kind == "optimizer_step"}
    return len(rates) <= 1 and not any(e.kind == "scheduler_step" for e in events)


def planned(names: Sequence[str], budget_s: float) -> tuple[tuple[Experiment, float], ...]:
    """The experiments asked for (``all`` is every one that does not run the program again), each with its seconds out of a budget."""
    chosen = [e for e in all_experiments() if e.name in names or ("all" in names and not e.reruns)]
    whole = sum(e.share for e in chosen)
    return tuple((e, min(e.limit_s, budget_s * e.share / whole)) for e in chosen)
