"""Metrics of losses and comparisons that a program writes by hand are the numbers that it works out itself, and there is none where that is not certain."""

import contextlib

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.overrides import _get_current_function_mode_stack
from torch.utils.data import DataLoader, TensorDataset

from netwright.capture.recording import Limits
from netwright.capture.session import Session
from netwright.inference import read_objective
from netwright.monitor.asked import ABSOLUTE, BINARY, LABELS, PICKS, SQUARED, Asked, asked

from .watches import watching

CLASSES = Asked(frozenset({PICKS}), frozenset({PICKS, LABELS}), PICKS)
VALUES = Asked(frozenset({SQUARED}), frozenset({SQUARED, ABSOLUTE}), SQUARED)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@contextlib.contextmanager
def _watch(model, what, *, every=1, trained=None):
    def prepare(watcher):
        watcher.scores.expect(what)
        watcher.scores.trained_data = frozenset({id(trained)})

    try:
        with watching(model, prepare=prepare, every=every) as watcher:
            yield watcher
    finally:
        assert not _get_current_function_mode_stack()


def _network(inputs=6, outputs=3):
    model = nn.Sequential(nn.Linear(inputs, 8), nn.Tanh(), nn.Linear(8, outputs))
    return model, torch.optim.SGD(model.parameters(), 0.1)


def _evaluated(what, evaluate, outputs=3):
    """Metrics of one evaluation of an untrained network."""
    model, _ = _network(outputs=outputs)
    with _watch(model, what) as watcher:
        model.eval()
        with torch.no_grad():
            evaluate(model)
        model.train()
    series = watcher.history(ended=True).series
    return {
        n.removeprefix("metric/eval/"): s.values[-1] for n, s in series.items() if n.startswith("metric/")
    }


def _indexed(scores, y):
    return -torch.log_softmax(scores, 1)[torch.arange(len(y)), y].mean()


def _gathered(scores, y):
    return scores.softmax(dim=-1).log().gather(1, y.unsqueeze(1)).neg().mean()


def _weighted(scores, y):
    return -(F.one_hot(y, 3) * F.log_softmax(scores, dim=1)).sum(1).mean()


@pytest.mark.parametrize("loss", [_indexed, _gathered, _weighted])
def test_a_loss_by_hand_tells_what_its_function_would(loss):
    x, y = torch.randn(32, 6), torch.randint(0, 3, (32,))

    def series(compute, what):
        torch.manual_seed(1)
        model, optimizer = _network()
        with _watch(model, what) as watcher:
            for _ in range(4):
                optimizer.zero_grad()
                compute(model(x), y).backward()
                optimizer.step()
        found = watcher.history(ended=True).series
        return {n: s.values for n, s in found.items() if n.startswith(("metric", "answers"))}, model

    by_hand, trained = series(loss, CLASSES)
    called, _ = series(F.cross_entropy, Asked())
    assert by_hand.keys() == called.keys()
    assert {"metric/train/loss", "metric/train/accuracy", "metric/train/f1"} <= by_hand.keys()
    for name, values in called.items():
        assert by_hand[name] == pytest.approx(values, abs=1e-6), name
    # As without us, to the last bit.
    torch.manual_seed(1)
    model, optimizer = _network()
    for _ in range(4):
        optimizer.zero_grad()
        loss(model(x), y).backward()
        optimizer.step()
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), trained.parameters(), strict=True))


def test_an_evaluation_without_a_switch_of_the_network():
    """Two sets, sliced from one tensor: the one that is trained on does not count; a block in each step is no evaluation."""
    x, y = torch.randn(90, 6), torch.randint(0, 3, (90,))
    model, optimizer = _network()

    def accuracy(x, y):
        return (model(x).argmax(1) == y).float().mean().item()

    wanted, average = [], [p.detach().clone() for p in model.parameters()]
    with _watch(model, CLASSES, every=3) as watcher:
        for step in range(12):
            optimizer.zero_grad()
            _indexed(model(x[:60]), y[:60]).backward()
            optimizer.step()
            with torch.no_grad():
                for old, new in zip(average, model.parameters(), strict=True):
                    old.lerp_(new, 0.1)
            if step % 4 == 3:
                with torch.no_grad():
                    accuracy(x[:60], y[:60])
                    wanted.append(accuracy(x[60:], y[60:]))
        assert not watcher.scores.in_place or watcher.sampling or watcher.scores.evaluating
    series = watcher.history(ended=True).series
    assert series["metric/eval/accuracy"].steps == (4, 8, 12)
    assert series["metric/eval/accuracy"].values == pytest.approx(wanted)
    assert len(series["metric/train/accuracy"]) == 4


