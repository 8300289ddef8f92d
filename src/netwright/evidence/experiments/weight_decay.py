"""Training with weight decay and without it."""

from dataclasses import dataclass
from typing import ClassVar

from ..where import NOWHERE, Where


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightDecay:
    """The same steps from the same start with the program's weight decay and with none.

    ``decays`` are the settings of the groups that decay. ``share`` is the decay's part of the update over the gradient's (norms over all decaying parameters, median over the second half of the steps). ``steps``
    is how many were made, ``middle`` and ``end`` the losses (with decay, without) after half of them and after all, as shares of the loss before; without any penalty that the program itself adds.
    ``shrunk`` is the norm of the decaying weights in the end over that in the beginning (with, without). ``None`` stands for a loss that is not finite.
    """

    experiment: ClassVar[str] = "weight-decay"

    decays: tuple[float, ...]
    share: float
    steps: int
    middle: tuple[float | None, float | None]
    end: tuple[float | None, float | None]
    shrunk: tuple[float, float]
    optimizer: str
    where: Where = NOWHERE
    seconds: float = 0.0
