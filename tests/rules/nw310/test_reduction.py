import pytest

from netwright.evidence import (
    Event,
    Events,
    Graph,
    Graphs,
    LossTerm,
    Modules,
    Node,
    Objective,
    OptimizerInfo,
    Optimizers,
    Ref,
    Targets,
    Task,
    TaskKind,
    TensorInfo,
    Where,
)
from netwright.rules.loss.wrong_reduction import rule

BACK = Where(file="/project/train.py", line=20)


def judge(*, reduction="mean", optimizer="SGD", lr=0.1, kinds=(), weight=1.0, batch=64):
    nodes = (
        Node(index=0, op="linear", outputs=(TensorInfo(shape=(batch, 10), dtype="float32"),)),
        Node(index=1, op="cross_entropy", args=(Ref(0),), outputs=(TensorInfo(shape=(), dtype="float32"),)),
    )
    term = LossTerm(op="cross_entropy", node=1, prediction=0, reduction=reduction, weight=weight)
    objective = Objective(graph=0, kind=TaskKind.CLASSIFICATION, terms=(term,), main=0, classes=10)
    events = tuple(Event(kind=k, step=0, where=BACK if k == "backward" else Where()) for k in kinds)
    return rule.function(
        graphs=Graphs(train=(Graph(nodes=nodes, loss=1, backward=BACK, optimizer=0),)),
        task=Task(kind=objective.kind, objectives=(objective,)),
        optimizers=Optimizers(optimizers=(OptimizerInfo(index=0, type=optimizer, groups=({"lr": lr},)),)),
        events=Events(events=events),
        targets=Targets(tensors=(None,), counts=({},)),
        modules=Modules(modules=(), roots=()),
    )


@pytest.mark.parametrize(
    ("changes", "fires"),
    [
        ({"lr": 0.1}, True),
        ({"lr": 1e-3}, False),
        ({"lr": 0.1, "optimizer": "Adam"}, False),
        ({"lr": 0.1, "reduction": "mean"}, False),
        ({"lr": 0.1, "weight": 1 / 64}, False),
        ({"lr": 0.1, "kinds": ("clip",)}, False),
    ],
)
def test_sum(changes, fires):
    assert bool(judge(**{"reduction": "sum", **changes})) is fires


WINDOW = ("zero_grad", "backward", "backward", "backward", "backward", "optimizer_step")


@pytest.mark.parametrize(
    ("kinds", "fires"),
    [
        (WINDOW * 3, True),
        (WINDOW, False),
        (("zero_grad", "backward", "optimizer_step") * 5, False),
        (("backward", "zero_grad", "backward", "optimizer_step") * 5, False),
        (
            ("zero_grad", "backward", "backward", "optimizer_step", "zero_grad", "backward", "optimizer_step")
            * 3,
            False,
        ),
    ],
)
def test_accumulation(kinds, fires):
    assert bool(judge(kinds=kinds)) is fires


def test_divided_accumulation():
    assert not judge(kinds=WINDOW * 3, weight=0.25)
    assert not judge(kinds=WINDOW * 3, optimizer="AdamW")
    assert not judge(kinds=WINDOW * 3, batch=1)
