"""The additive parts of a loss: found on the graph, weighed by value and gradient, scaled at will."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import torch

from ..capture.doors import door_tensors
from ..capture.graphs import GraphCapture
from ..evidence import RESHAPES, Graph, Node, Ref, TermShare, Where
from ..inference import LOSSES, read_objective
from ._answers import learned
from ._runs import Change, run
from .trainee import Trainee

_REDUCE = frozenset({"mean", "sum", "nanmean", "nansum"})
_NORMS = frozenset({"norm", "vector_norm", "matrix_norm", "linalg_norm", "linalg_vector_norm", "linalg_matrix_norm", "square", "abs"})  # fmt: skip
_KEEPS_SIGN = _REDUCE | RESHAPES | {"stack", "cat", "add", "sqrt"}
_DEPTH = 300
_DATA = 64  # elements: a constant with more is data, as in `inference`
MOST_PARTS = 12


@dataclass(slots=True)
class Part:
    """The calls of one line that add to the loss. ``nodes`` are positions in the graph."""

    op: str
    where: Where
    nodes: list[int] = field(default_factory=list[int])
    penalty: bool = True
    magnitude: bool = True
    supervised: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """The same part in the graph of another batch has the same."""
        return self.op, self.where.at


def parts_of(graph: Graph) -> list[Part]:
    """What a loss is the sum of, calls of one line together, in the order of the graph. Constant factors are looked through; what reaches no parameter is left out."""
    if graph.loss is None:
        return []
    supervised = {
        t.node
        for t in read_objective(graph, 0).terms
        if t.target is not None and not learned(graph, t.target) and t.op in LOSSES
    }
    found: dict[tuple[str, str], Part] = {}
    for node in sorted(
        {n.index: n for n in _leaves(graph, Ref(graph.loss), 0)}.values(), key=lambda n: n.index
    ):
        part = Part(node.op, node.where)
        part = found.setdefault(part.key, part)
        part.nodes.append(node.index)
        penalty = not _touches_data(graph, node)
        part.penalty &= penalty
        part.magnitude &= penalty and _magnitude(graph, node, 0)
        part.supervised |= node.index in supervised
    return list(found.values())


def _small(node: Node) -> bool:
    """One number, or one for each sample."""
    return node.output is not None and len(node.output.shape) <= 1


def _leaves(graph: Graph, ref: Ref, depth: int) -> list[Node]:
    node = graph[ref]
    if node.kind != "op" or not node.tainted:
        return [node] if node.tainted or node.kind == "parameter" else []
    inside = [r for r in node.refs if graph[r].tainted or graph[r].kind == "parameter"]
    if depth > _DEPTH or not inside or not _small(node) or node.op in LOSSES:
        return [node]
    if node.op in ("add", "sub", "rsub", "stack", "cat"):
        return [leaf for r in inside for leaf in _leaves(graph, r, depth + 1)]
    if (
        (node.op in ("mul", "div", "neg") or node.op in RESHAPES)
        and len(inside) == 1
        and _small(graph[inside[0]])
    ):
        return (
            _leaves(graph, inside[0], depth + 1) if node.refs[0] == inside[0] or node.op == "mul" else [node]
        )
    if node.op in _REDUCE and len(inside) == 1 and _small(graph[inside[0]]):
        below = _leaves(graph, inside[0], depth + 1)
        # One number for each sample, made by several reductions: a sum of parts. Anything else is the form of one part (a log-density, a difference).
        if len(below) > 1 and all(n.op in _REDUCE or n.op in LOSSES for n in below):
            return below
    return [node]


def _touches_data(graph: Graph, node: Node) -> bool:
    behind = (graph.nodes[i] for i in graph.ancestors(node))
    return any(
        n.kind in ("input", "target")
        or (n.kind == "constant" and n.output is not None and n.output.numel > _DATA)
        for n in behind
    )


def _magnitude(graph: Graph, node: Node, depth: int) -> bool:
    """Whether a value is a norm, or a sum of squares or magnitudes: it cannot be negative, and grows with the weights."""
    if node.kind != "op" or depth > _DEPTH:
        return False
    if node.op in _NORMS:
        return True
    if node.op == "pow":
        exponent = node.arg(1, "exponent")
        return isinstance(exponent, int | float) and exponent > 0 and exponent % 2 == 0
    if node.op in ("mul", "dot") and len(node.refs) == 2 and node.refs[0] == node.refs[1]:
        return True
    below = [graph[r] for r in node.refs if graph[r].tainted or graph[r].kind == "parameter"]
    if node.op in ("mul", "div") and len(below) == 1:
        factors = [a for a in node.args if isinstance(a, int | float)]
        return bool(factors) and min(factors) > 0 and _magnitude(graph, below[0], depth + 1)
    return node.op in _KEEPS_SIGN and bool(below) and all(_magnitude(graph, n, depth + 1) for n in below)


class ScaledTrainee(Trainee):
    """A trainee whose loss has parts multiplied by factors. ``factors`` maps the values of a batch to theirs, one mapping for each batch."""

    def __init__(self, captures: Sequence[GraphCapture], *, dropout: bool = False) -> None:
        super().__init__(captures, dropout=dropout)
        self.factors: list[dict[int, float]] = [{} for _ in self.captures]
        self.parts = [parts_of(c.graph) for c in self.captures]

    def run(self, index: int, *goals: int, grad: bool = True) -> list[torch.Tensor]:
        """The loss of a batch on the copies with its parts scaled, then the values of ``goals``."""
        loss = self.captures[index].loss
        assert loss is not None
        change: dict[int, Change] = {v: _times(f) for v, f in self.factors[index].items()}
        return run(self, index, [loss, *goals], change=change, grad=grad)

    def put(self, index: int, given: Mapping[int, torch.Tensor], *goals: int) -> list[torch.Tensor]:
        """The loss of a batch with values replaced, then the values of ``goals``."""
        loss = self.captures[index].loss
        assert loss is not None
        return run(self, index, [loss, *goals], given=given)

    def by_row(
        self, index: int, values: torch.Tensor, weights: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Sums of values and weights by sample: what stands in one sample is not independent.

        A flattened batch has the same number of positions for each sample.
        """
        capture = self.captures[index]
        doors = [t for t in door_tensors(capture) if t.dim()]
        first = values.shape[0] if values.dim() else 1
        # A recurrent state beside its sequence has its layers in front: of several sizes the largest is taken.
        sizes = [t.shape[0] for t in doors if 0 < t.shape[0] < first and first % t.shape[0] == 0]
        rows = max(sizes) if sizes and first not in [t.shape[0] for t in doors] else first
        return values.reshape(rows, -1).sum(1), weights.reshape(rows, -1).sum(1)

    def values(self, index: int, part: Part) -> list[int]:
        """The values of a part in the tape of a batch."""
        found = (self.captures[index].value_of_node.get((n, 0)) for n in part.nodes)
        return [v for v in found if v is not None]

    def same(self) -> list[int]:
        """The batches whose loss has the parts of the first one's."""
        keys = [[p.key for p in parts] for parts in self.parts]
        return [i for i, k in enumerate(keys) if k == keys[0]]

    def scale(self, factor: float, chosen: Sequence[int], rest: float = 1.0) -> None:
        """Multiply the parts at these positions by a factor, and all others by ``rest``."""
        for index, parts in enumerate(self.parts):
            self.factors[index] = {
                v: f
                for number, part in enumerate(parts)
                if (f := factor if number in chosen else rest) != 1.0
                for v in self.values(index, part)
            }

    def part_value(self, number: int) -> float:
        """What one part adds to the loss, without its factors, averaged over the batches."""
        found: list[float] = []
        for index in self.same():
            goals = self.values(index, self.parts[index][number])
            found.append(
                sum(float(t.detach().double().sum()) for t in self.run(index, *goals, grad=False)[1:])
            )
        return sum(found) / len(found)


