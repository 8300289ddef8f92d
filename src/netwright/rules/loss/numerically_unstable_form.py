"""The loss is written in a form that overflows, or has no gradient at values it meets.

## What it measures
Calls on the way from parameters to the loss: ``log`` of a ``softmax`` or ``sigmoid`` (also of one minus it), ``log(sum(exp(x)))`` without subtracting the
largest value, ``sqrt`` of exact zeros, ``log`` of zeros or negative values, and division by zeros that really occur.

## Why it matters
In float32 a softmax rounds to 0 and a sigmoid to 1 for sure answers: the logarithm is then minus infinity, and its gradient NaN, often only after hours of training. ``exp`` overflows
beyond 88. The derivative of ``sqrt`` at 0 is infinite; one zero makes every weight NaN.

## How to fix
``log_softmax``, ``logsigmoid``, ``binary_cross_entropy_with_logits``, ``torch.logsumexp``: the same mathematics, stable. Add a small number inside ``sqrt`` and to divisors.

## Known false alarms
Forms guarded by a clamp or by adding a small number, and sums of ``exp`` of bounded values (normalized features, cosines, tanh), are not reported.

## Source
Tobin, "Troubleshooting deep neural networks" (numerical instability is one of the five most common bugs); Blanchard, Higham and Higham, "Accurately computing the
log-sum-exp and softmax functions" (2021).
"""

from ...evidence import Graph, Graphs, Node, Ref, TensorInfo
from ...rule import Finding, Kind, Rule, Severity, Threshold
from .._loss import LINEAR, learns, walk_back

rule = Rule(
    code="NW311",
    name="numerically-unstable-form",
    severity=Severity.WARNING,
    kind=Kind.BUG,
    guides=("T4",),
    explains=("NW414", "NW407", "NW220", "NW603", "NW601", "NW701"),
    remedies=("stable-form",),
    thresholds={
        "exp": Threshold(value=88.7, unit="argument of exp", source="the largest float32 is e**88.7"),
    },
)

_BOUNDED = frozenset(
    [
        "normalize",
        "cosine_similarity",
        "tanh",
        "sigmoid",
        "softmax",
        "log_softmax",
        "logsigmoid",
        "clamp",
        "clip",
        "amax",
        "max",
        "logsumexp",
        "cos",
        "sin",
    ]
)
_STABLE = {"softmax": "log_softmax", "sigmoid": "logsigmoid (or binary_cross_entropy_with_logits)"}


@rule.check
def check(graphs: Graphs) -> list[Finding]:
    """Look at every log, sqrt and division that the loss depends on."""
    found: list[Finding] = []
    lines: set[tuple[str | None, int | None]] = set()
    for graph in graphs.train:
        for node in graph.on_path():
            if node.kind != "op" or node.op not in _CHECKS or not node.refs or not learns(graph, node):
                continue
            finding = _CHECKS[node.op](graph, node)
            if finding is None or (finding.where.file, finding.where.line) in lines:
                continue
            lines.add((finding.where.file, finding.where.line))
            found.append(finding)
    return found


def _first(graph: Graph, node: Node) -> TensorInfo | None:
    return graph.info(node.refs[0])


def _log(graph: Graph, node: Node) -> Finding | None:
    inner = graph.source(node.refs[0])
    squash = _complement(graph, inner) if inner.op in ("rsub", "sub") else inner
    if squash is not None and squash.op in _STABLE:
        shown = f"{squash.op}" if squash is inner else f"1 - {squash.op}"
        return rule.found(
            f"log of {shown} at {node.edit.at}: for sure answers {shown} rounds to 0 in {_dtype(squash)} and the loss becomes infinite",
            where=node.edit.on(module=node.module),
            also=(squash.edit,),
            expected="one stable call for both",
            fix=f"use {_STABLE[squash.op]} on the values that enter {squash.op}",
            form=f"log({shown})",
        )
    exponential = _sum_of_exp(graph, inner)
    if exponential is not None:
        return _unshifted(graph, node, exponential)
    return _log_of_zeros(graph, node)


def _complement(graph: Graph, node: Node) -> Node | None:
    """The x of ``1 - x``."""
    one = (node.op == "rsub" and node.arg(1, "other") == 1) or (
        node.op == "sub" and node.arg(0, "input") == 1
    )
    return graph.source(node.refs[0]) if one and len(node.refs) == 1 else None


