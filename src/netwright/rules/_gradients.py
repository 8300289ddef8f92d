"""Small questions that several rules about gradients and updates ask of the evidence."""

from collections.abc import Iterable, Sequence

from ..evidence import (
    NOWHERE,
    Event,
    Graph,
    Node,
    OptimizerInfo,
    Optimizers,
    ParameterInfo,
    TensorInfo,
    Where,
)


def listed(names: Sequence[str], limit: int = 3) -> str:
    """``"a, b, c and 4 more"``."""
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"


def numbers(parameters: Iterable[ParameterInfo]) -> int:
    """How many numbers these parameters hold together."""
    return sum(p.numel for p in parameters)


def number(event: Event, key: str) -> float | None:
    """A number in an event's detail."""
    value = event.detail.get(key)
    return float(value) if isinstance(value, int | float) else None


def flag(event: Event, key: str) -> bool:
    """A truth value in an event's detail; False when it was not recorded."""
    return event.detail.get(key) is True


# Optimizers whose step grows with the gradient; the others divide by its size.
SCALED_STEP = frozenset({"SGD", "ASGD"})


def learning_rates(*optimizers: OptimizerInfo) -> list[float]:
    """The rates of all parameter groups that have one."""
    return [r for o in optimizers for g in o.groups if isinstance(r := g.get("lr"), int | float)]


def first_known(*places: Where | None) -> Where:
    """The first place whose line is known."""
    return next((p for p in places if p is not None and p.known), NOWHERE)


def optimized(parameter: ParameterInfo, optimizers: Optimizers) -> bool:
    """Whether an optimizer that made captured steps holds it."""
    stepping = {o.index for o in optimizers.optimizers if o.steps}
    return any(i in stepping for i in parameter.optimizers)


def starved(parameter: ParameterInfo, steps: float) -> bool:
    """Whether it should be trained, ran in the forward pass, and never had a gradient in at least ``steps`` updates."""
    return (
        parameter.requires_grad
        and parameter.registered
        and parameter.used
        and len(parameter.grad_steps) >= steps
        and not any(parameter.grad_steps)
    )


def parameter_node(graph: Graph, parameter: ParameterInfo) -> Node | None:
    """The leaf of a graph that is this parameter."""
    for node in graph.nodes:
        if node.kind != "parameter" or node.name != parameter.name:
            continue
        if node.output is None or node.output.shape == parameter.shape:
            return node
    return None


def has_gradient(info: TensorInfo | None) -> bool:
    """Whether a gradient that is not all zero was measured for it."""
    return info is not None and info.grad is not None and (info.grad.abs_max > 0 or info.grad.nonfinite > 0)


def alive(node: Node) -> bool:
    """Whether any output of a call gets a gradient."""
    return any(has_gradient(o) for o in node.outputs)


def downstream(graph: Graph, start: Node) -> list[Node]:
    """The calls between a node and the loss, in order, the start left out."""
    if graph.loss is None:
        return []
    to_loss = graph.ancestors(graph.loss)
    after = {start.index}
    found: list[Node] = []
    for node in graph.nodes:
        if node.index in to_loss and any(r.node in after for r in node.refs):
            after.add(node.index)
            found.append(node)
    return found


def lost_at(graph: Graph, start: Node) -> Node | None:
    """The first call with a gradient after ``start`` although what it gets from there has none."""
    if alive(start) or not any(alive(n) for n in graph.nodes if n.kind == "op"):
        return None
    dead = {start.index}
    for node in downstream(graph, start):
        if any(r.node in dead for r in node.refs):
            if node.kind != "op" or (node.inplace and alive(node)):
                return None  # left torch; or written in place, where input and output share their gradient
            if alive(node) or node.index == graph.loss:
                return node
            dead.add(node.index)
    return None


def cut_at(graph: Graph, start: Node) -> Node | None:
    """The first call after ``start`` that takes a tensor autograd follows and hands on one it does not follow."""
    followed = {start.index}
    for node in downstream(graph, start):
        if not any(r.node in followed for r in node.refs):
            continue
        if any(o.requires_grad for o in node.outputs):
            followed.add(node.index)
        else:
            return node
    return None
