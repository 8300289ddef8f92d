"""The numbers have the wrong type: fractions cut off, weights in float16, or float64 throughout.

## What it measures
Calls between the data and the first layer that cut off fractions (integer division, conversion of fractions to integers) and how
many distinct values are left; inputs that are zero everywhere; the type of the trained weights and of the inputs.

## Why it matters
``pixels // 255`` leaves zeros and ones of a picture, so most of what could be learned is gone before the first layer. Weights kept
in float16 lose updates smaller than a thousandth of their value, and Adam's ``eps`` of 1e-8 is 0 there. float64 is correct, but
takes twice the memory and, on most accelerators, many times the time (information).

## How to fix
Divide as floating-point numbers, ``x.float() / 255``; keep weights in float32 and use ``torch.autocast`` for the
fast types.

## Known false alarms
Numbers that become indices of an embedding or one-hot codes may be whole. Rounding that lets the gradient through (straight-through
estimators, quantization) works on activations, not on the data, and is not looked at.

## Source
Micikevicius et al., "Mixed precision training" (2018), section 3.1 (float32 master copy of the weights); Tobin,
"Troubleshooting deep neural networks" (wrong dtype).
"""

from ...evidence import DoorTensor, Graph, Graphs, Node, Parameters, Stats, TrainInputs
from ...rule import Finding, Kind, Rule, Severity, Threshold
from .._door import WEIGHTED, between, entry, has_weight

rule = Rule(
    code="NW118",
    name="wrong-dtype",
    severity=Severity.WARNING,
    kind=Kind.BUG,
    guides=("T4", "T6"),
    explains=("NW103", "NW216", "NW601", "NW701"),
    remedies=("keep-fractions", "single-precision"),
    thresholds={
        "left": Threshold(
            value=0.2, unit="share of the distinct values", source="four of five levels of the data are gone"
        ),
        "few": Threshold(value=3.0, unit="distinct values", source="hardly a picture or a measurement"),
    },
)

_FLOORS = frozenset(["floor_divide", "__floordiv__", "__rfloordiv__", "div", "floor", "trunc", "fix"])
_CASTS = frozenset(["to", "long", "int", "short", "byte", "type", "char"])

_SELECTS = frozenset(
    ["__getitem__", "index_select", "select", "narrow", "view", "reshape", "flatten", "float"]
)
_MANY = 1000


@rule.check
def check(inputs: TrainInputs, graphs: Graphs, parameters: Parameters) -> list[Finding]:
    """Look at the way of the data to the first layers, then at the types of the weights."""
    found = [f for t in inputs.tensors for f in _data(graphs, t)]
    weights = _weights(parameters)
    return [*found, weights] if weights else found


def _data(graphs: Graphs, tensor: DoorTensor) -> list[Finding]:
    if tensor.node is None or tensor.graph >= len(graphs.train):
        return []
    graph = graphs.train[tensor.graph]
    layer = _first_layer(graph, tensor.node)
    if layer is None:
        return []
    before = [graph[i] for i in sorted(graph.ancestors(tensor.node)) if graph[i].kind == "op"]
    cuts = [n for n in (*before, *between(graph, layer, tensor.node)) if _cuts(graph, n, tensor.stats)]
    if cuts:
        return [_cut(graph, cuts[0], tensor.stats)]
    place = entry(graphs, tensor)
    only = tensor.stats.abs_max == 0 and tensor.stats.count > 0 and tensor.stats.nonfinite == 0
    return [_zero(tensor, place.node)] if place is not None and only else []


def _first_layer(graph: Graph, start: int) -> Node | None:
    ahead = {start}
    for node in graph.nodes[start + 1 :]:
        if node.kind != "op" or node.op in ("embedding", "embedding_bag", "one_hot"):
            continue
        if any(r.node in ahead for r in node.refs):
            if node.op in WEIGHTED and has_weight(graph, node):
                return node
            ahead.add(node.index)
    return None