def _times(factor: float) -> Change:
    return lambda tensor: tensor * factor


def numbers(tensor: torch.Tensor) -> list[float]:
    """Its values as plain numbers."""
    flat = tensor.detach().reshape(-1)
    return [float(v) for v in flat]


@dataclass(slots=True)
class _Weighed:
    """Of one batch: what each part adds, the derivative of the loss with respect to it, and squared gradient norms by part and parameter."""

    values: list[float]
    slopes: list[float]
    squares: list[list[float]]


def weigh(trainee: ScaledTrainee, deadline: float) -> list[TermShare]:
    """The share of every part of the loss in its value and in its gradient, over the batches that have the same parts.

    A part's gradient is that of the whole loss through this part alone, so that the gradients of all parts add up to that of the loss whatever factors and reductions stand between.
    """
    parts = trainee.parts[0]
    if not 1 < len(parts) <= MOST_PARTS or not trainee.trained:
        return []
    weighed: list[_Weighed] = []
    for index in trainee.same():
        if weighed and time.perf_counter() > deadline:
            break
        weighed.append(_weigh(trainee, index))
    shared = [
        any(sum(w.squares[p][k] > 0 for p in range(len(parts))) > 1 for w in weighed)
        for k in range(len(trainee.trained))
    ]
    norms = [
        [math.sqrt(sum(s for s, kept in zip(w.squares[p], shared, strict=True) if kept)) for w in weighed]
        for p in range(len(parts))
    ]
    return [
        TermShare(
            op=part.op,
            where=part.where,
            values=tuple(w.values[p] for w in weighed),
            norms=tuple(norms[p]),
            value_share=_share([[abs(v) for v in w.values] for w in weighed], p),
            gradient_share=_share([[n[b] for n in norms] for b in range(len(weighed))], p)
            if any(shared)
            else None,
            slope=sum(w.slopes[p] for w in weighed) / len(weighed),
            penalty=part.penalty,
            magnitude=part.magnitude,
            supervised=part.supervised,
            reaches=any(s > 0 for w in weighed for s in w.squares[p]),
        )
        for p, part in enumerate(parts)
    ]


