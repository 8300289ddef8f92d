"""Watching: what is read is right, nothing of the program is touched, nothing stays behind, and the budget is kept."""

import contextlib
import math
import time

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from netwright.monitor import Watcher

from . import loops
from .watches import Clock, watching

STEPS = 12


def _watch(model, kept, **options):
    return watching(model, prepare=kept.append, **options)


def _trained(loop, watched):
    torch.manual_seed(0)
    losses, state = loop(STEPS, watched)
    return losses, {k: v.clone() for k, v in state.items()}, torch.get_rng_state()


@pytest.mark.parametrize("loop", loops.LOOPS, ids=lambda f: f.__name__)
def test_training_is_the_same_to_the_last_bit(loop):
    bare = _trained(loop, lambda _: contextlib.nullcontext())
    kept = []
    watched = _trained(loop, lambda m: _watch(m, kept, every=1, rank=True, histograms=True))
    assert watched[0] == bare[0]
    assert all(torch.equal(watched[1][k], v) for k, v in bare[1].items())
    assert torch.equal(watched[2], bare[2])
    assert kept[0].samples >= STEPS - 1
    losses = kept[0].history().series["loss/0"]
    if loop is loops.accumulation:
        assert losses.values == pytest.approx([sum(bare[0][i : i + 3]) / 3 for i in range(0, 3 * STEPS, 3)])
    elif loop is loops.gan:
        assert losses.values == tuple(bare[0][::2])
    else:
        assert losses.values == tuple(bare[0])


@pytest.mark.parametrize("place", ["outputs", "scores"])
def test_a_failure_of_ours_at_a_networks_door_goes_no_further(place, monkeypatch):
    def fails(_):
        raise ValueError("not understood")

    bare = _trained(loops.eager, lambda _: contextlib.nullcontext())
    monkeypatch.setattr(f"netwright.monitor.{place}.tensors", fails)
    kept = []

    @contextlib.contextmanager
    def watch(model):
        watcher = Watcher(None, every=1)
        kept.append(watcher)
        watcher.follow(model)
        watcher.start()
        yield watcher
        watcher.close()

    watched = _trained(loops.eager, watch)
    assert watched[0] == bare[0]
    assert "not understood" in kept[0].broken


def test_compiled_code_is_not_compiled_again():
    from torch._dynamo.utils import counters

    counters.clear()
    torch._dynamo.reset()
    _trained(loops.compiled, lambda m: _watch(m, [], every=1))
    assert counters["frames"]["total"] == 1
    assert not counters["graph_break"]


def _network():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3), nn.Tanh())


def test_numbers_are_those_of_a_plain_computation():
    model, kept = _network(), []
    optimizer = torch.optim.SGD(model.parameters(), 0.5)
    x, y = torch.randn(16, 6), torch.randint(0, 3, (16,))
    x[:, 0] = 0
    with _watch(model, kept, every=1):
        before = model[0].weight.detach().clone()
        with torch.no_grad():
            first = F.linear(x, model[0].weight, model[0].bias)
        running = model[1].running_mean.clone(), model[1].running_var.clone()
        out = model(x)
        F.cross_entropy(out, y).backward()
        out = out.detach()
        grad = model[0].weight.grad.clone()
        optimizer.step()
    values = {n: s.values[0] for n, s in kept[0].history().series.items()}
    assert values["parameter/0.weight/grad_norm"] == pytest.approx(float(grad.norm()))
    assert values["parameter/0.weight/weight_norm"] == pytest.approx(float(before.norm()))
    assert values["parameter/0.weight/update_norm"] == pytest.approx(0.5 * float(grad.norm()), rel=1e-4)
    assert values["parameter/0.weight/update_ratio"] == pytest.approx(
        float(0.5 * grad.norm() / before.norm()), rel=1e-4
    )
    assert values["parameter/0.weight/zero_share"] == pytest.approx(float((grad == 0).float().mean()))
    assert values["parameter/0.weight/zero_share"] >= 1 / 6 - 1e-6
    assert values["parameter/0.weight/nonfinite_share"] == 0
    assert values["module/0/mean"] == pytest.approx(float(first.mean()), abs=1e-6)
    assert values["module/0/std"] == pytest.approx(float(first.std(unbiased=False)), rel=1e-4)
    assert values["module/0/max"] == pytest.approx(float(first.max()))
    assert values["module/4/saturated_share"] == pytest.approx(float((out.abs() > 0.99).float().mean()))
    new = first.mean(0) * 0.1 + 0.9 * running[0], None
    spread = (first.var(0) * 0.1 + 0.9 * running[1] + model[1].eps).sqrt()
    expected = ((first.mean(0) - new[0]) / spread).square().mean().sqrt()
    assert values["module/1/running_distance"] == pytest.approx(float(expected), rel=1e-3)
    assert values["module/3/grad_norm"] > 0
    assert values["rate/0/0"] == 0.5


