"""Which division before backward is that of gradient accumulation."""

import pytest

from netwright.accumulation import accumulation
from netwright.evidence import Event, Events, Graph, Graphs, Node, Ref, Where

LINE = Where(file="train.py", line=9)


def steps(count, batches):
    found = []
    for step in range(count):
        found += [Event(kind="zero_grad", step=step)]
        found += [Event(kind="backward", step=step, where=LINE)] * batches
        found += [Event(kind="optimizer_step", step=step)]
    return Events(events=tuple(found))


def graphs(*calls):
    """A loss, and calls on it one after the other."""
    nodes = [Node(index=0, op="cross_entropy", tainted=True, args=())]
    for i, (op, args, more) in enumerate(calls, 1):
        given = tuple(Ref(i - 1) if a == "x" else a for a in args)
        nodes.append(Node(index=i, op=op, args=given, tainted=True, where=LINE, **more))
    return Graphs(train=(Graph(nodes=tuple(nodes), loss=len(nodes) - 1, backward=LINE),))


@pytest.mark.parametrize(
    ("calls", "divided"),
    [
        ([("div", ("x", 4), {})], 4),
        ([("mul", ("x", 0.25), {})], 4),
        ([("mul", (0.25, "x"), {})], 4),
        ([("div", ("x", 2), {}), ("view", ("x", -1), {}), ("div", ("x", 2.0), {})], 4),
        ([("div", ("x", 4), {}), ("mul", ("x", Ref(0)), {"via": ("scale",)})], 4),
        ([("div", ("x", 64), {})], 1),  # the mean of a sum
        ([("div", (4, "x"), {})], 1),
        ([("div", ("x", 4), {}), ("exp", ("x",), {})], 1),
        ([], 1),
    ],
)
def test_a_division_by_the_number_of_batches(calls, divided):
    found = accumulation(graphs(*calls), steps(8, 4))
    assert (found.batches, found.divided_by) == (4, divided)


def test_a_step_of_one_batch_is_none():
    assert accumulation(graphs(("div", ("x", 4), {})), steps(8, 1)) is None
    assert accumulation(graphs(("div", ("x", 4), {})), Events(events=())) is None
    assert accumulation(Graphs(train=()), steps(8, 4)) is None
