"""Calls inside autocast run in another precision than the one asked for.

## What it measures
The output dtype of matrix products, convolutions and attention that run where autocast asks for ``float16`` or ``bfloat16``.

## Why it matters
Autocast leaves ``float64`` tensors alone: a network or data in double precision runs on in double precision, many times slower
and without any message.

## How to fix
Give the data and the network as ``float32`` and leave the casting to autocast.

## Known false alarms
Parts that switch autocast off inside (``autocast(enabled=False)``) do not count, since it is not in force there.

## Source
PyTorch documentation, "Automatic Mixed Precision package", autocast op reference ("ops that can autocast to float16/bfloat16").
"""

from ...evidence import Graph, Graphs, Node
from ...rule import Finding, Kind, NotApplicable, Rule, Severity
from .._gradients import listed

rule = Rule(
    code="NW422",
    name="autocast-not-in-force",
    severity=Severity.WARNING,
    kind=Kind.BUG,
    guides=("T4",),
    remedies=("single-precision",),
)

_CASTING = frozenset(
    "linear matmul __matmul__ mm bmm addmm addbmm baddbmm addmv mv conv1d conv2d conv3d conv_transpose1d conv_transpose2d "
    "conv_transpose3d scaled_dot_product_attention".split()
)


def _breaks(node: Node) -> bool:
    output = node.output
    if node.autocast not in ("float16", "bfloat16") or output is None or not output.floating:
        return False
    return output.dtype != node.autocast


@rule.check
def check(graphs: Graphs) -> Finding | None:
    """Calls that autocast should have cast."""
    found = [_judge(graph) for graph in graphs.train]
    if not any(n.autocast for g in graphs.train for n in g.nodes):
        raise NotApplicable("the program does not use autocast")
    return next((f for f in found if f is not None), None)


def _judge(graph: Graph) -> Finding | None:
    calls = [n for n in graph.ops(*_CASTING) if n.autocast in ("float16", "bfloat16")]
    wrong = [n for n in calls if _breaks(n)]
    if not wrong:
        return None
    first = wrong[0]
    dtype = first.output.dtype if first.output else "?"
    places = list(dict.fromkeys(n.module or n.op for n in wrong))
    return rule.found(
        f"{len(wrong)} of {len(calls)} calls under autocast({first.autocast}) run in {dtype}: {listed(places)}",
        where=first.where.on(module=first.module),
        also=[n.where for n in wrong[1:2] if n.where.known and n.where != first.where],
        expected=f"under autocast, matrix products and convolutions give {first.autocast}",
        fix=f"give the network and the data that meet at {first.where.at} as float32 (autocast leaves {dtype} alone)",
        dtype=dtype,
        asked=first.autocast,
        calls=len(wrong),
    )
