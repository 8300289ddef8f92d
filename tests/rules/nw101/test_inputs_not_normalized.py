"""Which inputs count as normalized, and what lies between the door and the first layer."""

import pytest

from netwright.evidence import (
    DoorTensor,
    Graph,
    Graphs,
    Node,
    Parameters,
    Ref,
    Stats,
    TensorInfo,
    TrainInputs,
)
from netwright.rule import NotApplicable, Severity
from netwright.rules.data.inputs_not_normalized import rule


def graph(*before, after="relu"):
    """Input, some calls, a linear layer, one more call."""
    out = (TensorInfo(shape=(32, 16), dtype="float32"),)
    nodes = [
        Node(index=0, op="input", kind="input", outputs=out),
        Node(index=1, op="parameter", kind="parameter", outputs=out),
    ]
    last = 0
    for op in before:
        nodes.append(Node(index=len(nodes), op=op, args=(Ref(last),), outputs=out))
        last = len(nodes) - 1
    nodes.append(Node(index=len(nodes), op="linear", args=(Ref(last), Ref(1)), outputs=out))
    nodes.append(Node(index=len(nodes), op=after, args=(Ref(len(nodes) - 1),), outputs=out))
    return Graphs(train=(Graph(nodes=tuple(nodes), loss=len(nodes) - 1),))


def judge(mean, std, low, high, *, graphs=None, fresh=True, **changes):
    stats = Stats(count=4096, mean=mean, std=std, min=low, max=high, **changes)
    tensor = DoorTensor(
        name="x", shape=(32, 16), dtype="float32", batches=8, stats=stats, feeds="linear", node=0
    )
    return rule.function(
        inputs=TrainInputs(tensors=(tensor,)),
        graphs=graphs or graph(),
        parameters=Parameters(parameters=(), fresh=fresh),
    )


@pytest.mark.parametrize(
    "healthy",
    [
        (0, 1, -4, 4),
        (0.13, 0.31, 0, 1),
        (0.47, 0.25, 0, 1),
        (0, 1.2, -2.1, 2.6),
        (3.46, 1.97, 0.1, 7.9),
        (4.9, 6.0, 0, 16),
        (0, 0.0476, -0.1, 0.2),
        (0, 0, 0, 0),
    ],
)
def test_usual_inputs_are_silent(healthy):
    assert judge(*healthy) == []


def test_raw_pixels_are_named():
    (found,) = judge(72, 80, 0, 255, integers=True)
    assert found.severity is Severity.WARNING
    assert "255" in found.fix


def test_offset_and_tiny_values_are_found():
    assert judge(5, 0.1, 4.5, 5.5)
    assert judge(0, 0.001, -0.003, 0.003)
    assert not judge(0.001, 0.005, 0, 1, zeros=0.95)


def test_loaded_weights_and_normalization_after_the_layer_make_it_information():
    assert judge(72, 80, 0, 255, fresh=False)[0].severity is Severity.INFO
    assert judge(72, 80, 0, 255, graphs=graph(after="batch_norm"))[0].severity is Severity.INFO


def test_looks_through_form_and_not_through_arithmetic():
    assert judge(72, 80, 0, 255, graphs=graph("flatten", "to"))
    with pytest.raises(NotApplicable):
        judge(72, 80, 0, 255, graphs=graph("div"))
