"""What experiments on a copy of the captured step found."""

from dataclasses import dataclass
from enum import Enum

from .where import NOWHERE, Where


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

    ``where`` is the line that makes the optimizer, ``loss_at`` that of the loss.
    """

    runs: tuple[OverfitRun, ...]
    where: Where = NOWHERE
    loss_at: Where = NOWHERE


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeTest:
    """Losses after a few steps from the same start, by learning rate.

    ``rates`` are those of the first parameter group (the others keep their ratio to it), ascending; ``losses`` the loss over the same batches after ``steps`` steps, as a share of the
    loss before them (``None``: not finite). ``best`` is the rate with the lowest one, ``largest`` the largest one at which the loss did not grow (``None``: there was none).
    ``in_use`` is the program's own rate, ``constant`` whether it stayed the same over the steps seen and no scheduler was made.
    """

    rates: tuple[float, ...]
    losses: tuple[float | None, ...]
    steps: int
    best: float | None
    largest: float | None
    in_use: float
    constant: bool
    optimizer: str
    where: Where = NOWHERE
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Derivative:
    """One directional derivative: analytic, by differences in float64, and the relative error between them. ``kink`` says that it lies at a point where both sides differ."""

    what: str
    analytic: float
    numerical: float
    error: float
    kink: bool = False
    where: Where = NOWHERE


@dataclass(frozen=True, slots=True, kw_only=True)
class GradientCheck:
    """Derivatives of the captured loss along random directions, for the whole network and for single parameters.

    ``deterministic`` says that two runs of the step gave the same loss.
    """

    directions: tuple[Derivative, ...]
    deterministic: bool
    loss_at: Where = NOWHERE
    seconds: float = 0.0


# By which experiment each of them is made.
EXPERIMENTS: dict[type, str] = {
    GradientCheck: "gradient-check",
    Overfit: "overfit-batch",
    RangeTest: "range-test",
}
