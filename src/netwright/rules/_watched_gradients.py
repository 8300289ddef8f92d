"""What rules ask of the gradients of a watched run: those of early weights beside late ones, sample by sample, and the whole gradient beside that of the first steps."""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..evidence import Graphs, History, ParameterInfo, Parameters, Series
from ._history import last
from ._history import names as names


@dataclass(frozen=True, slots=True)
class Weight:
    """One weight at its last samples, by step. ``gradients`` are the norm over the square root of how many of its numbers have a gradient; ``pull`` is what the loss changes by for a small change of
    the weights in proportion to their size (norm of gradient times norm of weights over the square root of their number), which does not depend on the scale of weights before a normalization;
    ``updates`` are the step over the size of the weights.
    """

    info: ParameterInfo
    gradients: dict[int, float]
    pull: dict[int, float]
    updates: dict[int, float]


def weights(history: History, parameters: Parameters, samples: int) -> dict[str, Weight]:
    """Matrices and filters that got a gradient in each of the last so many samples, in the order of the networks."""
    found: dict[str, Weight] = {}
    for name, info in names(parameters).items():
        start = f"parameter/{name}/"
        series = history.series.get(start + "grad_norm")
        if len(info.shape) < 2 or series is None or len(series) < samples:
            continue
        norms, sizes, zeros, updates = (
            _by_step(history, start + q) for q in ("grad_norm", "weight_norm", "zero_share", "update_ratio")
        )
        steps = [s for s in last(series, samples).steps if s in sizes and s in updates]
        if len(steps) < samples:
            continue
        root = math.sqrt(info.numel)
        found[name] = Weight(
            info,
            {s: norms[s] / root / math.sqrt(1 - zeros.get(s, 0.0) or 1.0) for s in steps},
            {s: norms[s] * sizes[s] / root for s in steps},
            {s: updates[s] for s in steps},
        )
    return found


def _by_step(history: History, name: str) -> dict[int, float]:
    series = history.series.get(name)
    return dict(zip(series.steps, series.values, strict=True)) if series is not None else {}


def behind(graphs: Graphs, parameters: Parameters) -> dict[str, list[str]]:
    """For each weight the others whose calls its own calls lie before, in the order of the calls: what they give depends on it, and its gradient comes through them."""
    known = {(p.root, p.name): name for name, p in names(parameters).items() if len(p.shape) >= 2}
    found: dict[str, list[str]] = {name: [] for name in known.values()}
    for graph in graphs.train:
        seen: dict[str, int] = {}  # a bit for each weight
        reached = [0] * len(graph.nodes)
        order: list[str] = []
        for node in graph.nodes:
            bits = 0
            for ref in node.refs:
                bits |= reached[ref.node]
            name = known.get((node.root, node.name)) if node.kind == "parameter" and node.name else None
            if name is not None:
                bits |= 1 << seen.setdefault(name, len(seen))
            if node.kind == "op":
                for ref in node.refs:
                    leaf = graph.nodes[ref.node]
                    mine = (
                        known.get((leaf.root, leaf.name)) if leaf.kind == "parameter" and leaf.name else None
                    )
                    if mine is not None and mine not in order:
                        order.append(mine)
                        for before in order[:-1]:
                            if bits >> seen[before] & 1 and mine not in found[before]:
                                found[before].append(mine)
            reached[node.index] = bits
    return found


def late(after: Iterable[str], among: Iterable[str]) -> list[str]:
    """The last third of the weights behind one."""
    there = frozenset(among)
    known = [n for n in after if n in there]
    return known[-math.ceil(len(known) / 3) :] if known else []


def ratios(numbers: dict[int, float], references: Sequence[dict[int, float]]) -> list[float]:
    """Numbers over the median of the references, at every step at which all are known; empty where a reference is 0 or not finite."""
    found: list[float] = []
    for step, value in numbers.items():
        others = [r[step] for r in references if step in r]
        middle = statistics.median(others) if others else 0.0
        if not 0 < middle < math.inf or not math.isfinite(value):
            return []
        found.append(value / middle)
    return found


def whole(history: History, parameters: Parameters) -> Series:
    """The norm of all gradients together at every sample."""
    squares: dict[int, float] = {}
    for name in names(parameters):
        for step, value in _by_step(history, f"parameter/{name}/grad_norm").items():
            squares[step] = squares.get(step, 0.0) + value * value
    steps = sorted(squares)
    return Series(steps=tuple(steps), values=tuple(math.sqrt(squares[s]) for s in steps))


def before_the_watch(parameters: Parameters) -> list[float]:
    """The norm of all gradients together in each of the recorded steps."""
    rows = [p.grad_steps for p in parameters.parameters if p.grad_steps]
    length = max(map(len, rows), default=0)
    return [math.sqrt(sum((r[i] or 0.0) ** 2 for r in rows if i < len(r))) for i in range(length)]
