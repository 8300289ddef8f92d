"""Gradient flows into the target: the goal moves to meet the answer.

## What it measures
Whether the target of the loss is computed from the same trainable parameters as the prediction, with autograd on, and mixes them with
data: a bootstrapped target such as ``reward + gamma * q(next).max()``, or a label blended with the network's own answer in another pass.

## Why it matters
The loss can then fall by moving the target instead of the prediction. Bootstrapped targets trained that way converge to other values than intended or not at all.

## How to fix
Compute the target under ``torch.no_grad()`` or call ``.detach()`` on it.

## Known false alarms
Losses that pull two outputs of the network together (siamese networks, symmetric divergences, physics-informed residuals) carry gradient on both sides by design: a
target without data in it, a divergence, a term with both sides exchanged elsewhere in the loss, and targets that contain a derivative are not reported. A forgotten ``no_grad`` around a separate
target or teacher network costs time only and is information.

## Source
Baird, "Residual algorithms" (ICML 1995), on what following the full gradient does; Mnih et al., "Human-level control through deep reinforcement learning" (targets are held fixed).
"""

from ...evidence import Graph, Graphs, LossTerm, Node, Task
from ...rule import Finding, Kind, Rule, Severity
from .._loss import BCE, BCE_LOGITS, SQUARED, loss_terms, prediction_ref, target_info, target_ref

rule = Rule(
    code="NW312",
    name="target-carries-gradient",
    severity=Severity.WARNING,
    kind=Kind.BUG,
    guides=("E9",),
    explains=("NW604", "NW602"),
    remedies=("detach-target",),
)

_MIXING = frozenset(["add", "sub", "rsub", "addcmul", "lerp", "where"])
_DERIVATIVE = frozenset(["grad", "opaque", "jvp", "vjp", "jacrev", "jacfwd", "apply"])


@rule.check
def check(graphs: Graphs, task: Task) -> list[Finding]:
    """Look behind the target of every loss."""
    found: list[Finding] = []
    pairs = [(t.prediction, t.target) for _, _, t in loss_terms(graphs, task)]
    for graph, _, term in loss_terms(graphs, task):
        info, ref, predicted = target_info(graph, term), target_ref(term), prediction_ref(term)
        if info is None or ref is None or predicted is None or not info.requires_grad:
            continue
        if (term.target, term.prediction) in pairs or term.op not in SQUARED | {
            BCE,
            BCE_LOGITS,
            "cross_entropy",
        }:
            continue
        own = _trained(graph, ref.node)
        shared = own & _trained(graph, predicted.node)
        mixed = _mixture(graph, graph.source(ref))
        if not own or any(graph[i].op in _DERIVATIVE for i in graph.ancestors(ref.node)):
            continue
        if shared and mixed is None:
            continue
        if predicted.node in graph.ancestors(ref.node) or ref.node in graph.ancestors(predicted.node):
            continue  # entropy of one and the same output
        found.append(_finding(graph, term, mixed, len(shared)))
    return found


def _trained(graph: Graph, start: int) -> frozenset[int]:
    """Parameters that autograd reaches from a value."""
    seen: set[int] = set()
    todo = [start]
    while todo:
        index = todo.pop()
        if index in seen:
            continue
        seen.add(index)
        node = graph[index]
        if node.kind == "op" and (not node.grad_enabled or node.op == "detach"):
            continue
        todo.extend(r.node for r in node.refs if _carries(graph, r.node, r.output))
    return frozenset(i for i in seen if graph[i].kind == "parameter")


def _carries(graph: Graph, index: int, output: int) -> bool:
    outputs = graph[index].outputs
    return output < len(outputs) and outputs[output].requires_grad


def _mixture(graph: Graph, node: Node) -> Node | None:
    """The call that mixes data with the network's own answer, if the target is such a mixture."""
    for _ in range(4):
        if node.op not in _MIXING | {"mul"} or not node.refs:
            return None
        if node.op in _MIXING and any(_is_data(graph, r.node) for r in node.refs):
            return node
        carrying = [r for r in node.refs if _carries(graph, r.node, r.output)]
        if not carrying:
            return None
        node = graph.source(carrying[0])
    return None


def _is_data(graph: Graph, index: int) -> bool:
    node = graph.source(graph[index])
    info = node.output
    if node.kind == "parameter" or info is None or info.numel < 2 or info.requires_grad:
        return False
    return not any(graph[i].kind in ("parameter", "input") for i in graph.ancestors(node))


def _finding(graph: Graph, term: LossTerm, mixed: Node | None, shared: int) -> Finding:
    made = mixed if mixed is not None else graph[term.target or 0]
    place = made.where if made.where.known else term.where
    if shared:
        return rule.found(
            f"the target of {term.op} at {term.where.at} is computed from the weights that are being trained ({place.at}) and carries gradient: the loss "
            "can fall by moving the target",
            where=place,
            also=(term.where,),
            expected="a target without gradient",
            fix="compute the target under torch.no_grad(), or call .detach() on it",
            loss=term.op,
            shared_parameters=shared,
        )
    return rule.found(
        f"the target of {term.op} at {term.where.at} carries gradient into weights that the prediction does not use ({place.at}); this costs time and "
        "memory, and moves the target if an optimizer holds those weights",
        where=place,
        also=(term.where,),
        severity=Severity.INFO,
        expected="a target without gradient",
        fix="compute the target under torch.no_grad(), or call .detach() on it",
        loss=term.op,
        shared_parameters=shared,
    )
