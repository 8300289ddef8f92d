"""Units of a hidden layer never activate.

## What it measures
The share of units (channels of images) behind a ReLU-like activation that are zero for every sample of the first training
batch; of all captured batches where the experiment `signal-propagation` has run them at the first weights.

## Why it matters
A ReLU that is off for every sample passes no gradient, so its weights never change: the unit is lost. When nearly all
units of a layer are off, nothing before it learns.

## How to fix
Look for large negative biases, unnormalized inputs or a too large initialization; or use LeakyReLU or ELU.

## Known false alarms
In deep networks without normalization up to 60 % of the units of the later layers are off for a whole batch at the start, and
recover: the limit lies above. Batches below 32 samples, loaded weights and activations inside the loss are not judged.

## Source
Holden, "My neural network isn't working!", dead ReLUs; the limits were measured on torch's default initialization over depths
1 to 10 (largest share 0.62).
"""

from ...evidence import Graph, Graphs, LayerSignal, Node, Parameters, Ref, SignalPropagation, Signals
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold
from .._layers import NORMS, adds_parameter, is_last, is_layer, parameter_of, titled, weight_leaf
from .._signal import over_batches

rule = Rule(
    code="NW207",
    name="dead-units",
    severity=Severity.WARNING,
    kind=Kind.BUG,
    guides=("H8", "E10"),
    remedies=("default-initialization",),
    explains=("NW404", "NW406", "NW216", "NW601", "NW610", "NW611", "NW208", "NW701"),
    thresholds={
        "warn": Threshold(
            value=0.75, unit="share of units", source="measured on healthy recipes: at most 0.62"
        ),
        "error": Threshold(value=0.95, unit="share of units", source="almost no unit is left to learn"),
        "samples": Threshold(
            value=32, unit="samples", source="fewer samples leave healthy units off by chance"
        ),
        "units": Threshold(value=8, unit="units", source="the share of a few units says little"),
    },
)

_CUTTING = frozenset({"relu", "relu6", "clamp_min", "clamp", "threshold", "hardtanh"})


@rule.check
def check(
    graphs: Graphs, signals: Signals, parameters: Parameters, propagation: SignalPropagation | None
) -> Finding | None:
    """Find hidden layers most of whose units are off for the whole batch, or for all batches."""
    seen: list[LayerSignal] = []
    counted: dict[int, int] = {}
    small = False
    for one_step in signals.layers:
        signal, flow = over_batches(one_step, propagation)
        if signal.op not in _CUTTING or signal.dead is None or (signal.units or 0) < rule["units"]:
            continue
        graph = graphs.train[signal.graph]
        node = graph.nodes[signal.node]
        layer = _layer_before(graph, node)
        weight = parameter_of(parameters, weight_leaf(graph, layer)) if layer is not None else None
        if layer is None or is_last(graph, node) or (weight is not None and weight.loaded):
            continue
        samples = flow.samples if flow is not None else _samples(node)
        small = small or samples < rule["samples"]
        if samples >= rule["samples"]:
            seen.append(signal)
            if flow is not None:
                counted[signal.node] = samples
    dead = [s for s in seen if (s.dead or 0.0) > rule["warn"]]
    if not seen:
        raise NotApplicable(
            "batches are too small to tell" if small else "no hidden ReLU-like activation was seen"
        )
    return _finding(graphs, dead, counted) if dead else None


def _samples(node: Node) -> int:
    return node.output.shape[0] if node.output is not None and node.output.shape else 0


def _layer_before(graph: Graph, node: Node) -> Node | None:
    """The layer whose output is activated, looking through biases and normalization."""
    while node.refs:
        ref: Ref = node.refs[0]
        node = graph.source(ref)
        if is_layer(graph, node):
            return node
        if node.op not in NORMS and not adds_parameter(graph, node):
            return None
    return None


def _finding(graphs: Graphs, dead: list[LayerSignal], counted: dict[int, int]) -> Finding:
    worst = max(dead, key=lambda s: s.dead or 0.0)
    first = dead[0]
    graph = graphs.train[first.graph]
    layer = _layer_before(graph, graph.nodes[first.node])
    place = layer.edit.on(module=layer.module) if layer is not None else first.where
    name = titled(layer) if layer is not None else first.module
    many = counted.get(first.node)
    shown = "for every sample of the first batch" if many is None else f"for all of {many} samples"
    return rule.found(
        f"{first.dead:.0%} of the {first.units} units after {name} are zero {shown}"
        + ("" if len(dead) == 1 else f"; in {len(dead)} layers more than {rule['warn']:.0%} are"),
        where=place,
        also=(first.where,),
        severity=Severity.ERROR if (worst.dead or 0.0) > rule["error"] else None,
        expected="most units active for some samples of every batch",
        fix=f"check the biases and the initialization of {name} and the scale of its inputs; LeakyReLU keeps such units alive",
        dead=first.dead,
        units=first.units,
        samples=many or _samples(graph.nodes[first.node]),
        layers=tuple(s.module for s in dead),
    )
