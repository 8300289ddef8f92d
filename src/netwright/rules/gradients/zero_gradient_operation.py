"""An operation with zero gradient stands between the parameters and the loss.

## What it measures
Calls such as ``round``, ``floor``, ``sign``, ``argmax`` or a comparison through which the loss depends on parameters that get no
gradient by any other way; and clamps in front of the loss that swallow nearly all of the gradient because the values
lie outside their bounds.

## Why it matters
These operations are flat almost everywhere: their gradient is exactly zero, so nothing before them learns.

## How to fix
Compute the loss on the continuous values and round or take the argmax only for reporting. Where a hard decision is
needed inside the network, use a straight-through estimator or a soft version (softmax, sigmoid).

## Known false alarms
Straight-through estimators, hard routing, masks and vector quantization use these calls beside another way for the gradient and
are not reported. A clamp at zero alone is a ReLU and not counted.

## Source
Daniel Holden, "My neural network isn't working! What should I do?" (round, clip, min/max and argmax have zero gradient).
"""

from ...evidence import Graph, Graphs, Node, Objective, Optimizers, ParameterInfo, Parameters, Ref, Task
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold
from .._gradients import has_gradient, listed, optimized, parameter_node, starved
from .._zero_gradient import CLAMPS, ZERO_GRADIENT

rule = Rule(
    code="NW415",
    name="zero-gradient-operation",
    severity=Severity.ERROR,
    kind=Kind.BUG,
    guides=("H8",),
    remedies=("smooth-operation",),
    explains=("NW314", "NW404", "NW405", "NW406", "NW208", "NW601", "NW701"),
    thresholds={
        "lost": Threshold(
            value=0.9, unit="share of the gradient swallowed", source="nearly all of it; half is usual"
        ),
        "steps": Threshold(
            value=2, unit="updates", source="one update may miss a gradient by chance, two do not"
        ),
    },
)


@rule.check
def check(graphs: Graphs, task: Task, parameters: Parameters, optimizers: Optimizers) -> list[Finding]:
    """Flat calls on the way to the loss, then clamps in front of it."""
    if not graphs.train:
        raise NotApplicable("no backward pass was seen")
    hungry = [p for p in parameters.parameters if optimized(p, optimizers) and starved(p, rule["steps"])]
    found: dict[tuple[int, int], Finding] = {}
    for number, graph in enumerate(graphs.train):
        for node, names in _flat(graph, hungry):
            found[number, node.index] = _flat_finding(node, names)
    for objective in task.objectives:
        graph = graphs.train[objective.graph]
        node = _flat_prediction(graph, objective)
        if node is not None:
            found.setdefault((objective.graph, node.index), _flat_finding(node, []))
        clamp = _clamp(graph, objective)
        if clamp is not None:
            found.setdefault((objective.graph, clamp[0].index), _clamp_finding(*clamp))
    return list(found.values())


def _follows(graph: Graph, ref: Ref) -> bool:
    info = graph.info(ref)
    return info is not None and info.requires_grad


def _is_flat(graph: Graph, node: Node) -> bool:
    """Whether the call is flat, with a tensor going in that autograd follows."""
    flat = node.op in ZERO_GRADIENT and node.kind == "op" and node.grad_enabled
    return flat and any(_follows(graph, r) for r in node.refs)


def _flat(graph: Graph, hungry: list[ParameterInfo]) -> list[tuple[Node, list[str]]]:
    """Flat calls through which starved parameters feed the loss, with their names; the first one on each way."""
    leaves = {leaf.index: p.name for p in hungry if (leaf := parameter_node(graph, p)) is not None}
    found: list[tuple[Node, list[str]]] = []
    for node in graph.on_path():
        if not _is_flat(graph, node):
            continue
        names = sorted(leaves[i] for i in graph.ancestors(node) & leaves.keys())
        fed = any(has_gradient(graph.info(r)) for r in node.refs)
        if names and not fed:
            found.append((node, names))
    return found[:1]


def _flat_prediction(graph: Graph, objective: Objective) -> Node | None:
    """The flat call that makes the very values the loss compares with the target."""
    term = objective.term
    if term is None or term.prediction is None:
        return None
    source = graph.source(Ref(term.prediction, term.prediction_output))
    return source if _is_flat(graph, source) else None


def _clamp(graph: Graph, objective: Objective) -> tuple[Node, float] | None:
    """A two-sided clamp that makes the values the loss compares, with the share of the gradient it swallows."""
    term = objective.term
    if term is None or term.prediction is None:
        return None
    node = graph.source(Ref(term.prediction, term.prediction_output))
    if node.op not in CLAMPS or not node.refs or node.output is None:
        return None
    if node.op in ("clamp", "clip") and (node.arg(1, "min") is None or node.arg(2, "max") is None):
        return None
    given, taken = graph.info(node.refs[0]), node.output
    if given is None or given.grad is None or taken.grad is None or given.shape != taken.shape:
        return None
    lost = given.grad.zeros - taken.grad.zeros
    return (node, lost) if lost > rule["lost"] else None


def _flat_finding(node: Node, names: list[str]) -> Finding:
    behind = f": {len(names)} parameters before it get none, {listed(names)}" if names else ""
    return rule.found(
        f"{node.op} at {node.where.at} lies between the network and the loss, and its gradient is 0 everywhere{behind}",
        where=node.edit.on(module=node.module),
        expected="the loss is computed on values that change smoothly with the parameters",
        fix=f"compute the loss without {node.op} at {node.where.at} and use it for reporting only, or replace it by a soft "
        "version or a straight-through estimator",
        operation=node.op,
        parameters=names,
    )


def _clamp_finding(node: Node, lost: float) -> Finding:
    return rule.found(
        f"{node.op} at {node.where.at} swallows {lost:.0%} of the gradient: the values lie outside its bounds",
        where=node.edit.on(module=node.module),
        severity=Severity.WARNING,
        expected="most values lie inside the bounds of a clamp in front of the loss",
        fix=f"compute the loss on the values before {node.op} at {node.where.at}, and clamp only what is reported",
        operation=node.op,
        lost=lost,
    )
