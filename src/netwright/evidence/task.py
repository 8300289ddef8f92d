"""What the program is asked to learn, as far as the step itself tells."""

from dataclasses import dataclass
from enum import Enum

from .where import NOWHERE, Where


class TaskKind(Enum):
    """Kinds of task that rules may speak about."""

    CLASSIFICATION = "classification"
    BINARY = "binary classification"
    MULTILABEL = "multi-label classification"
    REGRESSION = "regression"
    DENSE_CLASSIFICATION = "dense classification"
    DENSE_REGRESSION = "dense regression"
    LANGUAGE_MODEL = "language model"
    AUTOENCODER = "autoencoder"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class LossTerm:
    """One additive part of the loss.

    ``op`` is the loss function recognised (``"cross_entropy"``, ``"mse_loss"``...; a hand-written one is recognised by its
    form and gets the same name with ``handmade=True``), ``"regularization"`` for a function of parameters alone, or
    ``"other"``. ``node``, ``prediction`` and ``target`` are node indices in ``Graph``; ``prediction_output`` etc. pick the
    output of that node. ``weight`` is the constant factor in front, ``value`` the term's value times that factor.
    ``class_weights`` and ``pos_weight`` are the values of those arguments of the loss (empty: not given or too many).
    ``gradient_norm`` is the norm of the gradient of the weighted term alone with respect to all parameters of the network.
    """

    op: str
    node: int
    where: Where = NOWHERE
    made: Where | None = None
    prediction: int | None = None
    prediction_output: int = 0
    target: int | None = None
    target_output: int = 0
    reduction: str | None = None
    weight: float | None = None
    value: float | None = None
    handmade: bool = False
    class_weights: tuple[float, ...] = ()
    pos_weight: tuple[float, ...] = ()
    gradient_norm: float | None = None

    @property
    def edit(self) -> Where:
        """The line to edit."""
        return self.made if self.made is not None and self.made.known else self.where


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """One loss that is differentiated. ``graph`` is its position in ``Graphs.train``.

    ``kind`` and the rest say what it asks for. ``classes`` is the number of classes, ``class_dim`` the dimension of the
    prediction that holds them, ``main`` the position in ``terms`` of the term that carries the data.
    ``why`` is one sentence on how this was concluded, ``moves`` one on why the loss is no measure of what is learned (empty: nothing says so).
    """

    graph: int
    kind: TaskKind
    terms: tuple[LossTerm, ...]
    main: int | None = None
    classes: int | None = None
    class_dim: int | None = None
    why: str = ""
    moves: str = ""

    @property
    def term(self) -> LossTerm | None:
        """The term that carries the data."""
        return None if self.main is None else self.terms[self.main]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """The task of the whole program. ``kind`` is UNKNOWN when objectives disagree (a GAN, several losses)."""

    kind: TaskKind
    objectives: tuple[Objective, ...]
    classes: int | None = None
    why: str = ""

    @property
    def sole(self) -> Objective | None:
        """The only objective, when there is just one."""
        return self.objectives[0] if len(self.objectives) == 1 else None
