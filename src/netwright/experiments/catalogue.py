"""The experiments by name, cheapest and most telling first, and what each of them is given."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from ..capture.session import Session
from ..capture.step import Step
from ..evidence import EXPERIMENTS as NAMES
from ..evidence import NOWHERE, Event, GradientCheck, Overfit, RangeTest, Where
from ..rule import NotApplicable
from .gradient_check import gradient_check
from .overfit_batch import overfit_batch
from .progress import Progress
from .range_test import range_test


@dataclass(frozen=True, slots=True)
class Material:
    """What an experiment works on: a captured step, further ones of the same line with their own batches, and the optimizer that follows it."""

    step: Step
    others: tuple[Step, ...]
    optimizer: torch.optim.Optimizer | None
    where: Where
    constant: bool


@dataclass(frozen=True, slots=True)
class Experiment:
    """One experiment. ``share`` is its part of the budget when all are run, ``limit_s`` the most it needs."""

    makes: type
    share: float
    limit_s: float
    run: Callable[[Material, float, Progress], object]

    @property
    def name(self) -> str:
        """What it is called on the command line."""
        return NAMES[self.makes]


def _overfit(material: Material, seconds: float, progress: Progress) -> Overfit:
    return overfit_batch(
        material.step,
        material.optimizer,
        others=material.others,
        seconds=seconds,
        where=material.where,
        progress=progress,
    )


def _range(material: Material, seconds: float, progress: Progress) -> RangeTest:
    if material.optimizer is None:
        raise NotApplicable("no optimizer made a step, so there is no rate to compare with")
    return range_test(
        material.step,
        material.optimizer,
        others=material.others,
        constant=material.constant,
        seconds=seconds,
        where=material.where,
        progress=progress,
    )


def _gradients(material: Material, seconds: float, progress: Progress) -> GradientCheck:
    return gradient_check(material.step, seconds=seconds, progress=progress)


EXPERIMENTS = (
    Experiment(GradientCheck, 0.15, 5.0, _gradients),
    Experiment(Overfit, 0.4, 20.0, _overfit),
    Experiment(RangeTest, 0.45, 25.0, _range),
)


def material(session: Session) -> Material:
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
    return Material(Step(first), later, optimizer, where, _constant(recording.events))


def _constant(events: Sequence[Event]) -> bool:
    """Whether the learning rate stays as it is: no scheduler was made, and no step had another rate than the first."""
    rates = {e.detail.get("lr") for e in events if e.kind == "optimizer_step"}
    return len(rates) <= 1 and not any(e.kind == "scheduler_step" for e in events)


def planned(names: Sequence[str], budget_s: float) -> tuple[tuple[Experiment, float], ...]:
    """The experiments asked for (``all`` is every one), each with its seconds out of a budget."""
    chosen = [e for e in EXPERIMENTS if e.name in names or "all" in names]
    whole = sum(e.share for e in chosen)
    return tuple((e, min(e.limit_s, budget_s * e.share / whole)) for e in chosen)
