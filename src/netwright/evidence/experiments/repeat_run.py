"""The program run twice with one seed."""

from dataclasses import dataclass
from typing import ClassVar

from ..where import NOWHERE, Where


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatRun:
    """Two runs of the first ``steps`` training steps of the unmodified program, every generator seeded alike.

    ``first`` is the first backward pass whose loss differs in any bit (``None``: none), ``losses`` the two losses there. ``differs`` is what differed first: ``inputs`` (what came into the networks),
    ``weights`` (the first ones) or ``computation`` (on the same inputs and first weights). ``suspects`` are lines of the program that depend on an order which is not the same in every run: of sets, and of
    listings of folders. ``where`` is the line that makes the training loader, or that of the loss when the computation differs.
    """

    experiment: ClassVar[str] = "repeat-run"

    steps: int
    first: int | None = None
    differs: str | None = None
    losses: tuple[float, float] | None = None
    suspects: tuple[Where, ...] = ()
    where: Where = NOWHERE
    seconds: float = 0.0