def test_targets_that_a_network_makes_without_gradients_are_no_evaluation():
    x = torch.randn(40, 6)
    model, optimizer = _network()
    with _watch(model, VALUES, every=4) as watcher:
        for _ in range(9):
            optimizer.zero_grad()
            out = model(x)
            with torch.no_grad():
                target = 0.9 * model(x.roll(1, 0))
            F.mse_loss(out, target).backward()
            optimizer.step()
    assert not list(watcher.history(ended=True).under("metric/eval"))


def test_what_trains_on_when_another_network_is_switched_is_not_evaluated():
    x, y = torch.randn(40, 6), torch.randint(0, 3, (40,))
    model, optimizer = _network()
    teacher, _ = _network()
    with _watch(model, CLASSES, every=100) as watcher:
        watcher.scores.follow([model, teacher])
        _indexed(model(x), y).backward()
        optimizer.step()
        watcher.mode_changes(model, training=False)  # as where the teacher is followed
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    assert not list(watcher.history(ended=True).under("metric/eval"))


def test_batches_of_a_loader_and_labels_that_are_put_together():
    data = TensorDataset(torch.randn(50, 6), torch.randint(0, 3, (50,)))

    def at_the_end(model):
        found = [(model(x).argmax(1), y) for x, y in DataLoader(data, 16)]
        guess, truth = (torch.cat(each) for each in zip(*found, strict=True))
        wanted.append((guess == truth).float().mean().item())

    def one_by_one(model):
        right = [model(x).max(1)[1].eq(y).sum().item() for x, y in DataLoader(data, 16)]
        wanted.append(sum(right) / 50)

    for evaluate in (at_the_end, one_by_one):
        wanted = []
        assert _evaluated(CLASSES, evaluate)["accuracy"] == pytest.approx(wanted[0])


def test_slices_of_a_tensor_that_is_not_trained_on():
    x, y = torch.randn(96, 6), torch.randint(0, 3, (96,))
    model, optimizer = _network()
    with _watch(model, CLASSES) as watcher:
        _indexed(model(x[:48]), y[:48]).backward()
        optimizer.step()
        held_out, truth = x[48:], y[48:]
        with torch.no_grad():
            right = [(model(held_out[i : i + 16]).argmax(1) == truth[i : i + 16]).sum() for i in (0, 16, 32)]
    found = watcher.history(ended=True).series["metric/eval/accuracy"]
    assert found.values == (float(sum(right) / 48),)


def test_errors_in_units_of_the_target():
    x, y = torch.randn(40, 6), torch.randn(40, 1) * 30 + 100
    mean, std = y.mean(0), y.std(0)

    def evaluate(model):
        error = model(x) * std + mean - y
        wanted.update(absolute_error=error.abs().mean().item(), loss=error.pow(2).mean().item())

    wanted = {}
    assert _evaluated(VALUES, evaluate, outputs=1) == pytest.approx(wanted)


def test_binary_by_hand():
    x, y = torch.randn(40, 6), torch.randint(0, 2, (40,)).float()

    def evaluate(model):
        p = torch.sigmoid(model(x)).squeeze(1)
        loss = -(y * torch.log(p + 1e-7) + (1 - y) * torch.log(1 - p + 1e-7)).mean()
        wanted.update(loss=loss.item(), accuracy=((p > 0.5).float() == y).float().mean().item())

    wanted = {}
    what = Asked(frozenset(), frozenset({BINARY, LABELS}), BINARY)
    found = _evaluated(what, evaluate, outputs=1)
    assert {name: found[name] for name in wanted} == pytest.approx(wanted)


