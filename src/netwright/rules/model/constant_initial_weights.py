"""Units start equal, so they stay equal: constant, zero or duplicated initial weights.

## What it measures
For the weights of every linear, convolutional and recurrent layer that trains: whether all rows (the incoming weights of
its units) are equal before the first step, whether the weight's gradient was zero in every captured step, and how many rows
still differ after the captured steps.

## Why it matters
Units with equal weights compute the same value and get the same gradient; a layer of a hundred of them works like one.
With zeros in two layers in a row, or before a ReLU, the gradient is exactly zero and nothing is ever learned.

## How to fix
Remove the constant initialization and keep torch's default, or draw random values: `nn.init.kaiming_normal_(weight)` before
ReLU, `nn.init.xavier_normal_(weight)` before tanh. Only biases start at zero.

## Known false alarms
A single zero-initialized layer (last layer, last layer of a residual branch, the second matrix of LoRA) learns at once and
is not reported: its rows part at the first update. Embeddings and depthwise convolutions are not looked at.

## Source
Goodfellow, Bengio and Courville, "Deep Learning", 8.4 (initial parameters need to break symmetry); Holden, "My neural
network isn't working! What should I do?", on initialization.
"""

from ...evidence import Graphs, ParameterInfo, Parameters, Where
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold
from .._layers import initializer, layers_of, parameter_of, weight_leaf, written_at

rule = Rule(
    code="NW201",
    name="constant-initial-weights",
    severity=Severity.ERROR,
    kind=Kind.BUG,
    guides=("H9", "E4"),
    remedies=("default-initialization",),
    explains=("NW202", "NW207", "NW301", "NW404", "NW406", "NW610", "NW611", "NW208", "NW601", "NW701"),
    thresholds={
        "steps": Threshold(
            value=2, unit="updates", source="one update may be zero where a zero layer lies after it"
        ),
    },
)

_GATES = {"LSTM": 4, "LSTMCell": 4, "GRU": 3, "GRUCell": 3}
_RECURRENT = ("LSTM", "LSTMCell", "GRU", "GRUCell", "RNN", "RNNCell")


@rule.check
def check(graphs: Graphs, parameters: Parameters) -> list[Finding]:
    """Look for layers whose units start equal, and ask whether they part."""
    weights = _weights(graphs, parameters)
    if not weights:
        raise NotApplicable("no layer with weights is trained")
    groups: dict[Where, list[ParameterInfo]] = {}
    for parameter in weights:
        if _verdict(parameter, len(weights)) is not None:
            place = written_at(parameter)
            groups.setdefault(Where(file=place.file, line=place.line), []).append(parameter)
    return [_finding(members, len(weights)) for members in groups.values()]


def _weights(graphs: Graphs, parameters: Parameters) -> list[ParameterInfo]:
    found: dict[str, ParameterInfo] = {}
    for graph in graphs.train:
        for node in layers_of(graph):
            groups = node.arg(6, "groups", 1)
            parameter = parameter_of(parameters, weight_leaf(graph, node))
            if parameter is not None and parameter.requires_grad and groups == 1:
                found[parameter.name] = parameter
    for parameter in parameters.parameters:
        recurrent = parameter.module_type in _RECURRENT and len(parameter.shape) == 2
        if recurrent and parameter.requires_grad and parameter.used:
            found[parameter.name] = parameter
    return [p for p in found.values() if not p.loaded and p.initial is not None]


def _verdict(parameter: ParameterInfo, layers: int) -> str | None:
    """``stuck``, ``equal``, ``start`` or ``None``."""
    if not parameter.duplicate_rows or parameter.initial is None:
        return None
    grads = parameter.grad_steps
    zero = parameter.initial.abs_max == 0
    if zero and len(grads) >= rule["steps"] and all(g == 0 for g in grads):
        return "stuck"
    rows = parameter.distinct_rows_after
    if parameter.changed and rows is not None and rows <= _GATES.get(parameter.module_type or "", 1):
        return "equal"
    return "start" if not zero and layers > 1 else None


_ENDS = {
    "stuck": "their gradient was zero in every captured step, so they cannot learn",
    "equal": "they are still equal after the captured steps, so the layer works like a single unit",
    "start": "the layer starts as a single unit",
}


def _finding(members: list[ParameterInfo], layers: int) -> Finding:
    verdicts = {_verdict(p, layers) for p in members}
    verdict = next(v for v in ("stuck", "equal", "start") if v in verdicts)
    first = members[0]
    value = first.initial.mean if first.initial is not None else 0.0
    constant = first.initial is not None and first.initial.std == 0
    names = ", ".join(p.name for p in members[:3]) + (
        "" if len(members) <= 3 else f" and {len(members) - 3} more"
    )
    start = f"all start at {value:g}" if constant else "start with equal rows"
    return rule.found(
        f"the weights of {names} {start}: all units of the layer are equal, and {_ENDS[verdict]}",
        where=written_at(first),
        also=tuple(p.where for p in members[1:4]),
        severity=Severity.WARNING if verdict == "start" else None,
        expected="random initial weights, different for every unit",
        fix="remove the constant initialization, or draw the weights: nn.init.kaiming_normal_(weight) before ReLU, "
        "nn.init.xavier_normal_(weight) before tanh",
        initializer=initializer(first),
        weights=tuple(p.name for p in members),
        value=value,
        verdict=verdict,
    )
