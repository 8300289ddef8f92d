"""Losses that need not fall: told from real steps, and kept apart from losses that only look like them."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, Categorical, Normal
from torch.nn import functional as F

from netwright.capture.session import Limits, Session
from netwright.evidence import Graphs
from netwright.inference import read_task


def graph_of(loss_of):
    """The graph of one training step of a network, given inputs, whose loss a function makes."""
    torch.manual_seed(0)
    session = Session(Limits(steps=1))
    session.start()
    try:
        model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 4))
        other = copy.deepcopy(model)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        loss_of(model, other, torch.randn(16, 6), torch.randint(0, 4, (16,))).backward()
        optimizer.step()
    finally:
        session.close()
    return session.recording.captures[0].graph


def moves(graph, evaluation=None):
    (objective,) = read_task(Graphs(train=(graph,), evaluation=evaluation)).objectives
    return objective.moves


def policy_gradient(model, other, x, y):
    chosen = Categorical(logits=model(x))
    return -(chosen.log_prob(chosen.sample()) * torch.randn(16)).mean()


def actor_and_critic(model, other, x, y):
    out = model(x)
    chosen = Categorical(logits=out[:, :3])
    gain = torch.randn(16)
    return F.smooth_l1_loss(out[:, 3], gain) - (chosen.log_prob(chosen.sample()) * gain).sum()


def continuous_actions(model, other, x, y):
    out = model(x)
    chosen = Normal(out[:, :2], F.softplus(out[:, 2:]) + 0.1)
    return -(chosen.log_prob(chosen.sample()).sum(1) * torch.randn(16)).mean()


def hidden_bits(model, other, x, y):
    chosen = Bernoulli(logits=model(x))
    return -chosen.log_prob(chosen.sample()).mean()


def own_targets(model, other, x, y):
    with torch.no_grad():
        best = 1.0 + 0.9 * other(x).max(1).values
    return F.mse_loss(model(x).gather(1, y[:, None]).squeeze(1), best)


@pytest.mark.parametrize("loss", [policy_gradient, actor_and_critic, continuous_actions, hidden_bits])
def test_what_the_network_draws_itself(loss):
    assert "drawn from the network's own output" in moves(graph_of(loss))


def test_targets_that_a_network_makes():
    assert "targets are made by a network" in moves(graph_of(own_targets))


def plain(model, other, x, y):
    return F.cross_entropy(model(x), y)


def from_a_frozen_teacher(model, other, x, y):
    other.requires_grad_(False)
    with torch.no_grad():
        soft = other(x)
    return F.mse_loss(model(x), soft)


def noise_inside(model, other, x, y):
    out = model(x)
    mean, spread = out[:, :2], out[:, 2:].exp()
    code = mean + spread * torch.randn_like(spread)
    return F.mse_loss(code, x[:, :2]) + (mean**2).mean()


def reparametrized(model, other, x, y):
    out = model(x)
    code = Normal(out[:, :2], out[:, 2:].exp()).rsample()
    return F.mse_loss(code, x[:, :2])


def masked_at_random(model, other, x, y):
    out = model(x)
    kept = torch.bernoulli(torch.full_like(out, 0.9))
    return F.cross_entropy(out * kept, y)


def drawn_samples(model, other, x, y):
    rows = torch.multinomial(torch.ones(16), 8)
    return F.cross_entropy(model(x[rows]), y[rows])


@pytest.mark.parametrize(
    "loss",
    [plain, from_a_frozen_teacher, noise_inside, reparametrized, masked_at_random, drawn_samples],
)
def test_what_only_looks_like_it(loss):
    assert not moves(graph_of(loss))


def values(model, other, x, y):
    return F.mse_loss(model(x)[:, 0], torch.randn(16))


def test_an_agent_acts_between_the_steps():
    acting = replace(graph_of(policy_gradient), loss=None)
    assert "agent" in moves(graph_of(values), acting)
    assert not moves(graph_of(plain), acting)  # as a language model that writes a sample
    assert not moves(graph_of(values), replace(graph_of(values), loss=None))
