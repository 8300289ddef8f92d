"""What an experiment is, and what it is given."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch

from ..capture.session import Session
from ..capture.step import Step
from ..evidence import EXPERIMENTS, Where
from ..rerun import Command
from .progress import Progress


@dataclass(frozen=True, slots=True)
class Material:
    """What an experiment works on.

    ``step`` is a captured step, ``others`` are further ones of the same line with their own batches, ``optimizer`` is the one that follows it, made on the line ``where``.
    ``gathered`` are more of them, there for their batches: the weights had moved on by then.
    ``constant`` says that its learning rate stayed the same over the steps seen. ``session`` has everything else that was recorded. ``command`` is how the program was started (``None``: it was not started by netwright, so that it cannot be run again).
    """

    step: Step
    others: tuple[Step, ...]
    optimizer: torch.optim.Optimizer | None
    where: Where
    constant: bool
    session: Session
    gathered: tuple[Step, ...] = ()
    command: Command | None = None


@dataclass(frozen=True, slots=True)
class Experiment:
    """One experiment. ``share`` is its part of the budget when all are run, ``limit_s`` the most it needs. One that ``reruns`` the whole program is done only when it is asked for by its name.

    Its name, and its turn among the others, stand in :data:`netwright.evidence.EXPERIMENTS` by what it ``makes``.
    """

    makes: type
    share: float
    limit_s: float
    run: Callable[[Material, float, Progress], object]
    reruns: bool = False

    @property
    def name(self) -> str:
        """What it is called on the command line."""
        return EXPERIMENTS[self.makes]


class OnBatches(Protocol):
    """The function of an experiment that trains on the captured batches."""

    def __call__(
        self,
        step: Step,
        optimizer: torch.optim.Optimizer | None,
        /,
        *,
        others: Sequence[Step],
        seconds: float,
        where: Where,
        progress: Progress,
    ) -> object:
        """What it found."""
        ...


def on_batches(function: OnBatches) -> Callable[[Material, float, Progress], object]:
    """How such a function is run on what an experiment is given."""

    def run(material: Material, seconds: float, progress: Progress) -> object:
        return function(
            material.step,
            material.optimizer,
            others=material.others,
            seconds=seconds,
            where=material.where,
            progress=progress,
        )

    return run
