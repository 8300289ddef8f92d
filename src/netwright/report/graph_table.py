"""The step's graph as table rows a person can read."""

from collections.abc import Mapping
from typing import cast

from ..evidence import Graph, Graphs, Node, Ref, TensorInfo
from .model import GraphRow, GraphTable

ROWS = 400
_ARGUMENT_WIDTH = 120


def tabulate(graphs: Graphs) -> tuple[GraphTable, ...]:
    """One table for each distinct backward, and one for the evaluation pass if it was seen."""
    tables = [_table(g, _title(g, len(graphs.train))) for g in graphs.train]
    if graphs.evaluation is not None:
        tables.append(_table(graphs.evaluation, "First evaluation pass"))
    return tuple(tables)


def _title(graph: Graph, count: int) -> str:
    place = f" to backward at {graph.backward.at}" if graph.backward.known else ""
    return "First training step" + (place if count > 1 else "")


def _table(graph: Graph, title: str) -> GraphTable:
    path = {n.index for n in graph.on_path()}
    calls = _step(graph, path)
    kept, omitted = calls, 0
    if len(calls) > ROWS:  # the ends say most: what the data meets first, and how the loss is made
        kept, omitted = calls[: ROWS // 2] + calls[-ROWS // 2 :], len(calls) - ROWS
    rows = tuple(_row(graph, node, not path or node.index in path) for node in kept)
    return GraphTable(title=title, rows=rows, omitted=omitted, loss=graph.loss_value)


def _step(graph: Graph, path: set[int]) -> list[Node]:
    """The calls of the step itself: without those that made data and weights before the first one that meets the data."""
    fed = {n.index for n in graph.nodes if n.kind in ("input", "target")}
    first = next((n.index for n in graph.nodes if n.kind == "op" and any(r.node in fed for r in n.refs)), 0)
    calls = (n for n in graph.nodes if n.kind == "op")
    return [n for n in calls if n.index >= first or (n.index in path and not n.inplace)]


def _row(graph: Graph, node: Node, on_path: bool) -> GraphRow:
    out = node.output
    stats, grad = (out.stats, out.grad) if out else (None, None)
    module = node.module or ""
    return GraphRow(
        index=node.index,
        op=node.op,
        arguments=_short(_arguments(graph, node)),
        shape=", ".join(shape_words(o) for o in node.outputs),
        dtype=out.dtype if out else "",
        module=f"{module} ({node.module_type})" if module and node.module_type else module,
        where=node.where,
        mean=stats.mean if stats else None,
        std=stats.std if stats else None,
        grad_rms=grad.rms if grad else None,
        on_path=on_path,
    )


def shape_words(info: TensorInfo) -> str:
    """``"32 × 10"``, or ``"scalar"``."""
    return " × ".join(map(str, info.shape)) if info.shape else "scalar"


def _short(text: str) -> str:
    return text if len(text) <= _ARGUMENT_WIDTH else text[: _ARGUMENT_WIDTH - 1] + "…"


def _arguments(graph: Graph, node: Node) -> str:
    plain = [_word(graph, a) for a in node.args]
    named = [f"{k}={_word(graph, v)}" for k, v in node.kwargs.items() if v is not None]
    return ", ".join(plain + named)


def _word(graph: Graph, value: object) -> str:
    if isinstance(value, Ref):
        return _name(graph.nodes[value.node], value)
    if isinstance(value, tuple | list):
        return "(" + ", ".join(_word(graph, v) for v in cast("tuple[object, ...]", value)) + ")"
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value).items()
        return "{" + ", ".join(f"{k}: {_word(graph, v)}" for k, v in items) + "}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _name(node: Node, ref: Ref) -> str:
    if node.kind != "op":
        return node.name or node.kind
    return f"#{ref.node}" + (f".{ref.output}" if ref.output else "")
