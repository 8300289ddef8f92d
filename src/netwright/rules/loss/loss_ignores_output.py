"""The loss does not depend on what the network says.

## What it measures
Whether any call with weights that ran inside a network in the training iteration is among the calls that the loss was computed from, in any backward call of the
program. Cuts in the graph (``detach``, ``argmax``) do not matter here: this is about the loss being computed from something else altogether.

## Why it matters
The weights get no gradient from the data. If the loss depends on something else that requires gradient (a penalty on the weights, or
``loss.requires_grad_()`` to silence the error), training runs and nothing is learned.

## How to fix
Compute the loss from the output of the network; add a penalty to the data loss (``+=``) rather than replacing it.

## Known false alarms
None known: programs with several backward calls are reported only if none of them reaches the network.

## Source
Emam, "Troubleshooting convolutional neural networks" (is the right tensor optimized?).
"""

from ...evidence import RESHAPES, Graph, Graphs, Node
from ...rule import Finding, Kind, NotApplicable, Rule, Severity

rule = Rule(
    code="NW314",
    name="loss-ignores-output",
    severity=Severity.ERROR,
    kind=Kind.BUG,
    guides=("E9",),
    explains=("NW404", "NW409", "NW610", "NW601", "NW309", "NW211", "NW701"),
    remedies=("loss-of-the-output",),
)


@rule.check
def check(graphs: Graphs) -> Finding | None:
    """Look for the network among what the losses were computed from."""
    ran = [(g, n) for g in graphs.train for n in _weighted(g)]
    if not ran:
        raise NotApplicable("no call with weights was seen inside a network before backward")
    for graph in graphs.train:
        if graph.loss is None or graph.cut:
            raise NotApplicable("a backward call was not recorded as a whole")
        behind = graph.ancestors(graph.loss)
        if any(n.index in behind for n in _weighted(graph)) or _unclear(graph, behind):
            return None
    graph, last = ran[-1]
    loss = graph.source(graph[graph.loss or 0], RESHAPES | {"requires_grad"})
    place = loss.where if loss.where.known else graph.backward
    only = (
        "a penalty on the weights alone"
        if any(graph[i].kind == "parameter" for i in _behind(graph))
        else "other tensors"
    )
    return rule.found(
        f"the loss at {place.at} is computed from {only}: the output of the network (last layer with weights: {last.op} at {last.edit.at}) does not enter it",
        where=place,
        also=(graph.backward, last.edit),
        expected="the loss is computed from the output of the network",
        fix="compute the loss from the output of the network (add a penalty to it rather than replacing it)",
        calls_behind_loss=len(_behind(graph)),
    )


def _behind(graph: Graph) -> frozenset[int]:
    """Everything the loss was computed from."""
    return graph.ancestors(graph.loss) if graph.loss is not None else frozenset()


def _weighted(graph: Graph) -> list[Node]:
    """Calls inside a module with autograd on that take a parameter and something else."""
    return [
        n
        for n in graph.nodes
        if n.kind == "op"
        and n.module is not None
        and n.grad_enabled
        and (n.op == "opaque" or any(_is_weight(graph, graph[r]) for r in n.refs))
    ]


def _is_weight(graph: Graph, node: Node) -> bool:
    """A parameter, or one that an initializer has just written to."""
    for _ in range(16):
        if node.kind == "parameter":
            return True
        if (
            node.kind != "op"
            or not node.refs
            or (node.output is not None and node.output.shape != graph[node.refs[0]].outputs[0].shape)
        ):
            return False
        if node.module is not None or not node.inplace:
            return False
        node = graph[node.refs[0]]
    return False


def _unclear(graph: Graph, behind: frozenset[int]) -> bool:
    """Whether the way to the loss leads through something that could not be followed, or a network's output of an earlier iteration."""
    return any(
        graph[i].op in ("opaque", "apply")
        or (graph[i].kind not in ("op", "parameter") and _learned(graph[i]))
        for i in behind
    )


def _learned(node: Node) -> bool:
    return node.tainted and node.output is not None and node.output.requires_grad
