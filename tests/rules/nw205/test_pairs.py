"""Which neighbouring layers are redundant."""

from itertools import pairwise

import pytest

from netwright.evidence import Graph, Graphs, Modules, Node, Ref, TensorInfo
from netwright.rules.model.no_nonlinearity_between_layers import rule


def network(widths, between=(), *, frozen=False, branch=False):
    def out(size, grad=True):
        return (TensorInfo(shape=(32, size), dtype="float32", requires_grad=grad),)

    nodes = [Node(index=0, op="input", kind="input", outputs=out(widths[0]))]
    last = 0
    for inputs, outputs in pairwise(widths):
        for op in between if last else ():
            nodes.append(Node(index=len(nodes), op=op, args=(Ref(last),), outputs=nodes[last].outputs))
            last = len(nodes) - 1
        weight = (
            TensorInfo(shape=(outputs, inputs), dtype="float32", requires_grad=not (frozen and not last)),
        )
        nodes.append(Node(index=len(nodes), op="parameter", kind="parameter", outputs=weight))
        leaf = len(nodes) - 1
        nodes.append(
            Node(index=leaf + 1, op="linear", args=(Ref(last), Ref(leaf)), outputs=out(outputs), tainted=True)
        )
        last = leaf + 1
    if branch:
        first = next(n.index for n in nodes if n.op == "linear")
        nodes.append(Node(index=len(nodes), op="add", args=(Ref(last), Ref(first)), outputs=out(widths[-1])))
    return Graphs(train=(Graph(nodes=tuple(nodes), loss=len(nodes) - 1),))


def judge(*args, **kwargs):
    return rule.function(network(*args, **kwargs), Modules(modules=(), roots=("Net",)))


@pytest.mark.parametrize("between", [(), ("dropout",), ("batch_norm",), ("flatten",)])
def test_linear_calls_between_change_nothing(between):
    (found,) = judge((10, 64, 3), between)
    assert found.measured["whole_network"]


@pytest.mark.parametrize("between", [("relu",), ("layer_norm",), ("dropout", "gelu")])
def test_a_nonlinearity_between(between):
    assert judge((10, 64, 3), between) == []


def test_a_bottleneck_is_a_factorization():
    assert judge((100, 8, 100)) == []


def test_a_layer_as_narrow_as_its_outputs_gains_nothing():
    assert len(judge((100, 8, 8))) == 1


def test_frozen_layers_and_shared_outputs_are_left_alone():
    assert judge((10, 64, 3), frozen=True) == []
    assert judge((10, 64, 64), branch=True) == []
