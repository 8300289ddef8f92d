"""Which equal starts are faults: those whose units stay equal or cannot learn."""

import pytest

from netwright.evidence import Graph, Graphs, Node, ParameterInfo, Parameters, Ref, Stats, TensorInfo
from netwright.rule import Severity
from netwright.rules.model.constant_initial_weights import rule


def judge(value=0.0, *, layers=2, **changes):
    info = (TensorInfo(shape=(8, 8), dtype="float32", requires_grad=True),)
    nodes = [Node(index=0, op="input", kind="input", outputs=info)]
    for layer in range(layers):
        leaf = len(nodes)
        nodes.append(Node(index=leaf, op="parameter", kind="parameter", outputs=info, name=f"{layer}.weight"))
        data = leaf - 1
        nodes.append(
            Node(index=leaf + 1, op="linear", args=(Ref(data), Ref(leaf)), outputs=info, tainted=True)
        )
    stats = Stats(count=64, mean=value, std=0.0, min=value, max=value)
    given = {
        "name": "0.weight",
        "shape": (8, 8),
        "dtype": "float32",
        "initial": stats,
        "duplicate_rows": True,
        "used": True,
        "grad_steps": (1.0, 1.0),
        "changed": True,
        "distinct_rows_after": 8,
    }
    parameter = ParameterInfo(**{**given, **changes})
    graphs = Graphs(train=(Graph(nodes=tuple(nodes), loss=len(nodes) - 1),))
    others = tuple(
        ParameterInfo(name=f"{i}.weight", shape=(8, 8), dtype="float32", initial=stats)
        for i in range(1, layers)
    )
    return rule.function(graphs, Parameters(parameters=(parameter, *others)))


def test_a_zero_layer_that_learns_is_healthy():
    assert judge(0.0) == []


def test_zeros_without_gradient_are_stuck():
    (found,) = judge(0.0, grad_steps=(0.0, 0.0, 0.0))
    assert found.severity is Severity.ERROR
    assert found.measured["verdict"] == "stuck"


def test_one_update_is_too_few_to_call_it_stuck():
    assert judge(0.0, grad_steps=(0.0,)) == []


def test_units_that_stay_equal():
    (found,) = judge(0.0, distinct_rows_after=1)
    assert found.measured["verdict"] == "equal"


@pytest.mark.parametrize(("layers", "findings"), [(1, 0), (2, 1)])
def test_a_constant_start_that_parts_is_a_warning_in_deep_networks_only(layers, findings):
    found = judge(0.1, layers=layers)
    assert len(found) == findings
    assert all(f.severity is Severity.WARNING for f in found)


def test_loaded_weights_are_not_judged():
    assert judge(0.1, loaded=True) == []
