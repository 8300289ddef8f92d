"""A part of the training set, taken where the DataLoader asks its sampler."""

import math
import random
from collections.abc import Iterator
from typing import Any

from torch.utils.data import BatchSampler, IterableDataset, Sampler

from .plan import Subset


class Kept(Sampler[Any]):
    """Goes over a sampler and leaves out what is not in the subset, again and again until it has handed out as many indices as the sampler does.

    Args:
        inner: the program's sampler.
        kept: the indices that stay.
    """

    def __init__(self, inner: Any, kept: frozenset[int]) -> None:
        self.inner = inner
        self.kept = kept

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["inner"], name)

    def __len__(self) -> int:
        return len(self.inner)

    def __iter__(self) -> Iterator[Any]:
        wanted = len(self.inner)
        given = -1
        while given < wanted:
            before, given = given, max(given, 0)
            for index in self.inner:
                if int(index) in self.kept:
                    yield index
                    given += 1
                    if given >= wanted:
                        return
            if given == max(before, 0):  # a pass without one index of the subset
                return


def whole_reason(loader: Any) -> str | None:
    """Why no subset can be taken of a DataLoader (``None``: it can)."""
    if isinstance(loader.dataset, IterableDataset):
        return "its dataset is a stream"
    if loader.batch_sampler is not None and type(loader.batch_sampler) is not BatchSampler:
        return "its batches are made by a batch sampler of the program's"
    if population(loader.sampler) is None:
        return "its sampler does not say which indices it draws from"
    return None


def population(sampler: Any) -> list[int] | None:
    """The indices that a sampler draws from."""
    for name in ("indices", "weights", "data_source", "dataset"):
        source = getattr(sampler, name, None)
        if source is None:
            continue
        try:
            return [int(i) for i in source] if name == "indices" else list(range(len(source)))
        except (TypeError, ValueError):
            continue
    return None


def take(loader: Any, subset: Subset) -> int:
    """Leave only a part of the samples in a DataLoader; how many that are. Call it right after it was made."""
    indices = population(loader.sampler) or []
    order = sorted(set(indices))
    random.Random(subset.seed).shuffle(order)  # a generator of its own: the program's is not drawn from
    kept = frozenset(order[: max(1, math.ceil(subset.share * len(order)))])
    sampler = Kept(loader.sampler, kept)
    if loader.batch_sampler is not None:
        loader.batch_sampler.sampler = sampler
    loader.__dict__["sampler"] = sampler  # its own __setattr__ refuses this after __init__
    return len(kept)
