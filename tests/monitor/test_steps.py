"""Steps that are passed over are counted and nothing else; hooks come and go without disturbing those of the program."""

import contextlib

import pytest
import torch
from torch import nn
from torch.optim.optimizer import (
    _global_optimizer_post_hooks,
    _global_optimizer_pre_hooks,
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

from netwright.capture.step_hooks import StepHooks
from netwright.monitor import Watcher

THINNED = 16


class Training:
    """A small network, trained a step at a call."""

    def __init__(self):
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
        self.optimizer = torch.optim.SGD(self.model.parameters(), 0.01)
        self.x = torch.randn(8, 4)

    def step(self, count=1):
        for _ in range(count):
            self.optimizer.zero_grad()
            self.model(self.x).square().mean().backward()
            self.optimizer.step()


@pytest.fixture
def training():
    return Training()


@pytest.fixture
def watcher(training):
    """It reads every 16th step, and samples none."""
    watcher = Watcher(None)
    watcher._pace.thinned = THINNED
    watcher._pace.samples = lambda step, now: False
    watcher.follow(training.model)
    watcher.start()
    yield watcher
    watcher.close()
    assert watcher.broken is None, watcher.broken
    assert not _global_optimizer_pre_hooks and not _global_optimizer_post_hooks


def test_counts_every_step_and_reads_every_sixteenth(training, watcher):
    backward = torch.autograd.backward
    training.step()
    assert torch.autograd.backward is not backward  # the original: the doze has begun
    for made in range(2, 101):
        training.step()
        assert watcher.steps == made
    watcher.close()
    assert list(watcher.history().series["loss/0"].steps) == [0, 16, 32, 48, 64, 80, 96]


def test_an_evaluation_ends_the_doze_and_is_seen(training, watcher):
    watcher.scores.always = True
    training.step(5)
    doze = torch.autograd.backward
    training.model.eval()
    assert torch.autograd.backward is not doze
    assert watcher.steps == 5
    with torch.no_grad():
        for _ in range(3):
            nn.functional.mse_loss(training.model(training.x), torch.zeros(8, 1))
    training.model.train()
    training.step(40)
    assert watcher.steps == 45
    watcher.close()
    assert watcher.history().series["metric/eval/loss"].steps == (5,)


def test_steps_within_steps_are_one_step(training, watcher):
    inner = torch.optim.SGD([nn.Parameter(torch.ones(1))], 0.1)

    class Outer(torch.optim.SGD):
        def step(self, closure=None):
            inner.step()
            return super().step(closure)

    training.optimizer = Outer(training.model.parameters(), 0.01)
    training.step(50)
    assert watcher.steps == 50


def test_a_step_that_was_left_by_an_exception_is_none(training, watcher):
    def closure():
        raise KeyError

    for _ in range(2):
        with pytest.raises(KeyError):
            training.optimizer.step(closure)
    training.step(50)
    assert watcher.steps == 50


def test_steps_of_other_threads_are_not_counted(training, watcher):
    import threading

    training.step(3)
    thread = threading.Thread(target=training.step, args=(10,))
    thread.start()
    thread.join()
    training.step(3)
    assert watcher.steps == 6


@contextlib.contextmanager
def _own_hooks():
    called = {"before": 0, "after": 0}

    def count(name):
        def hook(optimizer, args, kwargs):
            called[name] += 1

        return hook

    handles = [
        register_optimizer_step_pre_hook(count("before")),
        register_optimizer_step_post_hook(count("after")),
    ]
    yield called
    for handle in handles:
        handle.remove()


@pytest.mark.parametrize("place", ["before", "after"])
def test_a_failure_of_ours_within_a_step_does_not_reach_a_program_with_hooks_of_its_own(training, place):
    watcher = Watcher(None, every=1)
    watcher.follow(training.model)
    watcher.start()

    def fails(*_, **__):
        raise ValueError("ours")

    if place == "before":
        watcher.parameters.before = fails
    else:
        watcher.reader.rates = fails
    with _own_hooks() as called:
        training.step(3)
        watcher.close()
        assert called == {"before": 3, "after": 3}
    assert "ours" in watcher.broken
    training.step()


def test_hooks_come_and_go_within_a_step(training):
    seen = []
    late = StepHooks(lambda *_: seen.append("late before"), lambda *_: seen.append("late after"))

    def before(*_):
        seen.append("before")

    def after(*_):
        seen.append("after")
        hooks.take_out()
        late.put_in()

    hooks = StepHooks(before, after)
    hooks.put_in()
    with _own_hooks() as called:
        training.step(2)
        assert called == {"before": 2, "after": 2}
    late.take_out()
    assert seen == ["before", "after", "late before", "late after"]
    assert not _global_optimizer_pre_hooks and not _global_optimizer_post_hooks


def test_while_it_dozes_torch_calls_the_counter_itself_beside_hooks_of_the_program(training, watcher):
    with _own_hooks() as called:
        training.step()
        code = [hook.__code__.co_name for hook in _global_optimizer_post_hooks.values()]
        assert "counts" in code
        training.step(3 * THINNED)
        assert called == {"before": 1 + 3 * THINNED, "after": 1 + 3 * THINNED}
    assert watcher.steps == 1 + 3 * THINNED


def test_once_something_was_compiled_the_hooks_of_torch_stay_the_same(training, watcher, monkeypatch):
    monkeypatch.setattr("netwright.capture.step_hooks.something_compiled", lambda: True)
    before, after = _hooks()
    for made in range(1, 3 * THINNED):
        training.step()
        assert watcher.steps == made
        assert _hooks() == (before, after)


def _hooks():
    return [*_global_optimizer_pre_hooks.values()], [*_global_optimizer_post_hooks.values()]


def test_two_who_look_at_steps_are_both_called_while_one_dozes(training, watcher):
    seen = []
    other = StepHooks(lambda *_: seen.append("before"), lambda *_: seen.append("after"))
    training.step()  # the doze has begun
    other.put_in()
    training.step(2)
    other.take_out()
    assert seen == ["before", "after"] * 2
    training.step(THINNED)
    assert watcher.steps == 3 + THINNED


@pytest.mark.parametrize("slow_one_in", [1, 3])
def test_waiting_for_data_is_estimated_from_batches_here_and_there(training, slow_one_in):
    clock = Clock()
    watcher = Watcher(None, clock=clock)
    watcher._pace.thinned = 1024
    watcher._pace.samples = lambda step, now: False
    watcher.follow(training.model)
    watcher.start()
    waited = 0.0
    for index, _ in enumerate(torch.utils.data.DataLoader(Slow(clock, slow_one_in, 2000))):
        waited += 1.0 if index % slow_one_in == 0 else 0.0
        training.step()
    watcher.close()
    assert watcher.throughput.loading == pytest.approx(waited, rel=0.15)
    assert clock.read < 2000, "the clock is not read for every batch"


class Clock:
    """Seconds that pass only where somebody waits."""

    def __init__(self):
        self.now, self.read = 0.0, 0

    def __call__(self):
        self.read += 1
        return self.now


class Slow(torch.utils.data.Dataset):
    """One sample in so many takes a second."""

    def __init__(self, clock, one_in, size):
        self.clock, self.one_in, self.size = clock, one_in, size

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        self.clock.now += 1.0 if index % self.one_in == 0 else 0.0
        return torch.zeros(1)
