"""What is left of the label, by numbers; and datasets that are asked for their items twice."""

import random

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset, Subset, TensorDataset, random_split

from netwright.evidence import EvaluationItems, SimpleModels, TaskKind, Views, Where
from netwright.probes.items import _twice
from netwright.rule import NotApplicable
from netwright.rules.data.augmentation_destroys_label import rule

PLACE = Where(file="/project/train.py", line=9)


def models(before, after_high, chance=0.1):
    views = Views(
        samples=800,
        before=before + 0.02,
        before_low=before,
        after=after_high - 0.03,
        after_high=after_high,
        chance=chance,
        random=True,
        where=PLACE,
    )
    return SimpleModels(
        kind=TaskKind.CLASSIFICATION,
        samples=800,
        rows=800,
        batches=8,
        inputs="x: 64 numbers",
        features=64,
        classes=10,
        smallest=70,
        baselines=(),
        scores=(),
        power=1.0,
        plants=20,
        strength=0.1,
        race=None,
        views=views,
    )


@pytest.mark.parametrize(
    ("before", "after", "speaks"),
    [(0.9, 0.41, True), (0.9, 0.43, False), (0.9, 0.88, False), (0.29, 0.1, False), (0.31, 0.1, True)],
)
def test_how_much_is_left(before, after, speaks):
    assert bool(rule.function(models(before, after), None)) == speaks


@pytest.mark.parametrize(
    ("fetched", "differing", "speaks"), [(8, 8, True), (8, 7, False), (3, 3, False), (4, 4, True)]
)
def test_all_items_have_to_differ(fetched, differing, speaks):
    items = EvaluationItems(fetched=fetched, differing=differing, largest=0.2, where=PLACE)
    assert bool(rule.function(None, items)) == speaks


def test_it_abstains_where_nothing_was_seen():
    with pytest.raises(NotApplicable):
        rule.function(None, None)


class Items(Dataset):
    """Items made by a function; it counts how often the program's own object is asked."""

    def __init__(self, make, label=lambda i: i % 3):
        self.make, self.label = make, label
        self.asked = 0

    def __len__(self):
        return 20

    def __getitem__(self, index):
        self.asked += 1
        return self.make(index), self.label(index)


@pytest.mark.parametrize(
    "make",
    [
        lambda i: torch.arange(4.0) + i + 0.1 * torch.randn(4),
        lambda i: np.arange(4.0) + 0.1 * np.random.rand(4),
        lambda i: torch.arange(4.0) * random.uniform(0.9, 1.1),
    ],
    ids=["torch", "numpy", "random"],
)
def test_items_that_differ_are_found_in_a_copy(make):
    dataset = Items(make)
    assert all(d > 0 for d in _twice(random_split(dataset, [10, 10])[1]))
    assert dataset.asked == 0


@pytest.mark.parametrize(
    "dataset", [Items(lambda i: torch.arange(4.0) + i), Subset(TensorDataset(torch.rand(9, 2)), [1, 2])]
)
def test_items_that_stay_the_same(dataset):
    assert not any(_twice(dataset))


def fails(index):
    raise OSError("no such file")


@pytest.mark.parametrize(
    "dataset",
    [
        Items(lambda i: torch.randn(4), label=lambda i: int(torch.randint(0, 1000, ()))),
        Items(lambda i: torch.randn(4), label=lambda i: torch.randn(4)),
        Items(fails),
        Items(lambda i: "a text"),
        [torch.rand(3)],
    ],
    ids=["made up", "no class", "fails", "no numbers", "no dataset"],
)
def test_what_is_left_alone(dataset):
    with pytest.raises(NotApplicable):
        _twice(dataset)


def test_a_large_one_is_not_copied():
    dataset = Items(lambda i: torch.randn(4))
    dataset.images = torch.zeros(70 << 20, dtype=torch.uint8)
    with pytest.raises(NotApplicable, match="large"):
        _twice(dataset)
