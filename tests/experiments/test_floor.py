"""The entropy floor by hand, and what a batch cannot teach; runs on a few samples."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from netwright.capture.sandbox import untouched
from netwright.evidence import Outcome
from netwright.experiments import overfit_batch
from netwright.experiments._floor import entropy
from netwright.experiments._subset import repeated
from netwright.experiments.trainee import Trainee

from .test_alone import classes, record


def test_entropy_by_hand():
    # Context a: 3 of 4 answers are 1. Context b: always 2. Context c: two answers, once each.
    pairs = [("a", 1), ("a", 1), ("a", 1), ("a", 0), ("b", 2), ("b", 2), ("c", 0), ("c", 1)]
    by_hand = (-(3 * math.log(3 / 4) + math.log(1 / 4)) + 0 + 2 * math.log(2)) / 8
    nats, ceiling = entropy(pairs)
    assert math.isclose(nats, by_hand)
    assert ceiling == (3 + 2 + 1) / 8


class Bigram(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(3, 3)

    def forward(self, x):
        return self.table(x)


class Recurrent(nn.Module):
    def __init__(self, both=False):
        super().__init__()
        self.embed = nn.Embedding(3, 16)
        self.cell = nn.GRU(16, 32, batch_first=True, bidirectional=both)
        self.head = nn.Linear(64 if both else 32, 3)

    def forward(self, x):
        return self.head(self.cell(self.embed(x))[0])


TEXT = torch.tensor([[0, 1, 2, 0, 1, 1], [0, 1, 2, 0, 2, 0], [0, 2, 0, 1, 0, 1], [1, 0, 0, 1, 2, 2]])


def language(model):
    def make():
        network = model()
        x, y = TEXT[:, :-1].contiguous(), TEXT[:, 1:].contiguous()
        optimizer = torch.optim.Adam(network.parameters(), lr=0.03)
        return lambda: F.cross_entropy(network(x).view(-1, 3), y.view(-1)), optimizer

    return make


def test_the_floor_of_a_bigram_is_that_of_single_tokens():
    step, optimizer = record(language(Bigram))
    found = overfit_batch(step, optimizer, seconds=90)
    x, y = TEXT[:, :-1].reshape(-1).tolist(), TEXT[:, 1:].reshape(-1).tolist()
    by_hand = 0.0
    for token in range(3):
        answers = [b for a, b in zip(x, y, strict=True) if a == token]
        by_hand -= sum(math.log(answers.count(b) / len(answers)) for b in answers)
    assert math.isclose(found.floor, by_hand / len(x))
    # It cannot get everything right, and still has learned what there is.
    assert found.runs[0].outcome is Outcome.REACHED
    assert found.runs[0].accuracy < 0.9


def test_the_floor_of_a_recurrent_network_is_that_of_beginnings():
    step, optimizer = record(language(Recurrent))
    found = overfit_batch(step, optimizer, seconds=90)
    # After "0" come 1, 1, 2; after "0 1 2 0" come 1 and 2; everything else has one beginning: 20 answers in all.
    by_hand = -(2 * math.log(2 / 3) + math.log(1 / 3) + 2 * math.log(1 / 2)) / 20
    assert math.isclose(found.floor, by_hand, rel_tol=1e-9)
    assert math.isclose(found.ceiling, 18 / 20)
    assert found.runs[0].outcome is Outcome.REACHED


def test_a_network_that_looks_ahead_has_no_floor_here():
    step, optimizer = record(language(lambda: Recurrent(both=True)))
    assert overfit_batch(step, optimizer, seconds=30).floor is None


def test_equal_inputs_with_different_labels():
    def make():
        x = torch.randn(20, 4)
        x[10:] = x[:10]
        y = torch.arange(20) % 2
        y[10:13] = 1 - y[:3]
        y[13:] = y[3:10]
        model = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 2))
        return lambda: F.cross_entropy(model(x), y), torch.optim.Adam(model.parameters(), lr=0.02)

    step, optimizer = record(make)
    found = overfit_batch(step, optimizer, seconds=90)
    assert math.isclose(found.ceiling, 17 / 20)
    assert math.isclose(found.floor, 6 / 20 * math.log(2))
    assert found.runs[0].outcome is Outcome.REACHED


def test_one_sample_comes_first():
    step, optimizer = record(classes())
    found = overfit_batch(step, optimizer, seconds=90)
    assert (found.sample.samples, found.sample.data, found.sample.accuracy) == (1, "one sample", 1.0)
    assert found.few is None


def test_a_few_samples_are_learned_where_the_batch_is_not():
    def make():
        x = torch.rand(60, 1) * 2 - 1
        y = (x[:, 0] * 40).floor().long() % 2
        model = nn.Sequential(nn.Linear(1, 2), nn.Tanh(), nn.Linear(2, 2))
        return lambda: F.cross_entropy(model(x), y), torch.optim.Adam(model.parameters(), lr=0.01)

    step, optimizer = record(make)
    found = overfit_batch(step, optimizer, seconds=90)
    assert all(r.outcome is not Outcome.REACHED for r in found.runs)
    assert found.few.samples == 4


def test_what_cannot_be_taken_apart_is_not_repeated():
    def make():
        x, y = torch.randn(6, 3), torch.randint(0, 2, (6,))
        places = torch.arange(6).view(1, 6)  # one row for the whole batch
        model, embed = nn.Linear(3, 2), nn.Embedding(6, 2)

        def loss():
            return F.cross_entropy(model(x) + embed(places)[0], y)

        return loss, torch.optim.SGD([*model.parameters(), *embed.parameters()], lr=0.1)

    step, _ = record(make)
    with untouched():
        assert repeated(Trainee([step.capture]), 1) is None
