"""Rules on a network of very many layers: what they ask of the whole graph they ask once, not for every layer."""

from dataclasses import replace

from netwright.evidence import Graph, Graphs, LayerSignal, Node, Parameters, Ref, Signals, TensorInfo, Where
from netwright.evidence.tensors import Stats
from netwright.registry import find_rule
from netwright.rules._layers import is_last, layers_of, live_consumers

LINE = Where(file="/project/train.py", line=3)
INFO = TensorInfo(shape=(8, 16), dtype="float32", requires_grad=True)


def chain(layers):
    """Linear and tanh in turn, and one more linear that the loss does not depend on."""
    nodes = [Node(index=0, op="input", kind="input", outputs=(INFO,))]

    def add(**given):
        nodes.append(Node(index=len(nodes), outputs=(INFO,), **given))
        return Ref(len(nodes) - 1)

    at = Ref(0)
    for _ in range(layers):
        weight = add(op="parameter", kind="parameter")
        at = add(op="linear", args=(at, weight), tainted=True, where=LINE)
        at = add(op="tanh", args=(at,), tainted=True, where=LINE)
    loss = add(op="mean", args=(at,), tainted=True)
    beside = add(op="linear", args=(at, weight), tainted=True)
    return Graph(nodes=tuple(nodes), loss=loss.node), beside


def test_the_graph_is_walked_as_often_for_many_layers_as_for_few(monkeypatch):
    walks = []
    walk = Graph.ancestors
    monkeypatch.setattr(Graph, "ancestors", lambda *a, **k: walks.append(1) or walk(*a, **k))
    rule = find_rule("NW206")
    counted = []
    for layers in (6, 60):
        graph, _ = chain(layers)
        flat = Stats(count=1, mean=0.0, std=1.0, min=-1.0, max=1.0)
        signals = Signals(
            layers=tuple(
                LayerSignal(
                    module=f"layers.{n.index}", type="Tanh", op="tanh", node=n.index, graph=0, depth=1,
                    where=LINE, saturated=0.0, forward=flat,
                    backward=replace(flat, std=10.0 ** (n.index // 3 - layers)),
                )
                for n in graph.ops("tanh")
            )
        )  # fmt: skip
        walks.clear()
        finding = rule.function(graphs=Graphs(train=(graph,)), signals=signals, propagation=None)
        counted.append(len(walks))
        assert finding.measured["layers"] == layers - 1  # the last is not hidden
    assert counted[0] == counted[1] <= 2


def test_what_is_last_and_what_is_live():
    graph, beside = chain(3)
    linear = layers_of(graph)
    tanh = graph.ops("tanh")
    assert [is_last(graph, n) for n in linear] == [False, False, True]
    assert [is_last(graph, n) for n in tanh] == [False, False, True]
    assert is_last(graph, graph[beside])
    assert beside.node in {n.index for n in graph.consumers(tanh[-1])}
    assert beside.node not in {n.index for n in live_consumers(graph)[tanh[-1].index]}
    assert Parameters(parameters=()).named(0, "weight", (8, 16)) is None
