"""Fingerprints of data sets: they tell data apart, and never fetch a sample."""

import numpy as np
import pytest
import torch
from torch.utils.data import ConcatDataset, DataLoader, Dataset, IterableDataset, Subset, TensorDataset

from netwright.fingerprints import _WHOLE, of_array, of_dataset, of_loader


class Untouchable(Dataset):
    """Complains when anything but its attributes and its length is asked for."""

    def __init__(self, **held):
        self.__dict__.update(held)

    def __len__(self):
        return 5

    def __getitem__(self, index):
        raise AssertionError("a sample was fetched")


def digests(dataset):
    return {name: part.get("digest") for name, part in of_dataset(dataset).items()}


def test_data_sets_are_told_apart_by_what_they_hold():
    x, y = torch.randn(50, 3), torch.arange(50)
    first = digests(TensorDataset(x, y))
    assert list(first) == ["tensors.0", "tensors.1"]
    assert digests(TensorDataset(x.clone(), y.clone())) == first
    other = y.clone()
    other[7] = 8
    changed = digests(TensorDataset(x, other))
    assert changed["tensors.0"] == first["tensors.0"]
    assert changed["tensors.1"] != first["tensors.1"]


def test_data_sets_within_data_sets():
    inner = TensorDataset(torch.arange(6.0))
    found = digests(ConcatDataset([inner, Subset(inner, [0, 2])]))
    assert found["datasets.0.tensors.0"] == found["datasets.1.dataset.tensors.0"]
    assert "datasets.1.indices" in found
    assert digests(Subset(inner, [0, 3]))["indices"] != digests(Subset(inner, [0, 2]))["indices"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (np.arange(8), np.arange(1, 9)),
        (np.array(["a", "b"], dtype=object), np.array(["a", "c"], dtype=object)),
        ([("a.png", 0), ("b.png", 1)], [("a.png", 0), ("b.png", 0)]),
        ([np.int64(3), np.int64(4)], [np.int64(3), np.int64(5)]),
        ([torch.ones(2)] * 20, [torch.ones(2)] * 19 + [torch.zeros(2)]),
        ({"x": torch.ones(2), "y": torch.ones(2)}, {"x": torch.ones(2), "y": torch.zeros(2)}),
        (torch.arange(6.0).reshape(2, 3).T, torch.arange(6.0).reshape(3, 2)),
    ],
)
def test_what_a_data_set_may_hold(one, other):
    first = digests(Untouchable(data=one))
    assert all(first.values())
    assert first
    assert digests(Untouchable(data=one)) == first
    assert digests(Untouchable(data=other)) != first


def test_frames():
    pandas = pytest.importorskip("pandas")
    one = pandas.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    assert digests(Untouchable(frame=one)) == digests(Untouchable(frame=one.copy()))
    assert digests(Untouchable(frame=one)) != digests(Untouchable(frame=one.replace("y", "z")))


def test_what_is_large_is_looked_at_in_places():
    for make in (lambda: torch.zeros(_WHOLE), lambda: np.zeros(_WHOLE, dtype="float32")):
        first, last = make(), make()
        last[-1] = 1.0
        assert of_array(first)["digest"] == of_array(make())["digest"] != of_array(last)["digest"]
        assert of_array(first)["shape"] == [_WHOLE]


def test_what_tells_nothing_of_the_data():
    lazily = [torch.ones(2)] * 10 + [None] * 10  # filled as the program goes
    assert of_dataset(Untouchable(cache=lazily, seen={3: torch.ones(2)}, n=3, root="/data", none=None)) == {}
    assert of_dataset(None) == {}
    assert of_array(torch.ones(2, device="meta")) is None


def test_loaders_of_all_kinds():
    class Endless(IterableDataset):
        def __iter__(self):
            raise AssertionError("it was iterated")

    state = torch.get_rng_state()
    found = of_loader(DataLoader(Untouchable(x=torch.ones(5)), batch_size=2, shuffle=True))
    assert (found["dataset"], found["samples"], found["batch_size"], found["shuffled"]) == (
        "Untouchable",
        5,
        2,
        True,
    )
    assert list(found["content"]) == ["x"]
    assert of_loader(DataLoader(Endless()))["samples"] is None
    assert list(of_loader(DataLoader([1.0, 2.0, 3.0]))["content"]) == ["items"]
    assert of_loader(object())["content"] == {}
    assert torch.equal(torch.get_rng_state(), state)
