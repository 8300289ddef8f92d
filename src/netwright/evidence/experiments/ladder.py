"""From a small network to the program's own, one change a rung."""

import statistics
from dataclasses import dataclass
from typing import ClassVar

from ..where import NOWHERE, Where


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """Blocks of the same make, one after the other. ``block`` names what repeats (``"Linear, ReLU"``), ``where`` is the line that makes them."""

    block: str
    blocks: int
    module: str | None = None
    where: Where = NOWHERE


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One size of the network, trained several times from different initial weights.

    ``blocks`` is how many of each stack's blocks are left at most, ``of`` how many the longest stack has. ``share`` is the share of the hidden units that is left.
    ``first`` and ``last`` are the mean losses over all batches before the first step and over the last pass (``None``: not finite), in the same order, the first from the program's own initial
    weights. ``curve`` is the mean loss of each pass from these.
    """

    blocks: int = 0
    of: int = 0
    share: float = 1.0
    parameters: int = 0
    first: tuple[float, ...] = ()
    last: tuple[float | None, ...] = ()
    curve: tuple[float | None, ...] = ()

    @property
    def left(self) -> tuple[float | None, ...]:
        """What is left of the loss, as a share of the first."""
        return tuple(
            None if b is None or a <= 0 else b / a for a, b in zip(self.first, self.last, strict=True)
        )

    @property
    def middle(self) -> float | None:
        """The median of :attr:`left`; ``None`` where one of them is not finite."""
        told = [v for v in self.left if v is not None]
        return statistics.median(told) if told and len(told) == len(self.left) else None

    @property
    def loss(self) -> float | None:
        """The median of the last losses; ``None`` where one of them is not finite."""
        told = [v for v in self.last if v is not None]
        return statistics.median(told) if told and len(told) == len(self.last) else None

    def falls_to(self, share: float) -> bool:
        """Whether every run ended at this share of its first loss or below."""
        return bool(self.left) and all(v is not None and v <= share for v in self.left)

    def no_worse_than(self, other: "Rung") -> bool:
        """Whether the last losses are as low as another rung's, in the middle and in the worst run."""
        if self.loss is None or other.loss is None:
            return False
        mine, theirs = [v for v in self.last if v is not None], [v for v in other.last if v is not None]
        return self.loss <= other.loss and max(mine) <= max(theirs)

    def stays_at(self, share: float) -> bool:
        """Whether every run ended at this share of its first loss or above."""
        return bool(self.left) and all(v is None or v >= share for v in self.left)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """The network in smaller sizes, each trained ``steps`` steps over the same ``batches`` batches with the program's own optimizer and judged by its own loss.

    ``depth`` are the rungs with fewer blocks, ``width`` those with fewer hidden units, each from small to the program's own, which is the last of both. One of the two may be
    empty: ``no_depth`` and ``no_width`` say why. ``longer`` is the share of the first loss that the full network comes to in ``longer_steps`` steps; it is tried where it stands still
    and a smaller one does not. ``constant`` says that the learning rate stayed the same over the steps seen, ``where`` is the line of the first stack, ``widened`` of the
    first layer that was made narrower.
    """

    experiment: ClassVar[str] = "ladder"

    depth: tuple[Rung, ...]
    width: tuple[Rung, ...]
    stacks: tuple[Stack, ...]
    steps: int
    batches: int
    optimizer: str
    rate: float
    constant: bool
    longer: float | None = None
    longer_steps: int = 0
    no_depth: str = ""
    no_width: str = ""
    where: Where = NOWHERE
    widened: Where = NOWHERE
    seconds: float = 0.0

    def breaks(self, fallen: float, stands: float) -> tuple[Rung, Rung] | None:
        """The deepest rung that falls, and the first one behind it that stands still, if those after it stand still, too."""
        falls = [i for i, r in enumerate(self.depth) if r.falls_to(fallen)]
        still = [i for i, r in enumerate(self.depth) if r.stays_at(stands) and falls and i > falls[-1]]
        if not still or still != list(range(still[0], len(self.depth))):
            return None
        return self.depth[falls[-1]], self.depth[still[0]]
