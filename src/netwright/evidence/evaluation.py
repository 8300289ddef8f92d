"""How the program evaluates, when that was seen."""

from dataclasses import dataclass

from .where import NOWHERE, Where


@dataclass(frozen=True, slots=True, kw_only=True)
class NoisyOp:
    """A call that made two evaluation passes on one batch differ."""

    op: str
    where: Where
    module: str | None = None
    made: Where | None = None

    @property
    def edit(self) -> Where:
        """The line to edit."""
        return self.made if self.made is not None and self.made.known else self.where


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The first evaluation pass (a forward pass never followed by backward, after the program switched to evaluation).

    ``detected_by`` says what told it apart: ``eval_mode``, ``no_grad`` or ``other_loader``. ``grad_enabled`` is whether autograd recorded it.
    ``training_flags`` is the share of modules *that behave differently in training* (dropout, batch norm...) with ``training=True``;
    ``None`` when the network has none. ``noise`` lists random calls made during it. ``repeatable`` is the outcome of running the batch twice
    (``None``: not run).
    """

    where: Where = NOWHERE
    detected_by: str = "eval_mode"
    grad_enabled: bool = False
    training_flags: float | None = None
    mode_modules: tuple[str, ...] = ()
    noise: tuple[NoisyOp, ...] = ()
    repeatable: bool | None = None
    batches: int = 0
    before_training: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """What the program computes beside the loss. ``accuracy`` are the lines that compare predicted with true labels."""

    accuracy: tuple[Where, ...] = ()