def _share(rows: list[list[float]], column: int) -> tuple[float, float]:
    shares = [row[column] / whole if (whole := sum(row)) > 0 else math.nan for row in rows]
    finite = [s for s in shares if math.isfinite(s)]
    return (min(finite), max(finite)) if len(finite) == len(shares) else (math.nan, math.nan)


def _weigh(trainee: ScaledTrainee, index: int) -> _Weighed:
    parts, weights = trainee.parts[index], trainee.trained
    owners = [(p, v) for p, part in enumerate(parts) for v in trainee.values(index, part)]
    loss_value = trainee.captures[index].loss
    assert loss_value is not None
    kept: dict[int, torch.Tensor] = {}

    def keep(value: int) -> Change:
        def change(tensor: torch.Tensor) -> torch.Tensor:
            # The loss depends also on a part that passes no gradient on (`detach`), so that its factor can be told.
            kept[value] = tensor if tensor.requires_grad else tensor.detach().requires_grad_(True)
            return kept[value].clone()

        return change

    (loss,) = run(trainee, index, [loss_value], change={v: keep(v) for _, v in owners}, grad=True)
    owners = [(p, v) for p, v in owners if v in kept]
    found = _Weighed([0.0] * len(parts), [0.0] * len(parts), [[0.0] * len(weights) for _ in parts])
    if not owners or not loss.requires_grad:
        return found
    made = [kept[v] for _, v in owners]
    slopes = torch.autograd.grad(
        loss.sum(), made, allow_unused=True, materialize_grads=True, retain_graph=True
    )
    for number in range(len(parts)):
        mine = [i for i, (p, _) in enumerate(owners) if p == number]
        if not mine:
            continue
        found.values[number] = sum(float((slopes[i] * made[i].detach()).double().sum()) for i in mine)
        found.slopes[number] = sum(float(slopes[i].double().sum()) for i in mine) / len(mine)
        live = [i for i in mine if made[i].grad_fn is not None]
        if live:
            outputs, into = [made[i] for i in live], [slopes[i] for i in live]
            grads = cast(
                "tuple[torch.Tensor | None, ...]",
                torch.autograd.grad(
                    outputs, weights, grad_outputs=into, allow_unused=True, retain_graph=True
                ),
            )
            found.squares[number] = [
                0.0 if g is None else float(g.detach().double().square().sum()) for g in grads
            ]
    return found
