import pytest

from netwright.evidence import (
    Graph,
    Graphs,
    InitialLoss,
    LossTerm,
    Node,
    Objective,
    Strength,
    Task,
    TaskKind,
    TensorInfo,
    TermShare,
    Where,
)
from netwright.rule import NotApplicable
from netwright.rules.loss.regularization_overwhelms_loss import rule


def judge(*terms, tried=None):
    nodes = tuple(
        Node(index=i, op="sum", outputs=(TensorInfo(shape=(), dtype="float32"),)) for i in range(len(terms))
    )
    objective = Objective(graph=0, kind=TaskKind.CLASSIFICATION, terms=terms, main=0)
    task = Task(kind=objective.kind, objectives=(objective,))
    return rule.function(graphs=Graphs(train=(Graph(nodes=nodes, loss=0),)), task=task, tried=tried)


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


def swept(slope, *, reaches=True, share=(0.1, 0.1), magnitude=True):
    part = TermShare(
        op="sum",
        where=Where(file="train.py", line=3),
        values=(slope,),
        norms=(1.0,),
        value_share=share,
        gradient_share=share,
        slope=slope,
        penalty=True,
        magnitude=magnitude,
        reaches=reaches,
    )
    strengths = tuple(
        Strength(factor=f, loss=1.0 + slope * f, data=1.0 - 0.1 * f, steps=20) for f in (0.0, 1.0, 10.0)
    )
    return InitialLoss(batches=8, terms=(part,), strengths=strengths)


def test_the_loss_must_grow_with_the_strength():
    weak = (data(1.0, 1.0), penalty(0.1, 0.1))
    assert not judge(*weak, tried=swept(0.1))
    (found,) = judge(*weak, tried=swept(-0.1))
    assert (found.where.line, found.measured["loss_strong"]) == (3, 0.0)
    # The logarithm of a scale that is learned may well be negative.
    assert not judge(*weak, tried=swept(-0.1, magnitude=False))


def test_a_penalty_without_gradient():
    (found,) = judge(data(1.0, 1.0), penalty(0.1, 0.0), tried=swept(0.1, reaches=False))
    assert "no gradient" in found.message


def test_gradients_that_only_the_experiment_knows():
    terms = (data(1.0), penalty(3.0))
    assert not judge(*terms)
    assert not judge(*terms, tried=swept(0.1, share=(0.4, 0.6)))
    (found,) = judge(*terms, tried=swept(0.1, share=(0.6, 0.8)))
    assert "0.9, and 1 with the penalty switched off" in found.message
