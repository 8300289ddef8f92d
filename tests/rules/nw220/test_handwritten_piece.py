"""Pieces that torch has, written out in real steps; and forms that only look like them."""

import pytest
import torch
from torch import nn

from netwright.capture.session import Limits, Session
from netwright.evidence import Graph, Graphs, Node, Ref, Task, TaskKind, TensorInfo
from netwright.inference import read_objective
from netwright.rules.model.handwritten_piece import rule
from tests.handmade import stats, where


def graph_of(loss_of):
    """The graph of one training step of a linear layer behind which a function makes the loss."""
    torch.manual_seed(0)
    session = Session(Limits(steps=1))
    session.start()
    try:
        layer = nn.Linear(6, 4)
        optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
        x, y = torch.randn(16, 6), torch.randint(0, 4, (16,))
        loss_of(layer(x), y).backward()
        optimizer.step()
    finally:
        session.close()
    return session.recording.captures[0].graph


def pieces(loss_of):
    graph = graph_of(loss_of)
    found = rule.function(
        Graphs(train=(graph,)), Task(kind=TaskKind.UNKNOWN, objectives=(read_objective(graph, 0),))
    )
    return [f.measured["piece"] for f in found]


def softmax(h):
    shifted = torch.exp(h - h.max(dim=1, keepdim=True).values)
    return shifted / shifted.sum(1, keepdim=True)


@pytest.mark.parametrize(
    ("piece", "value"),
    [
        ("softmax", softmax),
        (
            "softmax",
            lambda h: (
                h.exp() / h.exp().sum(1, keepdim=True)
                if False
                else (lambda e: e / e.sum(1)[:, None])(h.exp())
            ),
        ),
        ("sigmoid", lambda h: 1 / (1 + torch.exp(-h))),
        ("normalization", lambda h: (h - h.mean(1, keepdim=True)) / (h.std(1, keepdim=True) + 1e-5)),
        ("normalization", lambda h: (h - h.mean(0)) / torch.sqrt(h.var(0) + 1e-5)),
        ("normalization", lambda h: (h - h.mean(0)) / ((h - h.mean(0)).pow(2).mean(0) + 1e-5).sqrt()),
        ("root-mean-square normalization", lambda h: h * torch.rsqrt(h.pow(2).mean(-1, keepdim=True) + 1e-6)),
        (
            "log-softmax",
            lambda h: (lambda s: s - s.exp().sum(1, keepdim=True).log())(h - h.amax(1, keepdim=True)),
        ),
    ],
)
def test_a_piece_of_the_network(piece, value):
    assert pieces(lambda h, y: value(h).pow(2).mean()) == [piece]


def test_a_cross_entropy():
    assert pieces(lambda h, y: -h.log_softmax(1)[torch.arange(16), y].mean()) == ["cross-entropy"]


@pytest.mark.parametrize(
    "loss_of",
    [
        lambda h, y: nn.functional.cross_entropy(h, y),
        lambda h, y: nn.functional.layer_norm(h, (4,)).pow(2).mean(),
        lambda h, y: (h / h.abs().sum(1, keepdim=True)).pow(2).mean(),
        lambda h, y: (h.exp() / h.exp().max()).pow(2).mean(),
        lambda h, y: (1 / (1 + h.pow(2))).mean(),
        lambda h, y: ((h - h.mean(0)) / 3.0).pow(2).mean(),
        lambda h, y: -torch.log(softmax(h))[torch.arange(16), y].mean(),  # NW311's
        lambda h, y: -torch.log(h.exp() / h.exp().sum(1, keepdim=True))[torch.arange(16), y].mean(),
        lambda h, y: -(h.log_softmax(1)[torch.arange(16), y] * torch.rand(16)).mean(),  # a policy gradient
    ],
)
def test_what_only_looks_like_one(loss_of):
    assert pieces(loss_of) == []


@pytest.mark.parametrize(("largest", "severity"), [(3.0, "info"), (59.0, "info"), (61.0, "warning")])
def test_arguments_of_exp_near_its_overflow_are_a_warning(largest, severity):
    graph = handmade(exp_of=stats(max=largest))
    (found,) = rule.function(Graphs(train=(graph,)), Task(kind=TaskKind.UNKNOWN, objectives=()))
    assert found.severity.value == severity


def handmade(exp_of):
    """``exp(w) / sum(exp(w))`` of a parameter."""
    place = where(7)
    nodes = (
        Node(
            index=0,
            op="parameter",
            kind="parameter",
            outputs=(TensorInfo(shape=(4,), dtype="float32", stats=exp_of),),
        ),
        Node(index=1, op="exp", args=(Ref(0),), where=place),
        Node(index=2, op="sum", args=(Ref(1),), where=place),
        Node(index=3, op="div", args=(Ref(1), Ref(2)), where=place),
        Node(index=4, op="mean", args=(Ref(3),), where=place),
    )
    return Graph(nodes=nodes, loss=4)
