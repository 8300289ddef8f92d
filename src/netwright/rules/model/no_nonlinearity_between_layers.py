"""Layers follow each other without an activation between them.

## What it measures
Pairs of layers where the output of one reaches the next through nothing but biases, dropout, batch normalization,
averaging or a change of form.

## Why it matters
Two linear maps in a row are one linear map: the second layer costs parameters and adds nothing. A network of linear layers
only can solve linear problems only.

## How to fix
Put an activation between them, for example `nn.ReLU()` or `F.relu(...)`.

## Known false alarms
A narrow layer between two wider ones is a deliberate factorization (linear bottlenecks, autoencoder codes, LoRA) and is not
reported; nor are layers whose output is used elsewhere too, frozen layers, depthwise, 1x1 and transposed convolutions, or
layers that end a residual branch. Where one network with hidden layers of its own ends in a linear layer and another begins
with one (a projector and a predictor, an encoder and a head), the vector between them is an embedding: that is information.

## Source
Goodfellow, Bengio and Courville, "Deep Learning", 6.3; Holden, "My neural network isn't working!", on activations.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from ...evidence import RESHAPES, Graph, Graphs, Modules, Node, Ref
from ...rule import Finding, Kind, NotApplicable, Rule, Severity
from .._layers import (
    AVERAGES,
    CONVOLUTIONS,
    after,
    data_ref,
    follow,
    is_layer,
    layers_of,
    live_consumers,
    titled,
    weight_leaf,
)

rule = Rule(
    code="NW205",
    name="no-nonlinearity-between-layers",
    severity=Severity.WARNING,
    kind=Kind.BUG,
    guides=("H7", "S4"),
    explains=(
        "NW601",
        "NW701",
    ),
    remedies=("add-activation",),
)

_PASS = (RESHAPES | AVERAGES | {"batch_norm", "mean"}) - {
    "pixel_shuffle",
    "channel_shuffle",
    "expand",
    "expand_as",
}


@dataclass(frozen=True, slots=True)
class _Pair:
    first: Node
    second: Node


@rule.check
def check(graphs: Graphs, modules: Modules) -> list[Finding]:
    """Follow every layer's output to the next call that is not linear."""
    found: list[Finding] = []
    counts: list[int] = []
    for graph in graphs.train:
        layers = layers_of(graph)
        counts.append(len(layers))
        consumers = live_consumers(graph)
        pairs = [p for n in layers if (p := _pair(graph, consumers, n)) is not None]
        if pairs:
            inner = [p for p in pairs if not _embedding(graph, layers, p)]
            found.append(_finding(modules, inner or pairs, len(layers), bool(inner)))
    if max(counts, default=0) < 2:
        raise NotApplicable("the network has fewer than two layers with weights")
    return sorted(found, key=lambda f: f.severity is Severity.INFO)[:1]


def _pair(graph: Graph, consumers: Mapping[int, list[Node]], node: Node) -> _Pair | None:
    end = follow(graph, consumers, node, _PASS)
    if end is None or not is_layer(graph, end[0]):
        return None
    second = end[0]
    data = data_ref(graph, second)
    behind = end[1][-1] if end[1] else node
    if data is None or data.node != behind.index:
        return None
    return _Pair(node, second) if _redundant(graph, node, second) else None


def _embedding(graph: Graph, layers: list[Node], pair: _Pair) -> bool:
    """Whether the first ends a network of several layers and the second begins another one, both linear."""
    one, two = _home(graph, pair.first), _home(graph, pair.second)
    if one is None or two is None or pair.first.op in CONVOLUTIONS or pair.second.op in CONVOLUTIONS:
        return False
    same = next((i for i, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), None)
    if same is None:
        return False
    homes = {h for n in layers if (h := _home(graph, n)) is not None}
    return all(len({h for h in homes if h[: same + 1] == held[: same + 1]}) > 1 for held in (one, two))


def _home(graph: Graph, layer: Node) -> tuple[int | str | None, ...] | None:
    """The network and the path of modules in it that hold a layer's weight."""
    leaf = weight_leaf(graph, layer)
    return (leaf.root, *leaf.name.split(".")[:-1]) if leaf is not None and leaf.name else None


def _redundant(graph: Graph, first: Node, second: Node) -> bool:
    one, two = weight_leaf(graph, first), weight_leaf(graph, second)
    if one is None or two is None or one is two or one.output is None or two.output is None:
        return False
    if not (one.output.requires_grad and two.output.requires_grad):
        return False
    if first.op not in CONVOLUTIONS:
        inputs, middle = _last_size(graph, data_ref(graph, first)), _last_size(graph, Ref(first.index))
        outputs = _last_size(graph, Ref(second.index))
        return second.op not in CONVOLUTIONS and middle >= min(inputs, outputs)
    return _plain_convolution(first, one.output.shape) and (
        second.op not in CONVOLUTIONS or _plain_convolution(second, two.output.shape)
    )


def _last_size(graph: Graph, ref: Ref | None) -> int:
    """Size of a tensor's last dimension, where linear maps have their features."""
    info = graph.info(ref) if ref is not None else None
    return info.shape[-1] if info is not None and info.shape else 1


def _plain_convolution(node: Node, shape: tuple[int, ...]) -> bool:
    return "transpose" not in node.op and node.arg(6, "groups", 1) == 1 and math.prod(shape[2:]) > 1


def _finding(modules: Modules, pairs: list[_Pair], layers: int, warn: bool) -> Finding:
    first = pairs[0]
    names = ", ".join(f"{titled(p.first)} and {titled(p.second)}" for p in pairs[:3])
    more = "" if len(pairs) <= 3 else f" and {len(pairs) - 3} more"
    whole = len(pairs) == layers - 1
    what = "the whole network is one linear map" if whole else "each two work as one linear layer"
    return rule.found(
        f"no activation between {names}{more}: {what}",
        where=after(modules, first.first),
        severity=None if warn else Severity.INFO,
        also=tuple(after(modules, p.first) for p in pairs[1:4]),
        expected="a nonlinearity between any two layers with weights",
        fix=f"put an activation, for example a ReLU, between {titled(first.first)} and {titled(first.second)}",
        pairs=tuple((titled(p.first), titled(p.second)) for p in pairs),
        layers=layers,
        whole_network=whole,
    )
