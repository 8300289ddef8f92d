"""What the loss is before training, against what blind guesses cost, and what its parts weigh."""

from dataclasses import dataclass
from typing import ClassVar

from ..where import NOWHERE, Where


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstLoss:
    """The data term of the loss at the first weights, without dropout and without regularization, over all captured batches.

    ``value`` is its mean, ``error`` the standard error of that mean over ``samples`` samples (elements of one sample count as one), ``low`` and ``high`` the ends of the 99.9 % interval.
    ``chance`` is what the program's own loss function gives for a blind guess on the same targets: equal probabilities for classes and labels, 0 for amounts. ``prior`` is the same
    for the best answer that is the same for every sample (label frequencies, mean or median of the target). Class weights, label smoothing, ignored labels and the reduction
    are thereby those of the program. ``op`` is the loss function.
    """

    op: str
    value: float
    error: float
    low: float
    high: float
    samples: int
    chance: float
    prior: float | None
    where: Where = NOWHERE


@dataclass(frozen=True, slots=True, kw_only=True)
class TermShare:
    """One additive part of the loss at the first weights; calls of one line are one part.

    ``values`` is what it adds to the loss, ``norms`` the norm of its gradient with respect to the parameters that it shares with other parts, both by batch; the shares are those of the
    sums of magnitudes over all parts, smallest and largest over the batches (``gradient_share`` is ``None`` where nothing is shared). ``slope`` is the derivative of the loss with
    respect to the part. ``penalty`` says that it is computed from parameters alone, ``magnitude`` that it is then a norm or a sum of squares or magnitudes, ``supervised`` that it is a
    known loss with a target out of the data, ``reaches`` that it has a gradient at some parameter. ``alone`` and ``together`` are its value after ``steps`` steps of training on it alone and on the whole loss, as shares of the one before.
    """

    op: str
    where: Where
    values: tuple[float, ...]
    norms: tuple[float, ...]
    value_share: tuple[float, float]
    gradient_share: tuple[float, float] | None
    slope: float
    penalty: bool = False
    magnitude: bool = False
    supervised: bool = False
    reaches: bool = True
    alone: float | None = None
    together: float | None = None
    steps: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Strength:
    """The loss with all penalties on parameters multiplied by ``factor``.

    ``loss`` is the whole loss at the first weights, ``data`` the loss without the penalties after ``steps`` steps of training with them.
    """

    factor: float
    loss: float
    data: float
    steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Direction:
    """Whether a lower loss means better answers.

    ``right``, ``blind`` and ``wrong`` are the whole loss with right, blind and wrong answers in place of the network's. ``maximize`` says that the optimizer goes up.
    After ``steps`` small steps of Adam on all captured batches the loss went from ``loss_before`` to ``loss_after`` and the mean cost of the answers (log-loss of the labels in nats,
    or squared error) from ``cost_before`` to ``cost_after``; ``cost_low`` and ``cost_high`` are the 99.9 % interval of its growth, paired by sample. ``accuracy_before`` and
    ``accuracy_after`` are shares of right answers (``None`` for amounts). ``least`` is the smallest value of the term itself, without its factor, with right answers of growing sureness;
    ``nonnegative`` says that its function cannot be negative on valid targets. ``turned`` is the line between the term and the loss that turns its sign.
    """

    op: str
    right: float
    blind: float
    wrong: float
    maximize: bool
    steps: int
    samples: int
    loss_before: float
    loss_after: float
    cost_before: float
    cost_after: float
    cost_low: float
    cost_high: float
    accuracy_before: float | None
    accuracy_after: float | None
    least: float
    nonnegative: bool
    where: Where = NOWHERE
    turned: Where = NOWHERE


@dataclass(frozen=True, slots=True, kw_only=True)
class InitialLoss:
    """What was found of the loss of the program's first line that calls ``backward``, on ``batches`` different batches at the first weights.

    ``first`` and ``direction`` are ``None`` where no term with known right answers was found. ``strengths`` is empty without a penalty on parameters. ``optimizer_at`` is the line that made
    the optimizer.
    """

    experiment: ClassVar[str] = "initial-loss"

    batches: int
    first: FirstLoss | None = None
    terms: tuple[TermShare, ...] = ()
    strengths: tuple[Strength, ...] = ()
    direction: Direction | None = None
    optimizer_at: Where = NOWHERE
    seconds: float = 0.0
