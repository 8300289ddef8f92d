"""Prediction and target of different shapes are combined: broadcasting repeats one of them.

## What it measures
Shapes of the two tensors in every elementwise loss (library or written by hand), in every difference on the way to the loss, and in comparisons of predictions
with labels. It speaks when the result is larger than both, or when one of them is repeated to fit the other.

## Why it matters
``(N, 1)`` minus ``(N,)`` is a table of N x N differences: every prediction is compared with every target, and the best answer to that is the mean of all targets.
The program runs, the loss falls a little, and nothing is learned. A comparison like that makes the accuracy meaningless.

## How to fix
Give both the same shape: ``prediction.squeeze(1)`` or ``target.unsqueeze(1)``.

## Known false alarms
Tables made on purpose (pairwise distances, contrastive masks) are recognised by an ``unsqueeze``, ``None`` index or ``view`` next to the operation,
and by both sides coming from the same tensor; targets of one element and batches of one are not looked at.

## Source
Tobin, "Troubleshooting deep neural networks": incorrect shapes that fail silently are the most common bug; the warning in PyTorch's ``mse_loss``.
"""

from ...evidence import Graph, Graphs, LossTerm, Node, Ref, Task, Where
from ...rule import Finding, Kind, Rule, Severity
from .._loss import SQUARED, learns, loss_terms, prediction_info, target_info

rule = Rule(
    code="NW306",
    name="silent-broadcast",
    severity=Severity.ERROR,
    kind=Kind.BUG,
    guides=("T4",),
    remedies=("match-shapes",),
    explains=("NW301", "NW601", "NW605", "NW611", "NW707", "NW701"),
)

_ON_PURPOSE = frozenset(
    [
        "unsqueeze",
        "__getitem__",
        "expand",
        "view",
        "reshape",
        "expand_as",
        "t",
        "T",
        "mT",
        "transpose",
        "permute",
        "repeat",
    ]
)
_DECIDING = frozenset(["round", "argmax", "gt", "ge", "sign", "long", "int", "max", "sigmoid"])


@rule.check
def check(graphs: Graphs, task: Task) -> list[Finding]:
    """Compare shapes in losses, differences and comparisons."""
    found: list[Finding] = []
    for graph, _, term in loss_terms(graphs, task):
        finding = _in_term(graph, term)
        if finding is not None:
            found.append(finding)
    lines = {(f.where.file, f.where.line) for f in found}
    for graph in (*graphs.train, *((graphs.evaluation,) if graphs.evaluation is not None else ())):
        for node in graph.ops("sub", "eq"):
            finding = _in_call(graph, node)
            if finding is not None and (finding.where.file, finding.where.line) not in lines:
                lines.add((finding.where.file, finding.where.line))
                found.append(finding)
    return found


def broadcast(first: tuple[int, ...], second: tuple[int, ...]) -> tuple[int, ...] | None:
    """Shape of an elementwise operation on two shapes; ``None`` when they do not fit."""
    rank = max(len(first), len(second))
    a = (1,) * (rank - len(first)) + first
    b = (1,) * (rank - len(second)) + second
    if any(x != y and 1 not in (x, y) for x, y in zip(a, b, strict=True)):
        return None
    return tuple(x if y == 1 else y for x, y in zip(a, b, strict=True))


def size(shape: tuple[int, ...]) -> int:
    """Number of elements."""
    total = 1
    for length in shape:
        total *= length
    return total


def _in_term(graph: Graph, term: LossTerm) -> Finding | None:
    first, second = prediction_info(graph, term), target_info(graph, term)
    if term.op not in SQUARED or first is None or second is None or first.shape == second.shape:
        return None
    if min(first.numel, second.numel) <= 1:
        return None
    result = broadcast(first.shape, second.shape)
    if result is None or size(result) == first.numel == second.numel:
        return None
    larger = size(result) > max(first.numel, second.numel)
    if len(first.shape) == len(second.shape) and larger and _made_on_purpose(graph, term):
        return None
    if not larger and term.handmade and not _same_batch(first.shape, second.shape):
        return None  # a row of constants, a learned offset: one is meant to be repeated
    severity = Severity.ERROR if larger else Severity.WARNING
    return _finding(
        first.shape, second.shape, result, term.where, term.op, ("prediction", "target"), severity
    )


def _same_batch(first: tuple[int, ...], second: tuple[int, ...]) -> bool:
    return bool(first and second) and first[0] == second[0] and first[0] > 1


def _made_on_purpose(graph: Graph, term: LossTerm) -> bool:
    return any(i is not None and graph[i].op in _ON_PURPOSE for i in (term.prediction, term.target))


def _in_call(graph: Graph, node: Node) -> Finding | None:
    """``(N, 1)`` against ``(N,)`` in a difference that the loss depends on or a comparison of predictions with data."""
    if len(node.refs) != 2:
        return None
    first, second = (graph.info(r) for r in node.refs)
    if first is None or second is None:
        return None
    low, high = sorted((first.shape, second.shape), key=len)
    if len(low) != 1 or len(high) != 2 or low[0] < 2 or high != (low[0], 1):
        return None
    a, b = (graph.source(r) for r in node.refs)
    if a.index == b.index or any(
        graph[r].op in _ON_PURPOSE and graph[r].where == node.where for r in node.refs
    ):
        return None
    if not _suspicious(graph, node, node.refs[0], node.refs[1]):
        return None
    result = broadcast(first.shape, second.shape) or ()
    severity = Severity.ERROR if node.op == "sub" else Severity.WARNING
    return _finding(
        first.shape, second.shape, result, node.where, node.op, ("left side", "right side"), severity
    )


def _suspicious(graph: Graph, node: Node, first: Ref, second: Ref) -> bool:
    learned = [learns(graph, r.node) for r in (first, second)]
    if node.op == "eq":
        predicted = first if learned[0] else second
        return learned.count(True) == 1 and graph.source(predicted).op in _DECIDING
    return any(learned) and graph.loss is not None and node.index in graph.ancestors(graph.loss)


def _finding(
    first: tuple[int, ...],
    second: tuple[int, ...],
    result: tuple[int, ...],
    where: Where,
    op: str,
    names: tuple[str, str],
    severity: Severity,
) -> Finding:
    largest = max(size(first), size(second))
    instead = largest if size(result) > largest else min(size(first), size(second))
    flat = (first, second) if len(first) > len(second) else (second, first)
    column = flat[0][-1:] == (1,) and len(flat[0]) == len(flat[1]) + 1
    hint = (
        f"give both the shape {flat[1]}, e.g. with .squeeze(-1) on the {names[0] if flat[0] is first else names[1]}"
        if column
        else f"give both the shape {first}"
    )
    return rule.found(
        f"{op} at {where.at} combines {names[0]} {first} with {names[1]} {second}: broadcasting makes {result} of it, "
        f"{size(result)} numbers instead of {instead}",
        where=where,
        severity=severity,
        expected="both have the same shape",
        fix=hint,
        first=list(first),
        second=list(second),
        result=list(result),
    )
