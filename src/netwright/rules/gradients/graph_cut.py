"""The graph is cut between the parameters and the loss.

## What it measures
Parameters that run in the forward pass and feed the loss by value, that an optimizer should train, and that autograd cannot reach
from any loss. Following their output forward, the first call that takes a tensor autograd follows and hands on one it does
not follow is the cut: ``detach``, ``.data``, ``.item``, ``numpy``, a new tensor made from values, or a ``no_grad`` block.

## Why it matters
Everything before the cut never trains.

## How to fix
Stay in torch from the network to the loss; remove the ``detach`` or ``no_grad``, or replace the numpy call by torch's.

## Known false alarms
Cuts are common and right: straight-through estimators, target networks, truncated back-propagation through time, auxiliary heads
on detached features. Only parameters that no loss reaches count, and only when an optimizer that made steps holds them.
For pretrained parts a cut is a way to freeze, and is reported as information.

## Source
Zeyad Emam, "Troubleshooting convolutional neural networks" (variables not training); PyTorch documentation, "Autograd mechanics".
"""

from ...evidence import Graphs, Node, Optimizers, ParameterInfo, Parameters
from ...rule import Finding, Kind, NotApplicable, Rule, Severity
from .._gradients import cut_at, listed, optimized, parameter_node
from .._zero_gradient import ZERO_GRADIENT

rule = Rule(
    code="NW405",
    name="graph-cut",
    severity=Severity.ERROR,
    kind=Kind.BUG,
    guides=("E10", "S4"),
    remedies=("keep-graph",),
    explains=("NW216", "NW314", "NW404", "NW409", "NW208", "NW601", "NW701"),
)


def _cut(graphs: Graphs, parameter: ParameterInfo) -> Node | None:
    for graph in graphs.train:
        leaf = parameter_node(graph, parameter)
        node = None if leaf is None else cut_at(graph, leaf)
        if node is not None:
            return node
    return None


@rule.check
def check(parameters: Parameters, graphs: Graphs, optimizers: Optimizers) -> list[Finding]:
    """Parameters behind a cut, gathered by the call that cuts."""
    if not graphs.train:
        raise NotApplicable("no backward pass was seen")
    behind = [
        p
        for p in parameters.parameters
        if p.registered and p.requires_grad and p.used and p.on_path and not p.reached
    ]
    calls: dict[object, Node] = {}
    by_call: dict[object, list[ParameterInfo]] = {}
    for p in behind:
        if not optimized(p, optimizers) or any(p.grad_steps):
            continue
        cut = _cut(graphs, p)
        if cut is None or cut.op in ZERO_GRADIENT:
            continue
        key = (cut.where.file, cut.where.line)
        calls[key] = cut
        by_call.setdefault(key, []).append(p)
    return [_finding(calls[key], owned) for key, owned in by_call.items()]


def _manner(node: Node) -> str:
    if not node.grad_enabled:
        return f"a no_grad block around {node.op}"
    return {"data": ".data", "detach": "detach()"}.get(node.op, node.op)


def _finding(node: Node, behind: list[ParameterInfo]) -> Finding:
    names = [p.name for p in behind]
    manner = _manner(node)
    return rule.found(
        f"{manner} at {node.where.at} cuts the graph: {len(behind)} parameters before it get no gradient from any loss: "
        f"{listed(names)}",
        where=node.where.on(module=node.module),
        severity=Severity.INFO if all(p.loaded for p in behind) else None,
        expected="autograd can follow the values from every trained parameter to the loss",
        fix=f"remove {manner} at {node.where.at}, or do the same with torch calls that autograd follows; if the part before it is "
        "meant to stay fixed, freeze it with requires_grad_(False) and leave it out of the optimizer",
        parameters=names,
        cut=node.op,
    )