def _masked(model, x, y):
    (((model(x).argmax(1) == y) & (y > 0)).sum() / (y > 0).sum()).item()


def _of_two_passes(model, x, y):
    (model(x).argmax(1) == y).float().mean(), (model(x + 1).argmax(1) == y).float().mean()


def _of_two_targets(model, x, y):
    guess = model(x).argmax(1)
    (guess == y).float().mean(), (guess == y.roll(1)).float().mean()


def _of_two_sets(model, x, y):
    for part in (slice(0, 20), slice(20, 40)):
        (model(x[part]).argmax(1) == y[part]).float().mean()


def _of_a_sum_of_passes(model, x, y):
    ((model(x) + model(-x)).argmax(1) == y).float().mean()


def _of_passes_with_each_other(model, x, y):
    (model(x).argmax(1) == model(-x).argmax(1)).float().mean()


def _of_a_choice_that_is_weighted(model, x, y):
    (torch.log_softmax(model(x), 1)[range(40), y] * torch.randn(40)).mean()


@pytest.mark.parametrize(
    "evaluate",
    [
        _masked,
        _of_two_passes,
        _of_two_targets,
        _of_two_sets,
        _of_a_sum_of_passes,
        _of_passes_with_each_other,
        _of_a_choice_that_is_weighted,
    ],
)
def test_nothing_where_it_is_not_certain(evaluate):
    x, y = torch.randn(40, 6), torch.randint(0, 3, (40,))
    assert not _evaluated(CLASSES, lambda model: evaluate(model, x, y))


def test_nothing_is_counted_twice():
    x, y = torch.randn(40, 6), torch.randint(0, 3, (40,))

    def evaluate(model):
        out = model(x)
        wanted.update(loss=F.cross_entropy(out, y).item())
        (out[:20].argmax(1) == y[:20]).float().mean()
        wanted.update(accuracy=(out.argmax(1) == y).float().mean().item())

    wanted = {}
    found = _evaluated(CLASSES, evaluate)
    assert {name: found[name] for name in wanted} == pytest.approx(wanted)


def _objectives(loss, outputs=3):
    session = Session(Limits(steps=100))
    session.start()
    try:
        model, _ = _network(outputs=outputs)
        loss(model).backward()
    finally:
        session.close()
    return [read_objective(c.graph, i) for i, c in enumerate(session.recording.captures)]


def test_what_is_asked_for_follows_from_the_loss():
    x, y = torch.randn(32, 6), torch.randint(0, 3, (32,))
    assert asked(_objectives(lambda m: _indexed(m(x), y))) == CLASSES
    assert asked(_objectives(lambda m: F.cross_entropy(m(x), y))) == Asked(
        frozenset(), CLASSES.evaluation, PICKS
    )
    assert asked(_objectives(lambda m: ((m(x) - x[:, :3].sin()) ** 2).mean())) == Asked()
    assert asked(_objectives(lambda m: ((m(x) - 2 * torch.ones(32, 3)) ** 2).mean())) == VALUES

    def two_parts(model):
        out = model(x)
        return _indexed(out, y) + ((out - torch.zeros(32, 3)) ** 2).mean()

    assert not asked(_objectives(two_parts)).training
    assert asked([*_objectives(lambda m: _indexed(m(x), y))] * 2) == Asked()


def test_a_loader_that_is_at_its_end_gives_no_batch_to_an_evaluation():
    """The whole held-out set is evaluated after an epoch, when the next step is about to be sampled."""
    data, x, y = TensorDataset(torch.randn(20, 6), torch.randn(20, 1)), torch.randn(9, 6), torch.randn(9, 1)
    model, optimizer = _network(outputs=1)
    with _watch(model, VALUES, trained=data) as watcher:
        watcher.scores.by_hand._others_seen = True
        for inputs, targets in DataLoader(data, 10):
            optimizer.zero_grad()
            (model(inputs) - targets).square().mean().backward()
            optimizer.step()
        with torch.no_grad():
            wanted = (model(x) - y).abs().mean().item()
    found = watcher.history(ended=True).series["metric/eval/absolute_error"]
    assert found.values == pytest.approx([wanted])