def test_dead_units_and_broken_gradients_are_counted():
    model, kept = nn.Sequential(nn.Linear(4, 4), nn.ReLU()), []
    with torch.no_grad():
        model[0].weight.zero_()
        model[0].bias.copy_(torch.tensor([-1.0, -1.0, -1.0, 1.0]))
    optimizer = torch.optim.SGD(model.parameters(), 0.0)
    with _watch(model, kept, every=1):
        (model(torch.ones(2, 4)) * torch.tensor([1.0, 1.0, 1.0, math.nan])).sum().backward()
        optimizer.step()
    values = {n: s.values[0] for n, s in kept[0].history().series.items()}
    assert values["module/1/dead_share"] == 0.75
    assert values["parameter/0.bias/nonfinite_share"] == 0.25
    assert math.isnan(values["loss/0"])


def test_a_loss_that_is_not_finite_is_told_at_once():
    told, kept = [], []
    weight = nn.Parameter(torch.ones(1))
    with _watch(nn.ParameterList([weight]), kept):
        kept[0].on_nonfinite.append(lambda loss: told.append(float(loss.detach())))
        (weight * 2).sum().backward()
        (weight / 0).sum().backward()
        assert told == [math.inf]


def test_no_hook_is_left_between_samples_and_in_evaluations():
    model, kept, between = _network(), [], []
    optimizer = torch.optim.SGD(model.parameters(), 0.1)

    def hooks():
        return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model)

    with _watch(model, kept, every=3):
        for _ in range(6):
            between.append(hooks() > 0)
            model.eval()
            assert hooks() == 0
            model.train()
            model(torch.randn(4, 6)).sum().backward()
            optimizer.step()
    assert between == [True, False, False, True, False, False]
    assert hooks() == 0


def test_both_optimizers_of_a_gan_are_sampled():
    kept = []
    _trained(loops.gan, lambda m: _watch(m, kept, every=4))
    history = kept[0].history(ended=True)
    assert history.steps == 2 * STEPS
    for name in ("make.0.weight", "judge.0.weight"):
        steps = history.series[f"parameter/{name}/grad_norm"].steps
        assert len(steps) >= 5
    assert {n for n, _ in history.under("rate")} == {"0/0", "1/0"}
    assert history.places["loss/0"].file.endswith("loops.py")
    assert history.places["loss/0"].line != history.places["loss/1"].line


def test_a_gradient_scaler_is_seen_and_taken_out_of_the_loss():
    model, kept, bare = _network(), [], []
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    with _watch(model, kept, every=1):
        for number in range(3):
            optimizer.zero_grad()
            loss = model(torch.randn(4, 6)).square().mean()
            bare.append(loss.item())
            scaler.scale(loss).backward()
            if number == 1:
                model[0].weight.grad[0, 0] = math.inf
            scaler.step(optimizer)
            scaler.update()
    series = kept[0].history().series
    assert kept[0].steps == 3
    assert series["loss/0"].values == pytest.approx(bare)
    assert series["scaler/0/scale"].values == (8.0, 8.0, 4.0)
    assert series["scaler/0/skipped"].values == (0.0, 1.0, 0.0)


@pytest.mark.parametrize("slow", [0.0, 0.2])
def test_the_share_stays_within_the_budget(slow):
    model, clock, seen = _network(), Clock(tick=1e-6), []
    optimizer = torch.optim.SGD(model.parameters(), 0.01)

    def on_sample(sample):
        if any(n.startswith("parameter") for n in sample.values):
            clock.now += slow  # a slow disk
            seen.append(sample.step)

    with _watch(model, [], budget=0.02, on_sample=on_sample, clock=clock) as watcher:
        for _ in range(400):
            model(torch.randn(4, 6)).sum().backward()
            clock.now += 0.1
            optimizer.step()
    assert len(seen) == watcher.samples
    assert watcher.share <= 0.02
    assert (3 <= len(seen) <= 4) if slow else len(seen) > 100


def test_ten_thousand_parameters_keep_the_budget():
    model = nn.ParameterList([nn.Parameter(torch.ones(2)) for _ in range(10_000)])
    kept = []
    optimizer = torch.optim.SGD(model.parameters(), 0.01, foreach=True)
    for parameter in model:
        parameter.grad = torch.ones(2)
    # The processor's clock: what else the machine does is no matter here.
    with _watch(model, kept, budget=0.4, clock=time.process_time):
        end = time.process_time() + 1.6
        while time.process_time() < end:
            optimizer.step()
    assert kept[0].samples
    assert kept[0].share <= 0.5
    assert kept[0].steps > 10


def test_a_failure_ends_the_watch_and_not_the_training():
    model = _network()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)

    def on_sample(sample):
        raise RuntimeError("a full disk")

    watcher = Watcher(None, every=1, on_sample=on_sample)
    watcher.follow(model)
    watcher.start()
    for _ in range(3):
        model(torch.randn(4, 6)).sum().backward()
        optimizer.step()
    watcher.close()
    assert "a full disk" in watcher.broken
    assert watcher.steps < 3
    assert torch.autograd.backward.__module__ == "torch.autograd"
