"""Hidden sigmoid or tanh units are saturated, or many sigmoids follow each other.

## What it measures
For hidden sigmoid and tanh layers in the first step (over all captured batches at the first weights, where the experiment `signal-propagation` has run them): the share of their outputs in the flat part (sigmoid beyond 0.01..0.99,
tanh beyond -0.99..0.99), and, where many lie in a row, how the gradient shrinks from one to the one before. That hidden layers are sigmoids at all is worth knowing.

## Why it matters
In the flat part the slope is nearly zero, and a sigmoid's slope is 0.25 at best: the gradient that reaches the layers
before is a small fraction at each, and they hardly learn.

## How to fix
Use ReLU in hidden layers, or normalize the inputs and initialize with `nn.init.xavier_normal_`, or put a normalization
layer before each activation.

## Known false alarms
Gates (a sigmoid that is multiplied with something), outputs, and recurrent layers are not looked at. Up to four sigmoids in
a row, as in the original LeNet, are not reported: they are information, since a shallow network learns with them, only slower. `netwright fix` exchanges these on trial where the run ended while the loss still fell (NW615).

## Source
Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks" (2010); Emam,
"Troubleshooting convolutional neural networks", vanishing gradients.
"""

from ...evidence import Graph, Graphs, LayerSignal, SignalPropagation, Signals, Where
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold
from .._layers import is_last, live_consumers, next_layer
from .._signal import over_batches

rule = Rule(
    code="NW206",
    name="saturating-activations",
    severity=Severity.WARNING,
    kind=Kind.HYPERPARAMETER,
    guides=("E11",),
    remedies=("exchange-activation",),
    explains=("NW406", "NW601", "NW605", "NW208", "NW701"),
    thresholds={
        "saturated": Threshold(
            value=0.5, unit="share of outputs", source="DeepDiagnosis; TheDeepChecker asks the same share"
        ),
        "layers": Threshold(value=5, unit="layers", source="LeNet has four; five times 0.25 is 1e-3"),
        "gain": Threshold(
            value=0.5, unit="times per layer", source="Glorot and Bengio (2010): it should stay near 1"
        ),
    },
)

_NAMED = 16  # lines
_NAMES = frozenset({"sigmoid", "tanh", "hardsigmoid"})


@rule.check
def check(graphs: Graphs, signals: Signals, propagation: SignalPropagation | None) -> Finding | None:
    """Look at hidden saturating activations: where they work, and what they do to the gradient."""
    hidden = [
        over_batches(s, propagation)[0]
        for s in signals.layers
        if s.op in _NAMES and s.saturated is not None and _hidden(graphs.train[s.graph], s.node)
    ]
    if not hidden:
        raise NotApplicable("no hidden sigmoid or tanh activation was seen")
    full = [s for s in hidden if (s.saturated or 0.0) > rule["saturated"]]
    if full:
        return _saturated(full, len(hidden))
    return _deep(_in_a_row(graphs, hidden)) or _slow([s for s in hidden if s.op == "sigmoid"])


def _hidden(graph: Graph, index: int) -> bool:
    node = graph.nodes[index]
    return not is_last(graph, node) and next_layer(graph, live_consumers(graph), node) is not None


def _in_a_row(graphs: Graphs, hidden: list[LayerSignal]) -> list[LayerSignal]:
    """The activations that follow each other up to the last; a network applied twice is not twice as deep."""
    signals = [s for s in hidden if s.graph == hidden[0].graph and s.backward is not None]
    if not signals:
        return []
    nodes = graphs.train[signals[0].graph].nodes
    by_node = {s.node: s for s in signals}
    chain: list[LayerSignal] = []
    behind = {signals[-1].node}
    for index in range(signals[-1].node, -1, -1):
        if index not in behind:
            continue
        if index in by_node:
            chain.append(by_node[index])
            behind.clear()  # from here on: what this one depends on
        behind.update(r.node for r in nodes[index].refs)
    return chain[::-1]


def _deep(chain: list[LayerSignal]) -> Finding | None:
    if len(chain) < rule["layers"]:
        return None
    first, last = chain[0].backward, chain[-1].backward
    if first is None or last is None or not last.rms:
        return None
    gain = (first.rms / last.rms) ** (1 / (len(chain) - 1))
    if gain >= rule["gain"]:
        return None
    return rule.found(
        f"{len(chain)} {chain[0].op} layers in a row: the gradient shrinks to {gain:.2g} of itself at each, and only "
        f"{first.rms / last.rms:.1e} of it reaches the first",
        where=_place(chain[0]),
        also=tuple(_place(s) for s in chain[1:4]),
        expected="a gradient that keeps its size from layer to layer (0.5 to 2 times)",
        fix=f"use ReLU instead of {chain[0].op} in hidden layers, or put batch or layer normalization before each",
        gain_per_layer=gain,
        layers=len(chain),
    )


def _slow(sigmoids: list[LayerSignal]) -> Finding | None:
    """Few sigmoids, not saturated: nothing that must harm, but each lets a quarter of the gradient through at most, where a ReLU lets through all of it."""
    if not sigmoids:
        return None
    names = ", ".join(s.module for s in sigmoids[:3])
    return rule.found(
        f"{len(sigmoids)} hidden layers are sigmoids ({names}): each lets at most a quarter of the gradient through, so that the network learns slower than it could",
        where=_place(sigmoids[0]),
        also=tuple(_place(s) for s in sigmoids[1:_NAMED]),
        severity=Severity.INFO,
        expected="hidden activations whose slope is 1 where they are active",
        fix="use ReLU instead of sigmoid in hidden layers",
        layers=len(sigmoids),
        each=True,
    )


def _saturated(full: list[LayerSignal], total: int) -> Finding:
    worst = max(full, key=lambda s: s.saturated or 0.0)
    names = ", ".join(s.module for s in full[:3])
    return rule.found(
        f"hidden {worst.op} units are saturated from the start: {worst.saturated:.0%} of the outputs of {worst.module} lie in the "
        f"flat part ({len(full)} of {total} such layers: {names})",
        where=_place(full[0]),
        also=tuple(_place(s) for s in full[1:4]),
        expected="less than half of the outputs in the flat part of the activation",
        fix="normalize the inputs of the layer, initialize its weights with nn.init.xavier_normal_, or use ReLU",
        saturated=worst.saturated,
        layers=tuple(s.module for s in full),
    )


def _place(signal: LayerSignal) -> Where:
    place = signal.made if signal.made is not None and signal.made.known else signal.where
    return place.on(module=signal.module)
