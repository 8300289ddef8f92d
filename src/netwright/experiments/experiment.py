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
    ``copies`` says whether there is memory for copies of the parameters. ``batch`` is the number of samples of a batch where the steps were cut to fewer of them.
    ``constant`` says that its learning rate stayed the same over the steps seen. ``session`` has everything else that was recorded. ``command`` is how the program was started (``None``: it was not started by netwright, so that it cannot be run again).
    """

    step: Step
    others: tuple[Step, ...]
    optimizer: torch.optim.Optimizer | None
    where: Where
    constant: bool
    session: Session
    gathered: tuple[Step, ...] = ()
    copies: bool = True
    batch: int | None = None
    command: Command | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What an experiment needs at least.

    ``copies`` are bytes in multiples of those of all parameters (weights, their start, gradients), ``trains`` adds the optimizer's state. ``values`` are bytes in multiples of the values of one step, ``largest`` in multiples of the largest of them.
    ``steps`` are training steps on one batch, ``passes`` forward passes over all batches. ``bare`` says that it can do without copies, ``few`` that what it finds on
    fewer samples of a batch may be judged: training at the program's rate may not (a rate that suits a large batch need not suit a small one), nor may what is asked of all samples.
    """

    copies: float
    steps: float
    values: float = 1.0
    largest: float = 0.0
    passes: float = 0.0
    trains: bool = False
    bare: bool = False
    few: bool = False


@dataclass(frozen=True, slots=True)
class Experiment:
    """One experiment. ``share`` is its part of the budget when all are run, ``limit_s`` the most it needs. One that ``reruns`` the whole program is done only when it is asked for by its name. ``work`` is the least of its work on copies of the step (``None``: it sees to that itself).

    Its name, and its turn among the others, stand in :data:`netwright.evidence.EXPERIMENTS` by what it ``makes``.
    """

    makes: type
    share: float
    limit_s: float
    run: Callable[[Material, float, Progress], object]
    reruns: bool = False
    work: Work | None = None

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
