"""Initial weights are many times too large or too small for their layer.

## What it measures
For every linear and convolutional layer: the spread of its initial weights times the square root of its inputs (1 keeps the
size of the signal; torch's default is 0.58, He 1.4) and the size of its output over the size of its input in the first
step. A layer counts when both are far off. In a plain chain of layers also the size of the signal at the last hidden layer
over that at the first.

## Why it matters
Too large, the signal and the gradients grow from layer to layer, activations saturate and the first loss is enormous; too
small, the signal dies and the layers before it get no gradient.

## How to fix
Keep torch's default, or `nn.init.kaiming_normal_(weight, nonlinearity="relu")` before ReLU and
`nn.init.xavier_normal_(weight)` before tanh or sigmoid. "Small random numbers" are not an initialization.

## Known false alarms
Layers followed by a normalization, small last layers, and small layers that end a residual branch or a gate are healthy and
not reported. Loaded weights are not looked at.

## Source
He et al., "Delving Deep into Rectifiers" (2015); Glorot and Bengio (2010); LeCun et al., "Efficient BackProp" (1998). The
limits were set wide of every initialization of torch.nn.init and of the 0.02 of transformers, measured on healthy recipes.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from ...evidence import Graph, Graphs, LayerSignal, Node, ParameterInfo, Parameters, Signals
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold
from .._layers import (
    CONVOLUTIONS,
    NORMS,
    data_ref,
    initializer,
    is_last,
    live_consumers,
    meets,
    next_layer,
    parameter_of,
    weight_leaf,
    written_at,
)

rule = Rule(
    code="NW202",
    name="wrong-initialization-scale",
    severity=Severity.WARNING,
    kind=Kind.BUG,
    guides=("H9", "E4"),
    remedies=("default-initialization",),
    explains=("NW206", "NW207", "NW301", "NW406", "NW407", "NW603", "NW208", "NW601", "NW701"),
    thresholds={
        "large": Threshold(value=5.0, unit="times", source="He normal is 1.4; measured on healthy recipes"),
        "small": Threshold(value=0.05, unit="times", source="0.02 in a transformer of width 16 is 0.08"),
        "compound": Threshold(
            value=1e3, unit="times", source="catalogue of NW406: gradients differ by 1000 between ends"
        ),
        "inputs": Threshold(value=8, unit="inputs", source="below, the spread of a few weights says little"),
    },
)


@dataclass(frozen=True, slots=True)
class _Layer:
    node: Node
    signal: LayerSignal
    parameter: ParameterInfo
    scale: float
    gain: float
    size: float
    chained: bool
    last: bool


@rule.check
def check(graphs: Graphs, signals: Signals, parameters: Parameters) -> list[Finding]:
    """Compare every layer's weights and its gain with what keeps the signal's size."""
    found: list[Finding] = []
    seen = 0
    for position, graph in enumerate(graphs.train):
        layers = _layers(graph, [s for s in signals.layers if s.graph == position], parameters)
        seen += len(layers)
        off = [x for x in layers if _off(graph, x)]
        if off:
            found.append(_layer_finding(off))
        elif (drift := _drift(graph, layers)) is not None:
            found.append(_drift_finding(layers, drift))
    if not seen:
        raise NotApplicable("no freshly initialized layer with weights was seen")
    return found[:1]


def _layers(graph: Graph, signals: list[LayerSignal], parameters: Parameters) -> list[_Layer]:
    consumers = live_consumers(graph)
    found: list[_Layer] = []
    for signal in signals:
        node = graph.nodes[signal.node]
        parameter = parameter_of(parameters, weight_leaf(graph, node))
        if parameter is None or parameter.initial is None or signal.forward is None or not signal.input_rms:
            continue
        if parameter.initial.std == 0 or parameter.loaded:
            continue
        inputs = _inputs(graph, node, parameter.shape)
        if inputs < rule["inputs"]:
            continue
        found.append(
            _Layer(
                node=node,
                signal=signal,
                parameter=parameter,
                scale=parameter.initial.std * math.sqrt(inputs),
                gain=signal.forward.rms / signal.input_rms,
                size=signal.forward.rms,
                chained=_chained(graph, consumers, node),
                last=is_last(graph, node),
            )
        )
    return found


def _inputs(graph: Graph, node: Node, shape: tuple[int, ...]) -> int:
    if node.op in CONVOLUTIONS:
        return math.prod(shape[1:]) if "transpose" not in node.op else shape[0] * math.prod(shape[2:]) // 4
    data = data_ref(graph, node)
    info = graph.info(data) if data is not None else None
    return info.shape[-1] if info is not None and info.shape else 0


def _chained(graph: Graph, consumers: Mapping[int, list[Node]], node: Node) -> bool:
    return next_layer(graph, consumers, node) is not None


def _off(graph: Graph, layer: _Layer) -> bool:
    if meets(graph, live_consumers(graph), layer.node, NORMS):
        return False
    if layer.scale > rule["large"] and layer.gain > rule["large"]:
        return layer.chained or layer.last
    return layer.scale < rule["small"] and layer.gain < rule["small"] and layer.chained and not layer.last


def _drift(graph: Graph, layers: list[_Layer]) -> float | None:
    """Growth of the signal from the first to the last hidden layer of a plain chain, when it is beyond the limit."""
    hidden = [x for x in layers if not x.last]
    if len(hidden) < 3 or not all(x.chained for x in hidden) or graph.ops(*NORMS) or not hidden[0].size:
        return None
    growth = hidden[-1].size / hidden[0].size
    return growth if growth > rule["compound"] or growth < 1 / rule["compound"] else None


def _layer_finding(off: list[_Layer]) -> Finding:
    worst = max(off, key=lambda x: abs(math.log(x.scale)))
    large = worst.scale > 1
    total = math.prod(x.gain for x in off)
    dire = total > rule["compound"] or total < 1 / rule["compound"]
    names = ", ".join(x.parameter.name for x in off[:3]) + (
        "" if len(off) <= 3 else f" and {len(off) - 3} more"
    )
    std = worst.parameter.initial.std if worst.parameter.initial is not None else 0.0
    return rule.found(
        f"initial weights of {names} are too {'large' if large else 'small'}: {worst.parameter.name} has standard deviation "
        f"{std:.3g} where {worst.scale and std / worst.scale:.2g} would keep the size of the signal; it changes the signal {worst.gain:.3g}-fold",
        where=written_at(off[0].parameter),
        also=tuple(x.signal.where for x in off[:3]),
        severity=Severity.ERROR if dire else None,
        expected="weights spread by about 1/sqrt(inputs), so that the signal keeps its size (0.5 to 2 times per layer)",
        fix='keep torch\'s default initialization, or nn.init.kaiming_normal_(weight, nonlinearity="relu") '
        "(xavier_normal_ before tanh or sigmoid)",
        initializer=initializer(off[0].parameter),
        scale=worst.scale,
        gain=worst.gain,
        compounded=total,
        layers=tuple(x.parameter.name for x in off),
    )


def _drift_finding(layers: list[_Layer], growth: float) -> Finding:
    hidden = [x for x in layers if not x.last]
    per_layer = growth ** (1 / max(1, len(hidden) - 1))
    return rule.found(
        f"the signal changes {growth:.3g}-fold from the first to the last of {len(hidden)} hidden layers ({per_layer:.2g} times per "
        "layer): the initial weights do not fit the activation",
        where=written_at(hidden[0].parameter),
        severity=Severity.ERROR,
        expected="a signal that keeps its size through the layers (0.5 to 2 times per layer)",
        fix='nn.init.kaiming_normal_(weight, nonlinearity="relu") for layers before ReLU, xavier_normal_ before tanh, or add '
        "normalization layers",
        initializer=initializer(hidden[0].parameter),
        growth=growth,
        per_layer=per_layer,
        hidden_layers=len(hidden),
    )
