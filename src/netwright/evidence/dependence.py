"""What the prediction depends on, found by running the step again with other inputs."""

from dataclasses import dataclass

from .where import NOWHERE, Where


@dataclass(frozen=True, slots=True, kw_only=True)
class InputReach:
    """Whether the inputs reach the prediction of one objective.

    ``zeroed`` and ``shuffled`` are the largest change of the prediction, as a share of its largest magnitude, when all inputs
    are set to zero and when the samples come in another order (``None``: not measured); where nothing changes, with slightly shaken weights.
    ``connected`` says that the prediction depends on an input through the calls at all. ``lost_op`` and ``lost_at`` are the first call
    that gets different values and gives the same, ``where`` the line of the loss. ``died`` says that this call gave different values in
    the first step and gives a single one since.
    """

    objective: int
    inputs: tuple[str, ...]
    zeroed: float | None = None
    shuffled: float | None = None
    connected: bool = True
    lost_op: str | None = None
    lost_at: Where = NOWHERE
    where: Where = NOWHERE
    died: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class InputDependence:
    """For every objective with a recognised prediction. ``why`` says what could not be measured."""

    reaches: tuple[InputReach, ...]
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRows:
    """How the rows of one prediction belong to the samples of the batch.

    ``samples`` came in; ``rows`` is the size of the prediction's dimension 0 (``None``: a single number), ``target_rows`` that of the target,
    ``per_row`` how many rows there are for each sample where that is a whole number. ``own_change`` is the change of row i when sample i
    alone is replaced, as a share of the largest change of any row, at most over several i (``None``: not measured).
    ``lost_op`` and ``lost_at`` are the first call whose output no longer has the samples in any dimension, or the first in which
    a sample does not touch its own row. ``where`` is the line of the loss.
    """

    objective: int
    samples: int
    rows: int | None
    shape: tuple[int, ...]
    target_rows: int | None = None
    per_row: int | None = None
    own_change: float | None = None
    lost_op: str | None = None
    lost_at: Where = NOWHERE
    where: Where = NOWHERE


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchAlignment:
    """For every objective with a recognised prediction. ``why`` says what could not be measured."""

    rows: tuple[BatchRows, ...]
    why: str = ""
