"""Learning a few batches by heart."""

from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from ..where import NOWHERE, Where


class Outcome(Enum):
    """How a training curve ends (the four of Tobin's guide, and the two good ones)."""

    REACHED = "reaches its goal"
    FALLING = "still falls"
    UP = "goes up"
    EXPLODED = "explodes"
    OSCILLATING = "oscillates"
    PLATEAU = "stays on a plateau"


@dataclass(frozen=True, slots=True, kw_only=True)
class OverfitRun:
    """One attempt to learn a few batches by heart.

    ``data`` says which (``"one batch"``, ``"8 batches"``), ``samples`` how many samples these are (0: not known). ``optimizer`` is what trained, ``own`` whether it is the
    program's. ``losses`` is the whole curve. ``accuracy`` is the share of right answers in the end (classes), ``error`` the root mean square error in standard deviations of the target
    (amounts); ``None`` where the task has none.
    """

    data: str
    samples: int
    optimizer: str
    own: bool
    outcome: Outcome
    losses: tuple[float, ...]
    accuracy: float | None = None
    error: float | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Overfit:
    """Whether the program's network can learn a few of its own batches by heart, without dropout and weight decay.

    ``where`` is the line that makes the optimizer, ``loss_at`` that of the loss. ``sample`` is the run on a single sample with the program's optimizer, ``few`` the run with Adam on four of them, which is made
    where the batch could not be learned (``None``: not tried, or the samples of a batch could not be told apart). ``floor`` is the smallest mean cross entropy of the batch in nats and ``ceiling`` the
    largest share of right answers that any network could reach, where the same context has different answers.
    ``reruns`` says that the whole program was run again on its first batch, with the optimizer, rates and schedule that it has: only the loss is known of it.
    """

    experiment: ClassVar[str] = "overfit-batch"

    runs: tuple[OverfitRun, ...]
    where: Where = NOWHERE
    loss_at: Where = NOWHERE
    sample: OverfitRun | None = None
    few: OverfitRun | None = None
    floor: float | None = None
    ceiling: float = 1.0
    reruns: bool = False
