"""Steps that are passed over: their losses, and gradients before their steps, are still looked at for what is not finite, where that is affordable or asked for."""

import contextlib
import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from netwright.monitor import Watcher
from netwright.monitor.finite import FiniteWatch

from . import loops
from .watches import Clock

THINNED = 64


class Replay:
    """A session that runs nothing again, and notes what it is asked."""

    def __init__(self):
        self.recording = SimpleNamespace(nonfinite=None, losses=[], steps=0, captures=[])
        self.asked = []

    def look_back(self, frame, loss):
        self.asked.append((self.watcher.steps, loss))


class Training:
    """A network trained a step at a call, beside a watch that reads every 64th step and samples none; each step takes so long by the clock of the account."""

    def __init__(self, step_s, *, wary=False, scaler=None):
        torch.manual_seed(0)
        self.model = nn.Linear(4, 2)
        self.optimizer = torch.optim.SGD(self.model.parameters(), 0.01)
        self.step_s, self.clock, self.scaler = step_s, Clock(), scaler
        self.watcher = Watcher(None, wary=wary, clock=self.clock)
        self.watcher.account.entry_s = 1e-6
        self.watcher.glance._loss_s, self.watcher.glance._gradients_s = 2e-6, 8e-6
        self.watcher._pace.thinned = THINNED
        self.watcher._pace.samples = lambda step, now: False
        self.watcher.follow(self.model)
        self.session = Replay()
        self.session.watcher = self.watcher
        FiniteWatch(self.session, lambda first: None).join(self.watcher)
        self.watcher.start()

    def step(self, count=1, *, factor=1.0, gradient=None):
        for _ in range(count):
            self.clock.now += self.step_s
            self.optimizer.zero_grad()
            loss = self.model(torch.ones(3, 4)).square().mean() * factor
            (self.scaler.scale(loss) if self.scaler else loss).backward()
            if gradient is not None:
                self.model.bias.grad[0] = gradient
            if self.scaler:
                self.scaler.step(self.optimizer)
                self.scaler.update()
            else:
                self.optimizer.step()

    def close(self):
        self.watcher.close()
        assert self.watcher.broken is None, self.watcher.broken


@pytest.fixture
def training():
    made = []

    def make(*args, **kwargs):
        made.append(Training(*args, **kwargs))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_a_loss_between_reads_is_seen_at_once_where_steps_are_long(training):
    run = training(0.003)
    run.step(20)
    assert not run.watcher.awake
    run.step(factor=math.nan)
    ((step, loss),) = run.session.asked
    assert (step, math.isnan(loss), run.watcher.glance.finite) == (20, True, 19)
    run.step(50)
    assert len(run.session.asked) == 1
    assert run.watcher.steps == 71
    run.close()
    losses = run.watcher.history().series["loss/0"]
    assert 20 in losses.steps and math.isnan(losses.values[losses.steps.index(20)])


def test_short_steps_are_left_alone_and_the_last_finite_one_is_known(training):
    backward = torch.autograd.backward
    run = training(0.0003)
    run.step(20)
    assert torch.autograd.backward is backward  # nothing of ours is there
    assert not run.watcher.glance.losses
    assert not run.session.asked
    run.step(90, factor=math.nan)
    ((step, _),) = run.session.asked
    assert (step, run.watcher.glance.finite) == (THINNED, 0)


def test_whatever_it_costs_where_it_is_asked_for(training):
    run = training(0.0003, wary=True)
    run.step(20)
    run.step(factor=math.inf)
    assert run.session.asked == [(20, math.inf)]


def test_gradients_are_looked_at_before_the_step_that_they_would_spoil(training):
    run = training(0.03)
    run.step(20)
    run.step(gradient=math.nan)
    assert run.session.asked == [(20, None)]
    # Nothing was found by the replay: the loss is waited for.
    run.step(2)
    assert [step for step, _ in run.session.asked] == [20, 21]
    assert run.watcher.glance.finite == 20


def test_a_loss_that_is_infinite_only_by_its_scale_is_finite(training):
    run = training(0.003, scaler=torch.amp.GradScaler("cpu", init_scale=2.0**127))
    run.step(20, factor=1e3)
    assert not run.session.asked


def test_losses_of_several_numbers_are_looked_at_where_it_is_asked_for(training):
    run = training(0.003, wary=True)
    run.step(20)
    (run.model(torch.ones(3, 4)) * math.nan).sum(1).backward(torch.ones(3))
    assert [step for step, _ in run.session.asked] == [20]


def test_an_earlier_pass_of_the_same_step_is_told_from_one_before(training):
    run = training(0.003)
    run.step(20)

    def closure(factors=iter((1.0, math.nan))):
        run.optimizer.zero_grad()
        loss = run.model(torch.ones(3, 4)).square().mean() * next(factors)
        loss.backward()
        return loss

    run.optimizer.step(lambda: (closure(), closure())[1])
    assert [step for step, _ in run.session.asked] == [20]
    assert run.watcher.glance.finite == 20
    assert run.watcher.steps == 21


def test_what_is_looked_at_is_paid_for_and_stays_within_its_part(training):
    run = training(0.003)
    run.step(20)
    spent = run.watcher.account.spent
    run.step(THINNED)
    run.watcher._steps.rouse()
    assert run.watcher.account.spent - spent > THINNED * 1e-6
    assert run.watcher.share < 0.01


@pytest.mark.parametrize(
    "loop", [loops.eager, loops.accumulation, loops.lbfgs, loops.gan], ids=lambda f: f.__name__
)
def test_training_that_is_looked_at_is_the_same_to_the_last_bit(loop):
    looked = []

    @contextlib.contextmanager
    def watch(model):
        watcher = Watcher(None, wary=True)
        watcher._pace.thinned = THINNED
        watcher._pace.samples = lambda step, now: False
        watcher.before_step.append(lambda optimizer: looked.append(watcher.steps))
        watcher.glance.wanted = True
        watcher.follow(model)
        watcher.start()
        yield
        watcher.close()
        assert watcher.broken is None, watcher.broken
        assert watcher.glance.finite == watcher.steps - 1

    def trained(watched):
        torch.manual_seed(0)
        losses, state = loop(24, watched)
        return losses, state, torch.get_rng_state()

    bare, watched = trained(lambda _: contextlib.nullcontext()), trained(watch)
    assert watched[0] == bare[0]
    assert all(torch.equal(watched[1][k], v) for k, v in bare[1].items())
    assert torch.equal(watched[2], bare[2])
    assert looked == list(range(48 if loop is loops.gan else 24))
