"""Hidden layers start with large biases.

## What it measures
The root mean square of the initial bias of every linear and convolutional layer that is followed by another layer.

## Why it matters
A large bias drowns what the weights compute: a ReLU unit is then on or off for every sample, a sigmoid or tanh saturated,
so the layer hardly depends on its input and hardly learns.

## How to fix
Start hidden biases at zero (`nn.init.zeros_(layer.bias)`) or keep torch's default.

## Known false alarms
The last layer's bias may hold the class prior or the mean of the target, recurrent layers a forget bias, gates (sigmoid,
softmax) an opening, layers with zero weights a starting value, and Fourier features a phase: none of these is reported.
Biases of 1 (AlexNet) and standard normal ones stay below the limit.

## Source
Holden, "My neural network isn't working!" (biases start at zero); torch's default lies within 1/sqrt(inputs) <= 1.
"""

from ...evidence import RESHAPES, Graph, Graphs, Node, ParameterInfo, Parameters, Ref
from ...rule import Finding, Kind, Rule, Severity, Threshold
from .._layers import (
    NORMS,
    initializer,
    is_last,
    layers_of,
    live_consumers,
    meets,
    parameter_of,
    weight_leaf,
    written_at,
)

rule = Rule(
    code="NW203",
    name="large-initial-biases",
    severity=Severity.WARNING,
    kind=Kind.BUG,
    guides=("H9",),
    remedies=("default-initialization",),
    explains=("NW206", "NW207", "NW404", "NW406", "NW216", "NW208", "NW601", "NW701"),
    thresholds={
        "rms": Threshold(
            value=1.5, unit="(activation)", source="AlexNet starts at 1, standard normal biases have 1.0"
        ),
    },
)

_GATES = frozenset("sigmoid softmax hardsigmoid log_softmax sin cos mul grid_sample affine_grid".split())


@rule.check
def check(graphs: Graphs, parameters: Parameters) -> Finding | None:
    """Look at the bias of every hidden layer."""
    found: dict[str, ParameterInfo] = {}
    for graph in graphs.train:
        consumers = live_consumers(graph)
        for node in layers_of(graph):
            bias = parameter_of(parameters, _bias(graph, node))
            weight = parameter_of(parameters, weight_leaf(graph, node))
            if bias is None or bias.initial is None or bias.loaded or bias.initial.rms <= rule["rms"]:
                continue
            zero = weight is not None and weight.initial is not None and weight.initial.abs_max == 0
            if not zero and not is_last(graph, node) and not meets(graph, consumers, node, _GATES | NORMS):
                found[bias.name] = bias
    if not found:
        return None
    return _finding(list(found.values()))


def _bias(graph: Graph, node: Node) -> Node | None:
    """The bias given to the layer, or added right after it."""
    ref = node.arg(2, "bias")
    if isinstance(ref, Ref) and graph.source(ref).kind == "parameter":
        return graph.source(ref)
    for user in graph.consumers(node):
        if user.op == "add":
            for other in user.refs:
                leaf = graph.source(other, RESHAPES)
                if leaf.kind == "parameter" and leaf.output is not None and len(leaf.output.shape) == 1:
                    return leaf
    return None


def _finding(biases: list[ParameterInfo]) -> Finding:
    worst = max(biases, key=lambda b: b.initial.rms if b.initial is not None else 0.0)
    rms = worst.initial.rms if worst.initial is not None else 0.0
    mean = worst.initial.mean if worst.initial is not None else 0.0
    names = ", ".join(b.name for b in biases[:3]) + (
        "" if len(biases) <= 3 else f" and {len(biases) - 3} more"
    )
    return rule.found(
        f"initial biases of hidden layers are large: {names}; {worst.name} starts at {mean:.3g} on average, with root mean "
        f"square {rms:.3g}",
        where=written_at(biases[0]),
        also=tuple(written_at(b) for b in biases[1:4]),
        expected="hidden biases at or near zero",
        fix="start hidden biases at zero: nn.init.zeros_(layer.bias)",
        initializer=initializer(biases[0]),
        rms=rms,
        mean=mean,
        biases=tuple(b.name for b in biases),
    )
