"""What simple models make of the samples that the network is given."""

import math
from dataclasses import dataclass
from typing import ClassVar

from ..task import TaskKind
from ..where import NOWHERE, Where


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelScore:
    """A simple model on samples that it was not fitted to (cross-validation).

    ``score`` is the share of the targets' variance that it explains (classes as one-hot vectors; 0: no better than the mean, negative: worse), ``low`` and ``high`` its 95 % interval
    over resampled samples. ``permuted`` are the scores with permuted targets, ``p_value`` is the share of those (with the real one counted) that are at least as good
    (``None``: not permuted). ``accuracy`` is the share of right classes, with its 95 % interval, where there are classes; ``error`` the mean absolute error of a target that is one number, in its standard
    deviations, with the upper end of its 95 % interval.
    """

    model: str
    score: float
    low: float
    high: float
    permuted: tuple[float, ...] = ()
    p_value: float | None = None
    accuracy: float | None = None
    accuracy_low: float | None = None
    accuracy_high: float | None = None
    error: float | None = None
    error_high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """An answer without a model: its name, and its accuracy (classes) or the variance it explains (amounts)."""

    name: str
    accuracy: float | None = None
    score: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkRace:
    """The program's network trained from its start on real, permuted and planted targets, the same steps each.

    ``..._fit`` is the mean loss over these steps, ``..._held`` the loss afterwards on batches that were not trained on (``None``: too few batches). ``planted`` targets are made from
    the inputs and have the distribution of the real ones: the network is able to tell in so many steps where it does better on them than on permuted ones.
    """

    steps: int
    trained_batches: int
    held_batches: int
    optimizer: str
    real_fit: float
    permuted_fit: tuple[float, ...]
    planted_fit: float
    real_held: float | None = None
    permuted_held: tuple[float, ...] = ()
    planted_held: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureFit:
    """One column of a table at the network's door, and what it alone tells about the target.

    ``predicts`` is the cross-validated accuracy of a small tree (classes) or the variance explained by a straight line (amounts); ``follows`` is the share of the column's own
    variance that the target explains in turn. ``levels`` is the number of its distinct values where these are equally spaced (0: not so, or too many), ``line``, ``cycle`` and ``category``
    the cross-validated variance of the target explained by a straight line, by sine and cosine over the levels, and by one value for each level. ``symbols`` says that the column
    is of integers, which an embedding may take as they are.
    """

    block: str
    column: int
    predicts: float
    follows: float
    kurtosis: float
    skew: float
    minimum: float
    maximum: float
    levels: int = 0
    line: float | None = None
    cycle: float | None = None
    category: float | None = None
    symbols: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelIssues:
    """Labels that contradict what a simple model says of samples that it was not fitted to (confident learning).

    ``share`` is the estimated share of wrong labels with its 95 % interval, ``positions`` the worst ones as (batch, index in it), worst first, with the class given and the one expected.
    """

    model: str
    samples: int
    share: float
    low: float
    high: float
    positions: tuple[tuple[int, int], ...]
    given: tuple[float, ...]
    expected: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenShare:
    """The most frequent symbol of an integer input: its share, the share of its occurrences that stand at the end or the beginning of their row, the number of distinct symbols,
    the rows of the embedding it enters, and whether anything takes it out again (``masked`` says what).
    """

    block: str
    token: int
    share: float
    at_ends: float
    distinct: int
    vocabulary: int | None
    masked: str | None
    positions: int
    where: Where = NOWHERE


@dataclass(frozen=True, slots=True, kw_only=True)
class Views:
    """Samples before and after what is done to a batch on its way to the network (augmentation).

    ``before`` is the accuracy of the best simple model on batches as they were, ``after`` that of the best one fitted to changed samples and asked about unchanged ones (about changed ones too where
    nothing ``random`` is in the change); both on the same samples, cross-validated, with the lower and the upper end of their 95 % intervals. ``chance`` is the share of the most frequent class,
    ``where`` the last line that changes the batch.
    """

    samples: int
    before: float
    before_low: float
    after: float
    after_high: float
    chance: float
    random: bool
    where: Where = NOWHERE


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """What the best simple model makes of samples that it was not fitted to, with the lower end of its 95 % interval: the least that a trained network should reach.

    ``blurred`` is the last line of what is done to a batch before the network gets it, where simple models certainly know less of the classes after it. ``accuracy`` where there are classes, else ``score``, the share of the variance of the targets that it explains; ``variance`` and ``mean`` are those of the targets as the loss got them,
    ``error`` its mean absolute error in the same unit with the upper end of the 95 % interval; ``loss`` is the name of the loss where that is the plain mean of squared errors, absolute errors or something between them.
    ``nats`` is the largest mean cross-entropy of a training that is wrong no more often than the simple model, where the loss is one: above it the network has not learned its own training data as well.
    """

    model: str
    samples: int
    where: Where = NOWHERE
    blurred: Where = NOWHERE
    accuracy: float | None = None
    accuracy_low: float | None = None
    score: float | None = None
    score_low: float | None = None
    variance: float | None = None
    mean: float | None = None
    error: float | None = None
    error_high: float | None = None
    loss: str | None = None
    nats: float | None = None