def _dtype(node: Node) -> str:
    return node.output.dtype if node.output is not None else "float32"


def _sum_of_exp(graph: Graph, node: Node) -> Node | None:
    """The ``exp`` of ``sum(exp(x))`` or ``exp(x) / sum(exp(x))``."""
    if node.op == "div" and len(node.refs) == 2:
        top, bottom = (graph.source(r) for r in node.refs)
        below = _sum_of_exp(graph, bottom)
        # The same values, or the network called once more for them.
        again = below is not None and (below is top or (below.where.known and below.where == top.where))
        return top if top.op == "exp" and again else None
    if node.op != "sum" or not node.refs:
        return None
    inner = graph.source(node.refs[0])
    return inner if inner.op == "exp" and inner.refs else None


def _unshifted(graph: Graph, node: Node, exponential: Node) -> Finding | None:
    info = _first(graph, exponential)
    if any(n.op in _BOUNDED for n in walk_back(graph, exponential.refs[0], 6, LINEAR)):
        return None
    if info is not None and info.stats is not None and info.stats.max <= 0:
        return None
    highest = None if info is None or info.stats is None else info.stats.max
    now = "" if highest is None else f" (largest value now {highest:.3g})"
    return rule.found(
        f"log of a sum of exp at {node.edit.at} without subtracting the largest value: exp overflows beyond {rule['exp']:.0f}{now}",
        where=node.edit.on(module=node.module),
        also=(exponential.edit,),
        expected="log_softmax or logsumexp, which subtract the largest value first",
        fix="use torch.logsumexp (or F.log_softmax, F.cross_entropy) on the values that enter exp",
        form="log(sum(exp(x)))",
        largest=highest,
    )


def _log_of_zeros(graph: Graph, node: Node) -> Finding | None:
    info = _first(graph, node)
    if (
        info is None
        or info.stats is None
        or info.stats.min > 0
        or node.output is None
        or node.output.stats is None
    ):
        return None
    if node.output.stats.nonfinite == 0:
        return None
    return rule.found(
        f"log at {node.edit.at} gets values down to {info.stats.min:.3g}: {node.output.stats.nonfinite:.1%} of its results are not finite",
        where=node.edit.on(module=node.module),
        severity=Severity.ERROR,
        expected="positive values enter log",
        fix="clamp the values from below by a small number before log, or make them positive (softplus, exp)",
        lowest=info.stats.min,
        nonfinite_share=node.output.stats.nonfinite,
    )


def _root(graph: Graph, node: Node) -> Finding | None:
    info = _first(graph, node)
    if node.op == "pow" and node.arg(1, "exponent") not in (0.5, -0.5):
        return None
    if info is None or info.stats is None or info.stats.zeros == 0 or not info.requires_grad:
        return None
    return rule.found(
        f"{node.op} at {node.edit.at} gets exact zeros ({info.stats.zeros:.1%} of its values): its gradient there is infinite, and NaN reaches the weights",
        where=node.edit.on(module=node.module),
        severity=Severity.ERROR,
        expected="values above 0 enter the square root",
        fix="add a small number inside: sqrt(x + 1e-8), or use torch.linalg.vector_norm where a length is meant",
        zeros=info.stats.zeros,
    )


def _division(graph: Graph, node: Node) -> Finding | None:
    below = node.args[1] if len(node.args) > 1 else None
    info = graph.info(below) if isinstance(below, Ref) else None
    result = node.output.stats if node.output is not None else None
    if info is None or info.stats is None or info.stats.zeros == 0 or result is None or result.nonfinite == 0:
        return None
    return rule.found(
        f"division at {node.edit.at} by zeros ({info.stats.zeros:.1%} of the divisor): {result.nonfinite:.1%} of the results are not finite",
        where=node.edit.on(module=node.module),
        severity=Severity.ERROR,
        expected="a divisor that cannot be 0",
        fix="add a small number to the divisor, or clamp it from below",
        zeros=info.stats.zeros,
        nonfinite_share=result.nonfinite,
    )


_CHECKS = {"log": _log, "sqrt": _root, "pow": _root, "div": _division}
