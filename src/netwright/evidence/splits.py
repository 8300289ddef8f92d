"""The samples of the evaluation beside those that were trained on."""

from dataclasses import dataclass

from .where import NOWHERE, Where


@dataclass(frozen=True, slots=True, kw_only=True)
class Separation:
    """How well one statistic of a sample tells evaluation from training: its name, the area under the ROC curve (0.5: not at all, 1: perfectly) with its 95 % interval, and the
    medians on both sides. ``by`` is ``"model"`` for a linear model of all of them, fitted to one half of the samples and asked about the other.
    """

    by: str
    auc: float
    low: float
    high: float
    training: float | None = None
    evaluation: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Splits:
    """What came in at the network's door in training and in the evaluation.

    ``held_out`` is what the program calls the data of the evaluation where that says that they are held out (``"x_test"``), ``None`` where it does not. ``training`` and ``evaluation`` are
    distinct samples. ``equal`` of the evaluation's samples are among the training samples bit for bit; ``near`` are not equal, and nearer to one than a hundredth of the usual distance of neighbours.
    ``chance`` is the largest share of them that natural duplicates would explain, by the duplicates within single batches (95 % limit; ``None``: there is nothing to tell it by).
    ``whole`` says that an evaluation had all its samples from one training batch, and this from it: both use the same tensor. ``separations`` are those of all samples, best first;
    ``changed`` is the last line at which the program changes the training batches by random numbers before the network gets them, ``unchanged`` are the separations of these batches as they were before.
    ``paired`` says that targets have the form of the inputs, so that inputs may be spoilt on purpose.
    """

    training: int
    evaluation: int
    equal: int
    near: int
    chance: float | None
    whole: bool
    held_out: str | None = None
    separations: tuple[Separation, ...] = ()
    paired: bool = False
    changed: Where = NOWHERE
    unchanged: tuple[Separation, ...] = ()
    where: Where = NOWHERE
    trained_at: Where = NOWHERE
