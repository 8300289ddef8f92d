"""Does the label survive what is done to a batch: told from changes that are known to keep it or to destroy it."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from netwright.capture.session import Limits, Session
from netwright.capture.step import Step
from netwright.experiments._seen_samples import collect
from netwright.experiments._views import _forms, _hits, _Pairs, views
from netwright.experiments.simple_models import _kept

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


def seen(digits, change):
    """What is made of eight recorded steps in whose loop the batch is changed."""
    images, labels = digits
    targets = torch.tensor(labels)
    torch.manual_seed(0)
    session = Session(Limits(steps=8))
    session.start()
    try:
        model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(144, 10))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        for rows in torch.randperm(COUNT).split(64)[:8]:
            loss = torch.nn.functional.cross_entropy(model(change(images[rows])), targets[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    finally:
        session.close()
    samples = collect([Step(c) for c in (*session.recording.captures, *session.recording.later)])
    rows, names, _ = _kept(samples)
    return views(samples, rows, names, float("inf"))


def test_the_batch_before_and_after_is_read_from_the_tape(digits):
    found = seen(digits, lambda x: x.flatten(2)[:, :, torch.randperm(144)].reshape(x.shape))
    assert found.random
    assert found.before > 0.8
    assert found.after < 0.3
    assert "randperm(144)" in found.where.code


def test_a_fixed_order_of_pixels_is_part_of_the_network(digits):
    order = torch.randperm(144)
    found = seen(digits, lambda x: x.flatten(2)[:, :, order].reshape(x.shape))
    assert not found.random
    assert found.after > 0.7
