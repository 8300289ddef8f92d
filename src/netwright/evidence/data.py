"""Data as the network sees it: what arrives at its door and what the loss gets as target."""

from dataclasses import dataclass

from .tensors import Stats
from .where import NOWHERE, Where


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureStats:
    """Statistics of one feature (a column of tabular data, a channel of images)."""

    index: int
    stats: Stats


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorTensor:
    """One tensor at a door, over the first batches that were seen.

    ``name`` is the argument's name in the model's forward (``"x"``, ``"input_ids"``) or ``"target"``.
    ``feeds`` is the op of the first call with parameters that takes it (``"linear"``, ``"conv2d"``, ``"embedding"``,
    ``"lstm"``, ``"batch_norm"``), ``feeds_module`` that call's module path, ``where`` the line where it enters.
    ``shape`` is the first batch's; ``batch_dim`` where the samples lie (``None`` unknown).
    ``features`` are statistics over everything but ``feature_dim``. ``values`` holds at most 4096 values sampled over all
    batches, for histograms; ``smoothness`` is mean |difference of neighbours| over mean |difference of random pairs| along
    each dimension after the batch (below 1: neighbours resemble each other), ``None`` where it cannot be told.
    ``node`` is the leaf or call in ``Graphs.train[graph]`` whose first output it is, ``None`` where it is not in it.
    ``interleaved`` is, for images of 2 to 4 channels (dimension 1), mean |difference at distance C| over mean |difference at
    distance 1| along their rows: well below 1 when channels alternate where pixels should.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    batches: int
    stats: Stats
    where: Where = NOWHERE
    feeds: str | None = None
    feeds_module: str | None = None
    batch_dim: int | None = 0
    feature_dim: int | None = None
    features: tuple[FeatureStats, ...] = ()
    values: tuple[float, ...] = ()
    smoothness: tuple[float | None, ...] = ()
    graph: int = 0
    node: int | None = None
    interleaved: float | None = None

    @property
    def floating(self) -> bool:
        """Whether the values are floating-point numbers."""
        return self.dtype.startswith(("float", "bfloat"))


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainInputs:
    """What arrives at the door in training."""

    tensors: tuple[DoorTensor, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalInputs:
    """What arrives at the door in evaluation."""

    tensors: tuple[DoorTensor, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """What the main loss term of each objective gets as target, in training (same order as ``Task.objectives``).

    An entry is ``None`` where an objective has no target. ``counts`` gives, for targets with few distinct values, how often
    each was seen: ``{value: count}`` per objective.
    """

    tensors: tuple[DoorTensor | None, ...]
    counts: tuple[dict[float, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoaderInfo:
    """A DataLoader the program made. ``role`` is ``train``, ``evaluation`` or ``unknown``."""

    where: Where
    role: str
    batch_size: int | None
    shuffled: bool | None
    workers: int
    dataset_length: int | None
    sampler: str
    drop_last: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaders:
    """Every DataLoader seen."""

    loaders: tuple[LoaderInfo, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationItems:
    """Items of the dataset of an evaluation, each fetched twice from a copy of it: how many, how many of these differ with the same class, the largest difference over the
    standard deviation of the item, and the line that makes the loader.
    """

    fetched: int
    differing: int
    largest: float
    where: Where = NOWHERE


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOrder:
    """What successive training batches look like.

    ``batches`` is how many were seen and ``batch_size`` the first one's. ``labels`` holds the targets of classification in
    the order they came (at most 4096), ``labels_per_batch`` how many per batch. ``repeated_batches`` counts batches whose
    inputs equal an earlier batch's bit for bit; ``duplicates`` is the share of samples equal to another in their own batch;
    ``random_rows`` says whether the input differs between samples at all. ``where`` is the loader's line if there is one, else where the batch
    enters the network. ``epoch_batches`` is the number of batches in an epoch if known. ``label_values`` is the number of distinct
    labels in the array that the targets are picked from, where that array was seen.
    """

    batches: int
    batch_size: int | None
    labels: tuple[float, ...]
    labels_per_batch: tuple[int, ...]
    repeated_batches: int
    duplicates: float
    distinct_samples: int
    where: Where = NOWHERE
    epoch_batches: int | None = None
    label_values: int | None = None
