"""Finds the call that made the first NaN or infinity of a measured step, forward or backward."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypedDict

import torch

from ..evidence import Graph, Node, NonFinite, Ref, Stats, Where
from .graphs import GraphCapture

# Calls that put an infinity in on purpose.
_MASKS = frozenset(
    "masked_fill where full full_like new_full fill masked_scatter index_fill tril triu".split()
)


class _Common(TypedDict):
    steps: int
    loss: float | None
    nan: bool
    backward: Where


def parameter_names(networks: Iterable[torch.nn.Module]) -> dict[int, str]:
    """Names of the parameters of some networks, by the identity of the tensor."""
    return {id(p): name for network in networks for name, p in network.named_parameters()}


def origin(
    capture: GraphCapture, *, steps: int, names: Mapping[int, str], scaled: bool = False
) -> NonFinite | None:
    """Where the first value that is not finite of a measured step came from; ``None`` where all are finite, or nothing was measured.

    Args:
        capture: a step with statistics of values and gradients.
        steps: optimizer steps done before it.
        names: of parameters, by the identity of the tensor.
        scaled: whether the loss was scaled for float16: infinite gradients are then part of finding the scale.
    """
    graph = capture.graph
    value = graph.loss_value
    if value is not None and not math.isfinite(value):
        found = _forward(capture, steps, names)
        unmeasured = NonFinite(
            phase="forward", steps=steps, loss=value, nan=math.isnan(value), backward=graph.backward
        )
        return None if scaled and _is_the_scaling(graph, found) else found or unmeasured
    return None if scaled else _backward(graph, steps)


def _is_the_scaling(graph: Graph, found: NonFinite | None) -> bool:
    """Whether a loss that is finite overflowed only when it was scaled."""
    loss = graph.nodes[graph.loss] if graph.loss is not None else None
    return found is not None and loss is not None and found.output is loss.output


def _values(graph: Graph, ref: Ref) -> Stats | None:
    info = graph.info(ref)
    return info.stats if info is not None else None


def _gradient(graph: Graph, ref: Ref) -> Stats | None:
    info = graph.info(ref)
    return info.grad if info is not None else None


def _nan(stats: Stats | None) -> bool:
    return stats is not None and stats.nan > 0


def _infinite(stats: Stats | None) -> bool:
    return stats is not None and stats.nonfinite > 0


def _own(node: Node) -> Stats | None:
    return node.output.stats if node.output is not None else None


@dataclass(frozen=True, slots=True)
class _Start:
    node: Node
    nan: bool


def _forward(capture: GraphCapture, steps: int, names: Mapping[int, str]) -> NonFinite | None:
    """From the loss back along what is not finite to the earliest call that was given finite values."""
    graph = capture.graph
    if graph.loss is None or not _infinite(_own(graph.nodes[graph.loss])):
        return None
    start = _earliest(graph, graph.nodes[graph.loss])
    common: _Common = {"steps": steps, "loss": graph.loss_value, "nan": start.nan, "backward": graph.backward}
    if start.node.kind == "parameter":
        broken = [t for n, t in capture.parameters.items() if _infinite(_own(graph.nodes[n]))]
        told = tuple(names.get(id(t), "a parameter of no network") for t in broken)
        return NonFinite(phase="update", parameters=told, output=start.node.output, **common)
    return _told(graph, start, common)


def _earliest(graph: Graph, loss: Node) -> _Start:
    nan = _nan(_own(loss))
    test = _nan if nan else _infinite
    todo, seen, starts = [loss], {loss.index}, list[Node]()
    while todo:
        node = todo.pop()
        before = [r for r in node.refs if test(_values(graph, r))]
        if not before:
            starts.append(node)
        for ref in before:
            if ref.node not in seen:
                seen.add(ref.node)
                todo.append(graph.nodes[ref.node])
    # Weights spoil everything behind them, the data what they meet first; of calls the one made first.
    order = {"parameter": 0, "input": 1, "target": 1, "constant": 1, "buffer": 1}
    return _Start(min(starts, key=lambda n: (order.get(n.kind, 2), n.index)), nan)


def _told(graph: Graph, start: _Start, common: _Common) -> NonFinite:
    node = start.node
    if node.kind != "op":
        user = next((n for n in graph.nodes if any(r.node == node.index for r in n.refs)), None)
        where = user.where if user is not None else graph.backward
        return NonFinite(phase="data", name=node.name or node.kind, output=node.output, where=where, **common)
    infinity = _infinity_before(graph, node) if start.nan else None
    if infinity is not None and infinity.kind == "op" and infinity.op not in _MASKS:
        node, since, became = infinity, None, (node.op, node.edit)
    else:
        since, became = (infinity.op, infinity.edit) if infinity is not None else None, None
    return NonFinite(
        phase="forward",
        op=node.op,
        inputs=tuple(i for r in node.refs if (i := graph.info(r)) is not None),
        numbers=_numbers(node),
        base_is_number=_is_number(next(iter(node.args), None)),
        output=node.output,
        where=node.edit,
        module=node.module,
        since=since,
        became=became,
        **common,
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _numbers(node: Node) -> tuple[float, ...]:
    """The plain numbers that a call is given by position."""
    return tuple(float(a) for a in node.args if isinstance(a, int | float) and not isinstance(a, bool))


def _infinity_before(graph: Graph, node: Node) -> Node | None:
    """What made the infinity that ``node`` turned into a NaN."""
    for ref in node.refs:
        if _infinite(_values(graph, ref)):
            return _earliest_infinite(graph, graph.nodes[ref.node])
    return None


def _earliest_infinite(graph: Graph, node: Node) -> Node:
    while True:
        before = next((r for r in node.refs if _infinite(_values(graph, r))), None)
        if before is None:
            return node
        node = graph.nodes[before.node]


def _backward(graph: Graph, steps: int) -> NonFinite | None:
    """The call nearest to the loss whose own gradient is finite while that of something it was given is not."""
    readers = graph.consumer_index()
    for node in reversed(graph.on_path()):
        if node.kind != "op" or _infinite(node.output.grad if node.output is not None else None):
            continue
        for ref in node.refs:
            grad = _gradient(graph, ref)
            if not _infinite(grad) or _comes_from_elsewhere(graph, ref, node, readers[ref.node]):
                continue
            return NonFinite(
                phase="backward",
                steps=steps,
                loss=graph.loss_value,
                nan=_nan(grad),
                op=node.op,
                inputs=tuple(i for r in node.refs if (i := graph.info(r)) is not None),
                numbers=_numbers(node),
                base_is_number=_is_number(next(iter(node.args), None)),
                output=node.output,
                where=node.edit,
                module=node.module,
                backward=graph.backward,
            )
    return None


def _comes_from_elsewhere(graph: Graph, ref: Ref, node: Node, readers: list[Node]) -> bool:
    """Whether the gradient of what two calls were given was spoilt by the other one."""
    return any(
        other is not node
        and ref in other.refs
        and _infinite(other.output.grad if other.output is not None else None)
        for other in readers
    )