def _cuts(graph: Graph, node: Node, door: Stats) -> bool:
    """Whether a call cuts off fractions of its first argument and leaves few of its values.

    Where nothing is known of the values around the call, a division counts when hardly any values arrive at the door.
    """
    if not node.refs or node.op not in _FLOORS | _CASTS:
        return False
    if node.op == "div" and node.kwargs.get("rounding_mode") is None:
        return False
    old, new = graph.info(node.refs[0]), node.output
    if old is None or new is None or (node.op in _CASTS and not (old.floating and new.integral)):
        return False
    before, after = _levels(old.stats), _levels(new.stats)
    # Of the way of the data, only its own arrays and the door are measured.
    if after is None and node.op in _CASTS and door.integers:
        after = door.distinct
    if before is None and after is not None and node.op in _CASTS and _makes_fractions(graph, node):
        before = _MANY
    if before is None or after is None:
        return node.op in _FLOORS and door.integers and (door.distinct or _MANY) <= rule["few"]
    return before > rule["few"] and after <= max(2.0, rule["left"] * before)


def _makes_fractions(graph: Graph, node: Node) -> bool:
    """Whether what a call was given comes from a true division (standardized, scaled), through selections of rows at most."""
    source = graph[node.refs[0].node]
    while source.op in _SELECTS and source.refs:
        source = graph[source.refs[0].node]
    return source.op in ("div", "true_divide", "__truediv__") and source.kwargs.get("rounding_mode") is None


def _levels(stats: Stats | None) -> int | None:
    """Number of distinct values, as far as it was counted."""
    if stats is None:
        return None
    return _MANY if stats.distinct is None else stats.distinct


def _cut(graph: Graph, node: Node, door: Stats) -> Finding:
    old = graph.info(node.refs[0])
    before = old.stats.distinct if old and old.stats else None
    left = door.distinct
    return rule.found(
        f"{node.op} at {node.where.at} cuts off fractions of the data: {left} distinct values arrive at the network"
        + (f" of {before}" if before else ""),
        where=node.where,
        expected="floating-point numbers up to the first layer",
        fix="divide as floating-point numbers (x.float() / 255), and convert with .float() before, not after",
        remedies=("keep-fractions",),
        before=before,
        after=left,
    )


def _zero(tensor: DoorTensor, layer: Node) -> Finding:
    return rule.found(
        f"{tensor.name} is zero everywhere in the first {tensor.batches} batches",
        where=tensor.where,
        also=(layer.edit,),
        severity=Severity.WARNING,
        expected="inputs that differ between samples",
        fix="look for an integer division or a conversion to integers where the data is prepared",
        remedies=("keep-fractions",),
        confidence=0.7,
        batches=tensor.batches,
    )


def _weights(parameters: Parameters) -> Finding | None:
    trained = [p for p in parameters.parameters if p.requires_grad and p.optimizers and p.used]
    half = [p for p in trained if p.dtype == "float16"]
    double = [p for p in trained if p.dtype == "float64"]
    if half:
        return rule.found(
            f"{len(half)} of {len(trained)} trained parameters are float16: updates below a thousandth of a weight are lost",
            where=half[0].where.on(parameter=half[0].name),
            expected="float32 weights, with torch.autocast for float16 arithmetic",
            remedies=("single-precision",),
            fix="keep the network in float32 (no .half()) and put the forward pass under torch.autocast with a GradScaler",
            parameters=len(half),
            dtype="float16",
        )
    if trained and len(double) == len(trained):
        return rule.found(
            "the network computes in float64: right, but twice the memory, and slow on most accelerators",
            where=double[0].where.on(parameter=double[0].name),
            severity=Severity.INFO,
            expected="float32, unless the accuracy of float64 is needed",
            fix="convert the data to float32 (x.float()) and leave out .double()",
            parameters=len(double),
        )
    return None
