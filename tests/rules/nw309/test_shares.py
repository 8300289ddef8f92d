import pytest

from netwright.evidence import Graph, Graphs, LossTerm, Node, Objective, Task, TaskKind, TensorInfo
from netwright.rule import NotApplicable
from netwright.rules.loss.regularization_overwhelms_loss import rule


def judge(*terms):
    nodes = tuple(
        Node(index=i, op="sum", outputs=(TensorInfo(shape=(), dtype="float32"),)) for i in range(len(terms))
    )
    objective = Objective(graph=0, kind=TaskKind.CLASSIFICATION, terms=terms, main=0)
    task = Task(kind=objective.kind, objectives=(objective,))
    return rule.function(graphs=Graphs(train=(Graph(nodes=nodes, loss=0),)), task=task)


def data(value, norm=None):
    return LossTerm(op="cross_entropy", node=0, value=value, gradient_norm=norm)


def penalty(value, norm=None):
    return LossTerm(op="regularization", node=1, value=value, weight=0.1, gradient_norm=norm)


@pytest.mark.parametrize(
    ("value", "norm", "fires"),
    [(3.0, 2.0, True), (3.0, 0.9, False), (0.9, 2.0, False), (8.0, None, False), (10.0, None, True)],
)
def test_both_shares_must_be_above_one_half(value, norm, fires):
    known = None if norm is None else 1.0
    assert bool(judge(data(1.0, known), penalty(value, norm))) is fires


def test_penalties_of_many_parameters_add_up():
    assert judge(data(1.0, 1.0), *[penalty(0.5, 0.8)] * 4)


def test_without_penalty():
    with pytest.raises(NotApplicable):
        judge(data(1.0))
