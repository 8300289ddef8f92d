"""A softmax, a normalization or a loss is written out by hand that torch has as one call.

## What it measures
Forms in the program's own lines, on the way from parameters to the loss: ``exp(x) / sum(exp(x))``, ``x - log(sum(exp(x)))``, ``1 / (1 + exp(-x))``, ``(x - mean(x)) / std(x)`` (also by ``sqrt`` of
the variance), ``x * rsqrt(mean(x**2))``, and a cross-entropy picked out of ``log_softmax`` or put together from logarithms. Where ``exp`` gets values close to its overflow it is a warning.

## Why it matters
One call is faster, needs less memory and is tested; the form by hand is where a wrong dimension, a missing small number or an overflow comes in.

## How to fix
``torch.softmax``, ``log_softmax`` or ``logsumexp``, ``torch.sigmoid``, ``nn.LayerNorm`` or ``nn.BatchNorm1d``, ``nn.RMSNorm``, ``F.cross_entropy``, ``F.binary_cross_entropy_with_logits``.

## Known false alarms
Code written to learn, or to be changed, is written out on purpose: this is information. Logarithms of a softmax, of a sigmoid or of a sum of ``exp`` that may overflow belong to NW311 and are not named here.

## Source
Tobin, "Troubleshooting deep neural networks": use built-in functions; numerical instability is one of the five most common bugs.
"""

from collections.abc import Iterator

from ...evidence import Graph, Graphs, Node, Ref, Task
from ...rule import Finding, Kind, Rule, Severity, Threshold
from .._loss import LINEAR, learns, loss_terms, one_hot, target_info, walk_back

rule = Rule(
    code="NW220",
    name="handwritten-piece",
    severity=Severity.INFO,
    kind=Kind.BUG,
    guides=("T5",),
    thresholds={
        "exp": Threshold(
            value=60.0,
            unit="largest argument of exp",
            source="float32 overflows at 88.7; two thirds of it at the start leave little room for training",
        ),
    },
)

_SHIFTS = frozenset({"max", "amax", "logsumexp"})
_PIECES = {
    "softmax": "torch.softmax, which subtracts the largest value first",
    "log-softmax": "torch.log_softmax or torch.logsumexp",
    "sigmoid": "torch.sigmoid",
    "normalization": "nn.LayerNorm, nn.BatchNorm1d or F.layer_norm, with the small number in the divisor that they have",
    "root-mean-square normalization": "nn.RMSNorm or F.rms_norm",
    "cross-entropy": "F.cross_entropy on the raw outputs",
    "binary cross-entropy": "F.binary_cross_entropy_with_logits on the raw outputs",
}


@rule.check
def check(graphs: Graphs, task: Task) -> list[Finding]:
    """One finding for each kind of piece, at the first line that has it."""
    places: dict[str, list[tuple[Graph, Node]]] = {}
    for graph in graphs.train:
        for node in graph.on_path():
            if node.kind == "op" and not node.via and node.where.known and node.op in _FORMS:
                piece = _FORMS[node.op](graph, node)
                if piece is not None and learns(graph, node):
                    places.setdefault(piece, []).append((graph, node))
    for piece, graph, node in _losses(graphs, task):
        places.setdefault(piece, []).append((graph, node))
    return [_finding(piece, found) for piece, found in places.items()]


def _finding(piece: str, found: list[tuple[Graph, Node]]) -> Finding:
    graph, node = found[0]
    lines = {(n.where.file, n.where.line): n.where for _, n in found}
    largest = _largest(graph, node) if piece == "softmax" else None
    near = largest is not None and largest > rule["exp"]
    more = f", and at {len(lines) - 1} more lines" if len(lines) > 1 else ""
    risk = f"; exp gets values up to {largest:.3g} and overflows at 88.7" if near else ""
    return rule.found(
        f"a {piece} is written out at {node.where.at}{more}{risk}",
        where=node.where.on(module=node.module),
        also=tuple(lines.values())[1:4],
        severity=Severity.WARNING if near else None,
        expected="one call of torch's, which is tested and stable",
        fix=f"use {_PIECES[piece]}",
        piece=piece,
        lines=len(lines),
        largest=largest,
    )


def _largest(graph: Graph, node: Node) -> float | None:
    """The largest argument of the exponential of a softmax."""
    top = graph.source(node.refs[0])
    info = graph.info(top.refs[0]) if top.refs else None
    return None if info is None or info.stats is None else info.stats.max


