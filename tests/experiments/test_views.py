"""Does the label survive what is done to a batch: told from changes that are known to keep it or to destroy it."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from netwright.experiments._views import _forms, _hits, _Pairs

COUNT = 600


@pytest.fixture(scope="module")
def digits():
    found = load_digits()
    images = torch.tensor(found.images[:COUNT], dtype=torch.float32)
    return torch.nn.functional.pad(images, (2, 2, 2, 2)).unsqueeze(1), found.target[:COUNT]


def left(images, changed, labels):
    """The share of the accuracy above chance that models fitted to changed samples keep on unchanged ones."""
    found = _Pairs(list(images.numpy()), list(changed.numpy()), True, None)
    scores = [_hits(model, was, now, labels) for model, was, now in _forms(found, np.arange(COUNT), "x")]
    chance = np.bincount(labels).max()
    return (max(s[2] for s in scores) - chance) / (max(s[0] for s in scores) - chance)


def each(images, change):
    return torch.stack([change(image) for image in images])


def shifted(image):
    return torch.roll(image, (int(torch.randint(-2, 3, ())), int(torch.randint(-2, 3, ()))), (1, 2))


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        (lambda x: each(x, shifted), True),
        (lambda x: x + 4 * torch.randn(x.shape), True),
        (lambda x: x * 0.1 + 3, True),
        (lambda x: torch.cat([b[:, :, torch.randperm(12)] for b in x.split(50)]), False),
        (lambda x: each(x, lambda i: i.reshape(-1)[torch.randperm(144)].reshape(i.shape)), False),
        (lambda x: x[torch.randperm(len(x))], False),
    ],
    ids=["shifts", "noise", "scale", "rows shuffled", "pixels shuffled", "samples shuffled"],
)
def test_what_is_left_of_the_label(digits, change, kept):
    images, labels = digits
    torch.manual_seed(0)
    share = left(images, change(images), labels)
    assert (share > 0.6) if kept else (share < 0.4), share
