"""Interval arithmetic over the calls before the loss."""

import math

import pytest

from netwright.evidence import Graph, Node, Ref, TensorInfo
from netwright.rules._ranges import REAL, reachable

OUT = (TensorInfo(shape=(8, 1), dtype="float32"),)


def span(*calls):
    nodes = [Node(index=0, op="input", kind="input", outputs=OUT), Node(index=1, op="linear", args=(Ref(0),))]
    for op, *args in calls:
        index = len(nodes)
        nodes.append(Node(index=index, op=op, args=(Ref(index - 1), *args), outputs=OUT))
    found, cause = reachable(Graph(nodes=tuple(nodes), loss=None), Ref(len(nodes) - 1))
    return (found.low, found.high), None if cause is None else cause.op


@pytest.mark.parametrize(
    ("calls", "ends", "cause"),
    [
        ([("relu",)], (0, math.inf), "relu"),
        ([("tanh",), ("mul", 2.0)], (-2, 2), "tanh"),
        ([("sigmoid",), ("mul", 10), ("sub", 5)], (-5, 5), "sigmoid"),
        ([("sigmoid",), ("squeeze", 1)], (0, 1), "sigmoid"),
        ([("relu",), ("neg",)], (-math.inf, 0), "relu"),
        ([("clamp", -1.0, 3.0)], (-1, 3), "clamp"),
        ([("tanh",), ("div", 0.1)], (-10, 10), "tanh"),
        ([("hardtanh",)], (-1, 1), "hardtanh"),
    ],
)
def test_known_ranges(calls, ends, cause):
    found, op = span(*calls)
    assert found == pytest.approx(ends)
    assert op == cause


@pytest.mark.parametrize("calls", [[], [("relu",), ("linear",)], [("leaky_relu",)], [("clamp",)]])
def test_nothing_limits_the_rest(calls):
    assert span(*calls) == ((REAL.low, REAL.high), None)