def _is_log_of(graph: Graph, node: Node) -> bool:
    """Whether a logarithm of the value is taken: a form that NW311 looks at."""
    return any(n.op == "log" for n in graph.consumers(node))


def _division(graph: Graph, node: Node) -> str | None:
    if len(node.refs) == 1:
        return _sigmoid(graph, node) if node.op == "div" and node.arg(0, "input") in (1, 1.0) else None
    top, bottom = (graph.source(r) for r in node.refs[:2])
    if top.op == "exp" and bottom.op == "sum" and bottom.refs and graph.source(bottom.refs[0]) is top:
        return None if _is_log_of(graph, node) else "softmax"
    if top.op == "sub" and len(top.refs) == 2:
        mean = graph.source(top.refs[1])
        if mean.op == "mean" and mean.refs and mean.refs[0] == top.refs[0]:
            return "normalization" if _spread_of(graph, bottom, top) else None
    return None


def _spread_of(graph: Graph, node: Node, centred: Node) -> bool:
    """Whether a divisor is the standard deviation of what was centred, a small number put to it or not."""
    ours = {
        centred.refs[0],
        *(Ref(n.index) for n in graph.consumers(graph[centred.refs[0]]) if n.op == "sub"),
    }
    for step in walk_back(graph, Ref(node.index), 5, frozenset()):
        if step.op in ("std", "var") and step.refs and step.refs[0] in ours:
            return True
        squared = step.op in ("pow", "square", "mul") and bool(step.refs) and set(step.refs) <= ours
        if squared and node.op in ("sqrt", "add", "clamp", "clamp_min"):
            return True
        if step.op not in ("std", "var", "sqrt", "add", "clamp", "clamp_min", "mean", "sum", "pow", "square"):
            return False
    return False


def _sigmoid(graph: Graph, node: Node) -> str | None:
    below = graph.source(node.refs[0])
    if (
        below.op != "add"
        or len(below.refs) != 1
        or not {1} & {a for a in below.args if isinstance(a, int | float)}
    ):
        return None
    return "sigmoid" if graph.source(below.refs[0]).op == "exp" and not _is_log_of(graph, node) else None


def _reversed_division(graph: Graph, node: Node) -> str | None:
    return _sigmoid(graph, node) if node.arg(1, "other") in (1, 1.0) else None


def _reciprocal(graph: Graph, node: Node) -> str | None:
    return _sigmoid(graph, node) if node.refs else None


def _difference(graph: Graph, node: Node) -> str | None:
    """``x - log(sum(exp(x)))``, also shifted: the same values are on both sides."""
    if len(node.refs) != 2:
        return None
    log = graph.source(node.refs[1])
    total = graph.source(log.refs[0]) if log.op == "log" and log.refs else None
    inner = graph.source(total.refs[0]) if total is not None and total.op == "sum" and total.refs else None
    if inner is None or inner.op != "exp" or not inner.refs:
        return None
    same = graph.source(inner.refs[0]) is graph.source(node.refs[0])
    shifted = any(n.op in _SHIFTS for n in walk_back(graph, inner.refs[0], 3, LINEAR))
    return "log-softmax" if same and shifted else None


def _product(graph: Graph, node: Node) -> str | None:
    """``x * rsqrt(mean(x**2) + small)``."""
    for value, factor in (node.refs[:2], node.refs[1::-1]) if len(node.refs) == 2 else ():
        root = graph.source(factor)
        if root.op != "rsqrt" or not root.refs:
            continue
        for step in walk_back(graph, root.refs[0], 4, frozenset()):
            if step.op in ("pow", "square", "mul") and step.refs and set(step.refs) == {value}:
                return "root-mean-square normalization"
    return None


def _losses(graphs: Graphs, task: Task) -> Iterator[tuple[str, Graph, Node]]:
    """Cross-entropies by hand in a stable form; the unstable ones are NW311's."""
    for graph, objective, term in loss_terms(graphs, task):
        node = graph[term.node]
        if not term.handmade or term.prediction is None or node.via or not node.where.known:
            continue
        source = graph.source(Ref(term.prediction, term.prediction_output))
        target = target_info(graph, term)
        classes = target is not None and (not target.floating or one_hot(target, objective.classes))
        if term.op == "nll_loss" and source.op == "log_softmax" and classes:
            yield "cross-entropy", graph, node
        elif term.op == "binary_cross_entropy" and source.op in ("clamp", "clip", "add"):
            yield "binary cross-entropy", graph, node


_FORMS = {
    "div": _division,
    "rdiv": _reversed_division,
    "reciprocal": _reciprocal,
    "sub": _difference,
    "mul": _product,
}
