"""The range of values that the output of a call can take, whatever its inputs: interval arithmetic over the graph."""

import math
from dataclasses import dataclass

from ..evidence import DROPOUTS, RESHAPES, Graph, Node, Ref

_INF = math.inf


@dataclass(frozen=True, slots=True)
class Range:
    """All values between two ends."""

    low: float
    high: float

    def __str__(self) -> str:
        low = "minus infinity" if self.low == -_INF else f"{self.low:g}"
        high = "infinity" if self.high == _INF else f"{self.high:g}"
        return f"{low} to {high}"


REAL = Range(-_INF, _INF)
_FIXED = {
    "sigmoid": Range(0, 1),
    "hardsigmoid": Range(0, 1),
    "softmax": Range(0, 1),
    "tanh": Range(-1, 1),
    "softsign": Range(-1, 1),
    "sin": Range(-1, 1),
    "cos": Range(-1, 1),
    "relu": Range(0, _INF),
    "relu6": Range(0, 6),
    "softplus": Range(0, _INF),
    "exp": Range(0, _INF),
    "square": Range(0, _INF),
    "abs": Range(0, _INF),
    "logsigmoid": Range(-_INF, 0),
    "log_softmax": Range(-_INF, 0),
    "gelu": Range(-0.171, _INF),
    "silu": Range(-0.279, _INF),
    "mish": Range(-0.309, _INF),
    "elu": Range(-1, _INF),
}


def reachable(graph: Graph, ref: Ref, depth: int = 0) -> tuple[Range, Node | None]:
    """What a tensor can hold, and the call that limits it (None: nothing does, or it cannot be told)."""
    node = graph[ref]
    if depth > 24 or node.kind != "op":
        return REAL, None
    if node.op in RESHAPES and node.refs and node.op not in DROPOUTS:
        return reachable(graph, node.refs[0], depth + 1)
    if node.op in _FIXED:
        return (
            (REAL, None) if node.op == "elu" and node.arg(1, "alpha", 1.0) != 1.0 else (_FIXED[node.op], node)
        )
    if node.op in ("clamp", "hardtanh", "clamp_min", "clamp_max"):
        return _clamped(node)
    if node.op in ("add", "sub", "mul", "div", "neg", "rsub"):
        return _arithmetic(graph, node, depth)
    return REAL, None


def _clamped(node: Node) -> tuple[Range, Node | None]:
    names = {
        "clamp": ("min", "max"),
        "hardtanh": ("min_val", "max_val"),
        "clamp_min": ("min", ""),
        "clamp_max": ("", "max"),
    }
    low_name, high_name = names[node.op]
    default = (-1.0, 1.0) if node.op == "hardtanh" else (None, None)
    low = node.arg(1, low_name, default[0]) if low_name else None
    high = node.arg(2 if low_name else 1, high_name, default[1]) if high_name else None
    if isinstance(low, Ref) or isinstance(high, Ref):
        return REAL, None
    span = Range(
        float(low) if isinstance(low, int | float) else -_INF,
        float(high) if isinstance(high, int | float) else _INF,
    )
    return span, (node if span != REAL else None)


def _arithmetic(graph: Graph, node: Node, depth: int) -> tuple[Range, Node | None]:
    if node.op == "neg" and node.refs:
        span, cause = reachable(graph, node.refs[0], depth + 1)
        return Range(-span.high, -span.low), cause
    if len(node.args) != 2 or node.kwargs:
        return REAL, None
    sides = [_side(graph, arg, depth) for arg in node.args]
    (one, first), (two, second) = sides
    limits = [c for c in (first, second) if c is not None]
    if one is None or two is None or len(limits) != 1:
        return REAL, None
    span = _combine(node.op, one, two)
    return (span, limits[0]) if span != REAL else (REAL, None)


def _side(graph: Graph, arg: object, depth: int) -> tuple[Range | None, Node | None]:
    if isinstance(arg, int | float):
        return Range(float(arg), float(arg)), None
    if not isinstance(arg, Ref):
        return None, None
    node = graph[arg]
    if node.kind in ("constant", "buffer") and node.output is not None and node.output.stats is not None:
        return Range(node.output.stats.min, node.output.stats.max), None
    span, cause = reachable(graph, arg, depth + 1)
    return (span, cause) if cause is not None else (None, None)


def _combine(op: str, one: Range, two: Range) -> Range:
    if op == "add":
        return Range(one.low + two.low, one.high + two.high)
    if op == "rsub":
        one, two = two, one
    if op in ("sub", "rsub"):
        return Range(one.low - two.high, one.high - two.low)
    if op == "div":
        if two.low <= 0 <= two.high:
            return REAL
        two = Range(1 / two.high, 1 / two.low)
    products = [_times(a, b) for a in (one.low, one.high) for b in (two.low, two.high)]
    return Range(min(products), max(products))


def _times(a: float, b: float) -> float:
    return 0.0 if a == 0 or b == 0 else a * b
