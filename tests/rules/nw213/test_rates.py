"""Which rates are too strong, by how many units are left."""

import pytest

from netwright.evidence import Graph, Graphs, Node, Objective, Ref, Task, TaskKind, TensorInfo
from netwright.rule import NotApplicable, Severity
from netwright.rules.model.misused_dropout import rule


def judge(p, units=128, *, training=True):
    out = (TensorInfo(shape=(32, units), dtype="float32"),)
    nodes = (
        Node(index=0, op="input", kind="input", outputs=out),
        Node(index=1, op="dropout", args=(Ref(0),), kwargs={"p": p, "training": training}, outputs=out),
        Node(index=2, op="linear", args=(Ref(1),), outputs=out),
    )
    objective = Objective(graph=0, kind=TaskKind.UNKNOWN, terms=())
    task = Task(kind=TaskKind.UNKNOWN, objectives=(objective,))
    return rule.function(Graphs(train=(Graph(nodes=nodes, loss=2),)), task)


@pytest.mark.parametrize(
    ("p", "units", "findings"), [(0.5, 16, 0), (0.8, 2048, 0), (0.7, 256, 0), (0.8, 64, 1), (0.9, 4096, 1)]
)
def test_rates(p, units, findings):
    assert len(judge(p, units)) == findings


def test_everything_dropped_is_an_error():
    (found,) = judge(1.0)
    assert found.severity is Severity.ERROR


def test_switched_off():
    with pytest.raises(NotApplicable):
        judge(0.9, training=False)
