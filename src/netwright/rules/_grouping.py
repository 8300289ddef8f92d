"""How labels are spread over successive batches."""

import itertools
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ..evidence import BatchOrder

Histogram = dict[float, float]


@dataclass(frozen=True, slots=True)
class Grouping:
    """``purity``: how much more alike labels within a batch are than at random (0 as random, 1 one class per batch).

    ``neighbours`` is the share of random orders of the same batches whose consecutive batches are as alike as these or more.
    """

    batches: int
    classes: int
    purity: float
    neighbours: float
    same_every_batch: bool


def batches_of(order: BatchOrder) -> list[tuple[float, ...]]:
    """The labels, batch by batch."""
    cut: list[tuple[float, ...]] = []
    start = 0
    for size in order.labels_per_batch:
        labels = order.labels[start : start + size]
        start += size
        if len(labels) == size and size:
            cut.append(labels)
    return cut


def grouping(batches: Sequence[Sequence[float]], tries: int = 500) -> Grouping:
    """Measure how labels are grouped. Deterministic."""
    together = [x for b in batches for x in b]
    total = _histogram(together)
    shares = [_histogram(b) for b in batches]
    alone = sum(p * p for p in total.values())
    within = sum(_alike(h, h) for h in shares) / len(shares)
    chance = sum(alone + (1 - alone) / len(b) for b in batches) / len(batches)
    purity = (within - chance) / (1 - chance) if chance < 1 else 0.0
    return Grouping(
        batches=len(batches),
        classes=len(total),
        purity=purity,
        neighbours=_neighbours(shares, tries),
        same_every_batch=len({tuple(b) for b in batches}) == 1,
    )


def _histogram(labels: Sequence[float]) -> Histogram:
    return {value: n / len(labels) for value, n in Counter(labels).items()}


def _alike(one: Histogram, other: Histogram) -> float:
    return sum(share * other.get(value, 0.0) for value, share in one.items())


def _neighbours(shares: list[Histogram], tries: int) -> float:
    table = [[_alike(a, b) for b in shares] for a in shares]

    def along(order: Sequence[int]) -> float:
        return sum(table[a][b] for a, b in itertools.pairwise(order))

    order = list(range(len(shares)))
    seen = along(order)
    generator = random.Random(0)
    hits = 0
    for _ in range(tries):
        generator.shuffle(order)
        hits += along(order) >= seen - 1e-12
    return (hits + 1) / (tries + 1)
