"""Gradient accumulation: how many batches an optimizer step is made of, and whether their loss is divided before backward, as the recorded steps show it."""

import math
from collections import Counter
from dataclasses import dataclass

from .evidence import NOWHERE, Events, Graph, Graphs, Where
from .evidence.graph import RESHAPES, Node, Ref


@dataclass(frozen=True, slots=True, kw_only=True)
class Accumulation:
    """``batches`` backward passes of the first loss make a step. ``divided_by`` is what the loss is divided by right before backward, at ``where`` (1: it is not)."""

    batches: int
    divided_by: float = 1.0
    where: Where = NOWHERE


def accumulation(graphs: Graphs, events: Events) -> Accumulation | None:
    """What the recorded steps show; ``None`` where each step has one backward pass.

    A division is taken for that of accumulation where it is by the number of the batches: ``total / 64`` makes a mean of a sum, and is the loss itself.
    """
    if not graphs.train:
        return None
    graph = graphs.train[0]
    windows = Counter(_windows(events, graph))
    batches = windows.most_common(1)[0][0] if windows else 1
    if batches < 2:
        return None
    divisor, where = _divisor(graph)
    if not math.isclose(divisor, batches, rel_tol=1e-6):
        return Accumulation(batches=batches)
    return Accumulation(batches=batches, divided_by=float(batches), where=where)


def _windows(events: Events, graph: Graph) -> list[int]:
    """Backward passes of the first loss before each step."""
    found: list[int] = []
    count = 0
    for event in events.of("backward", "optimizer_step"):
        if event.kind == "backward":
            count += (event.where.file, event.where.line) == (graph.backward.file, graph.backward.line)
        elif count:
            found.append(count)
            count = 0
    return found


def _divisor(graph: Graph) -> tuple[float, Where]:
    """The product of the plain numbers by which the loss is divided, from its root on, and the line of the last one. The factor of a gradient scaler is none: losses are recorded without it."""
    found, where = 1.0, NOWHERE
    at = graph.loss
    while at is not None:
        node = graph.nodes[at]
        inner = next((r for r in node.refs if graph[r].tainted), None)
        if node.kind != "op" or inner is None:
            break
        factor = _factor(node)
        if factor is not None:
            found, where = found * factor, where if where.file else node.where
        elif node.op not in RESHAPES and not _of_scaler(node):
            break
        at = inner.node
    return found, where


def _factor(node: Node) -> float | None:
    """By what a call divides, if by a number."""
    numbers = [float(a) for a in node.args[:2] if isinstance(a, int | float) and not isinstance(a, bool)]
    if len(numbers) != 1 or not numbers[0] or not isinstance(node.args[0], Ref | int | float):
        return None
    if node.op in ("div", "true_divide", "divide") and isinstance(node.args[0], Ref):
        return numbers[0]
    return 1.0 / numbers[0] if node.op in ("mul", "multiply") else None


def _of_scaler(node: Node) -> bool:
    return node.op in ("mul", "multiply") and "scale" in node.via
