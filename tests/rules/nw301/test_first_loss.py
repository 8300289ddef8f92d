import math

import pytest

from netwright.evidence import (
    Graph,
    Graphs,
    LossTerm,
    Node,
    Objective,
    Parameters,
    Ref,
    Stats,
    Targets,
    Task,
    TaskKind,
    TensorInfo,
)
from netwright.rule import NotApplicable
from netwright.rules.loss.initial_loss_unexpected import rule

LN10 = math.log(10)


def stats(mean, std=0.0):
    return Stats(count=640, mean=mean, std=std, min=mean - std, max=mean + std)


def judge(loss, *, spread=0.3, batch=64, counts=None, fresh=True, step=0, behind="linear", **changes):
    nodes = (
        Node(index=0, op="input", kind="input", outputs=(TensorInfo(shape=(batch, 8), dtype="float32"),)),
        Node(index=1, op=behind, args=(Ref(0),), outputs=(TensorInfo(shape=(batch, 8), dtype="float32"),)),
        Node(
            index=2,
            op="linear",
            args=(Ref(1),),
            outputs=(TensorInfo(shape=(batch, 10), dtype="float32", stats=stats(0.0, spread)),),
        ),
        Node(
            index=3,
            op="cross_entropy",
            args=(Ref(2),),
            outputs=(TensorInfo(shape=(), dtype="float32", stats=stats(loss)),),
        ),
    )
    term = LossTerm(op="cross_entropy", node=3, prediction=2, reduction="mean", **changes)
    objective = Objective(graph=0, kind=TaskKind.CLASSIFICATION, terms=(term,), main=0, classes=10)
    task = Task(kind=objective.kind, objectives=(objective,))
    return rule.function(
        graphs=Graphs(train=(Graph(nodes=nodes, loss=3, step=step),)),
        task=task,
        targets=Targets(tensors=(None,), counts=(counts or {},)),
        parameters=Parameters(parameters=(), fresh=fresh),
    )


@pytest.mark.parametrize(
    ("ratio", "fires"), [(0.9, False), (1.4, False), (1.99, False), (2.2, True), (8.0, True)]
)
def test_times_chance(ratio, fires):
    assert bool(judge(ratio * LN10)) is fires


def test_small_batches_get_a_margin():
    assert judge(2.3 * LN10, spread=1.0)
    assert not judge(2.3 * LN10, spread=1.0, batch=4)


def test_too_good_for_an_untrained_network():
    even = {float(i): 64 for i in range(10)}
    assert judge(0.3 * LN10, counts=even)
    assert not judge(0.3 * LN10)
    assert not judge(0.3 * LN10, counts={0.0: 600, 1.0: 20})


def test_where_chance_does_not_apply():
    assert not judge(5 * LN10, behind="normalize")
    assert not judge(5 * LN10, step=3)
    assert not judge(5 * LN10, class_weights=(1.0, 2.0))
    with pytest.raises(NotApplicable):
        judge(5 * LN10, fresh=False)