def most_nats(wrong: float, classes: int) -> float:
    """The largest mean cross-entropy of answers of which a share ``wrong`` is wrong, and that are right as often as they say (Fano's inequality; Cover and Thomas, "Elements of information theory", theorem 2.10.1)."""
    wrong = min(max(wrong, 1e-12), 1 - 1 / classes)
    return (
        -wrong * math.log(wrong) - (1 - wrong) * math.log(1 - wrong) + wrong * math.log(max(classes - 1, 1))
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SimpleModels:
    """Simple models on what the network gets, against the same with permuted targets.

    ``samples`` are the distinct ones out of ``rows`` in ``batches`` batches, ``inputs`` says in words what became of the inputs, as ``features`` numbers. ``smallest`` is the number of samples of the rarest
    class. ``power`` is the share of ``plants`` planted signals that explain the share ``strength`` of the variance and were found by the same models with the same samples
    (``None``: it cannot be said what a signal would look like here). ``race`` is that of the network, or ``None`` with ``no_race`` as the reason.
    ``variance`` and ``mean`` are those of a target that is one number, as the loss got it. ``views`` are the samples before and after augmentation, or ``None`` with ``no_views`` as the reason. ``copied_at`` is the line at which the targets join the inputs, where there is one.
    ``in_nats`` says that the loss is the mean cross-entropy of the classes, and nothing else; ``plain`` is its name where it is in the same way the mean of an error (``mse_loss``, ``l1_loss``, or ``smooth_l1_loss`` that
    bends at 1, as ``huber_loss`` then is as well).
    """

    experiment: ClassVar[str] = "simple-models"

    kind: TaskKind
    samples: int
    rows: int
    batches: int
    inputs: str
    features: int
    classes: int | None
    smallest: int | None
    baselines: tuple[Baseline, ...]
    scores: tuple[ModelScore, ...]
    power: float | None
    plants: int
    strength: float
    race: NetworkRace | None
    no_race: str = ""
    columns: tuple[FeatureFit, ...] = ()
    issues: LabelIssues | None = None
    no_issues: str = ""
    half_score: float | None = None
    variance: float | None = None
    mean: float | None = None
    tokens: tuple[TokenShare, ...] = ()
    views: Views | None = None
    no_views: str = ""
    targets_at: Where = NOWHERE
    inputs_at: Where = NOWHERE
    copied_at: Where = NOWHERE
    loss_at: Where = NOWHERE
    in_nats: bool = False
    plain: str | None = None
    seconds: float = 0.0

    @property
    def related(self) -> bool:
        """Whether some simple model does better than with permuted targets."""
        return any(s.p_value is not None and s.p_value <= 0.02 for s in self.scores)

    @property
    def floor(self) -> Floor | None:
        """What the best of them reaches; ``None`` where that cannot be held against what a program measures (several amounts at once, labels that do not exclude each other)."""
        named = [(s.accuracy_low, s) for s in self.scores if s.accuracy_low is not None]
        if named:
            _, best = max(named, key=lambda pair: pair[0])
            worse = self.views is not None and self.views.after_high < self.views.before_low
            return Floor(
                blurred=self.views.where if self.views is not None and worse else NOWHERE,
                model=best.model,
                samples=self.samples,
                where=self.loss_at,
                accuracy=best.accuracy,
                accuracy_low=best.accuracy_low,
                nats=most_nats(1 - best.accuracy_low, self.classes or 2)
                if self.in_nats and best.accuracy_low is not None
                else None,
            )
        if self.kind is not TaskKind.REGRESSION or self.variance is None or not self.scores:
            return None
        best = max(self.scores, key=lambda s: s.low)
        deviation = math.sqrt(self.variance)
        return Floor(
            model=best.model,
            samples=self.samples,
            where=self.loss_at,
            score=best.score,
            score_low=best.low,
            variance=self.variance,
            mean=self.mean,
            error=None if best.error is None else best.error * deviation,
            error_high=None if best.error_high is None else best.error_high * deviation,
            loss=self.plain,
        )
