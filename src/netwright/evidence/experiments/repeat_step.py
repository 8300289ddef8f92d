"""One step, run several times."""

from dataclasses import dataclass
from typing import ClassVar

from ..where import NOWHERE, Where


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatStep:
    """Whether the captured step gives the same loss and gradients to the bit with the same weights and random numbers.

    ``runs`` were compared. ``same_loss`` and ``same_gradients`` say what came of it. ``op`` and ``where`` are the first call whose output differs between runs; in the backward pass alone, the
    call that uses ``parameter``, the first whose gradient differs. ``spread`` is the largest difference between two losses.
    """

    experiment: ClassVar[str] = "repeat-step"

    runs: int
    same_loss: bool
    same_gradients: bool
    spread: float = 0.0
    op: str | None = None
    where: Where = NOWHERE
    parameter: str | None = None
    seconds: float = 0.0
