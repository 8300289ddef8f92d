import pytest

from netwright.evidence import Graph, Graphs, LossTerm, Node, Objective, Ref, Task, TaskKind, TensorInfo
from netwright.rules.loss.silent_broadcast import broadcast, rule


def tensor(*shape):
    return TensorInfo(shape=shape, dtype="float32", requires_grad=True)


def judge(prediction, target, *, op="mse_loss", made_by="linear", handmade=False):
    nodes = (
        Node(index=0, op="parameter", kind="parameter", outputs=(tensor(4, 1),)),
        Node(index=1, op=made_by, args=(Ref(0),), outputs=(tensor(*prediction),)),
        Node(index=2, op="target", kind="target", outputs=(tensor(*target),)),
        Node(index=3, op=op, args=(Ref(1), Ref(2)), outputs=(tensor(),)),
    )
    term = LossTerm(op=op, node=3, prediction=1, target=2, handmade=handmade)
    objective = Objective(graph=0, kind=TaskKind.REGRESSION, terms=(term,), main=0)
    task = Task(kind=objective.kind, objectives=(objective,))
    found = rule.function(graphs=Graphs(train=(Graph(nodes=nodes, loss=3),)), task=task)
    return [f.severity.value for f in found]


@pytest.mark.parametrize(
    ("prediction", "target", "expected"),
    [
        ((32, 1), (32,), ["error"]),
        ((32,), (32, 1), ["error"]),
        ((8, 1, 4, 4), (8, 4, 4), ["error"]),
        ((32, 10), (32, 1), ["warning"]),
        ((32, 1), (32, 10), ["warning"]),
        ((32, 1), (32, 1), []),
        ((1, 1), (1,), []),
        ((32, 1), (1,), []),
        ((32, 1), (), []),
        ((1, 32), (32,), []),
    ],
)
def test_shapes_in_a_loss(prediction, target, expected):
    assert judge(prediction, target) == expected


def test_table_of_pairs_made_on_purpose():
    assert judge((32, 1, 8), (32, 8, 1), made_by="unsqueeze") == []
    assert judge((32, 1, 8), (32, 8, 1)) == ["error"]


def test_other_losses_are_left_alone():
    assert judge((32, 10), (32,), op="cross_entropy") == []


def test_broadcast():
    assert broadcast((32, 1), (32,)) == (32, 32)
    assert broadcast((3, 2), (4, 2)) is None
    assert broadcast((), (3,)) == (3,)
