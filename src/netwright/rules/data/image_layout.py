"""The axes of the images are in the wrong order: channels last, or mixed up by a reshape.

## What it measures
The shape in which images enter the first convolution, how much neighbours along each axis resemble each other, and every
``view`` or ``reshape`` on the way from the data whose result has the same sizes in another order.

## Why it matters
torch takes images as (batch, channels, height, width). With (batch, height, width, channels) the convolution slides over columns and
colours. ``view`` keeps the order in memory, so where axes have to be exchanged it cuts the picture to pieces: the network
receives noise that still has the right shape.

## How to fix
``x.permute(0, 3, 1, 2)`` in place of the ``view``.

## Known false alarms
Reshapes that only split or join axes are left alone; arrays whose last axis is 1, 3 or 4 wide count as channels last only when their
other two axes are equal and smooth.

## Source
PyTorch documentation of ``Conv2d`` (shape of the input) and of ``Tensor.view``; Tobin, "Troubleshooting deep neural
networks", wrong tensor shapes among the five most common bugs.
"""

from ...evidence import DoorTensor, Graph, Graphs, Node, TrainInputs
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold
from .._door import CONVOLUTIONS, RECURRENT, between, entry, shape_of

rule = Rule(
    code="NW115",
    name="image-layout",
    severity=Severity.ERROR,
    kind=Kind.BUG,
    guides=("T4",),
    explains=("NW217", "NW219", "NW221"),
    remedies=("permute-axes",),
    thresholds={
        "smooth": Threshold(
            value=0.8,
            unit="neighbour difference per random difference",
            source="1 is noise; natural images lie below 0.5, measured",
        ),
        "interleaved": Threshold(
            value=0.8,
            unit="difference at distance C per difference at distance 1",
            source="CIFAR-10: 1.94 for images in order, 0.61 when viewed instead of permuted",
        ),
        "side": Threshold(value=8.0, unit="pixels", source="smaller arrays are seldom pictures"),
    },
)

_VIEWS = frozenset(["view", "reshape", "view_as", "reshape_as"])


@rule.check
def check(inputs: TrainInputs, graphs: Graphs) -> list[Finding]:
    """Look at every input of at least three axes that enters a convolution or a recurrent layer."""
    found: list[Finding] = []
    looked = False
    for tensor in inputs.tensors:
        place = entry(graphs, tensor)
        if place is None or place.node.op not in CONVOLUTIONS | RECURRENT:
            continue
        looked = True
        graph = graphs.train[tensor.graph]
        finding = _mixed(graph, tensor, place.node) or _last(graph, tensor, place.node) or _woven(tensor)
        if finding is not None:
            found.append(finding)
    if not looked:
        raise NotApplicable("no input enters a convolution or a recurrent layer as it comes")
    return found


def _mixed(graph: Graph, tensor: DoorTensor, layer: Node) -> Finding | None:
    """A view that exchanges axes, before the door or behind it."""
    start = tensor.node or 0
    path = (*_before(graph, start), *between(graph, layer, start))
    for node in path:
        old = shape_of(graph, node.refs[0]) if node.op in _VIEWS and node.refs else ()
        new = node.output.shape if node.output else ()
        if _exchanged(old, new):
            order = _permutation(old, new)
            return rule.found(
                f"{node.op} at {node.where.at} turns shape {old} into {new}: it keeps the order in memory, so pixels and "
                "axes are mixed up",
                where=node.where,
                also=(layer.edit,),
                expected="axes exchanged by permute, which moves the values along",
                fix=f"x.permute{order} in place of {node.op}",
                before=list(old),
                after=list(new),
            )
    return None


def _before(graph: Graph, start: int) -> tuple[Node, ...]:
    behind = graph.ancestors(start)
    return tuple(graph[i] for i in sorted(behind) if graph[i].kind == "op")


def _exchanged(old: tuple[int, ...], new: tuple[int, ...]) -> bool:
    same = len(old) == len(new) >= 3 and old[0] == new[0] and sorted(old) == sorted(new)
    return same and [n for n in old if n != 1] != [n for n in new if n != 1]


def _permutation(old: tuple[int, ...], new: tuple[int, ...]) -> tuple[int, ...]:
    free = list(range(len(old)))
    order: list[int] = []
    for size in new:
        axis = next(i for i in free if old[i] == size)
        free.remove(axis)
        order.append(axis)
    return tuple(order)


def _last(graph: Graph, tensor: DoorTensor, layer: Node) -> Finding | None:
    """(batch, height, width, channels) into a convolution."""
    shape = shape_of(graph, layer.refs[0])
    if layer.op != "conv2d" or len(shape) != 4 or shape[3] not in (1, 3, 4):
        return None
    if shape[1] != shape[2] or shape[1] < rule["side"] or not _smooth(tensor, (0, 1)):
        return None
    return rule.found(
        f"{tensor.name} enters conv2d with shape {shape}: height {shape[1]} is taken for channels, and the {shape[3]} "
        f"{'channel' if shape[3] == 1 else 'channels'} for the width",
        where=layer.edit.on(module=layer.module),
        also=(tensor.where,),
        expected="images as (batch, channels, height, width)",
        fix=f"x = x.permute(0, 3, 1, 2) before the network, and in_channels={shape[3]}",
        shape=list(shape),
    )


def _smooth(tensor: DoorTensor, axes: tuple[int, ...]) -> bool:
    known = [tensor.smoothness[a] if a < len(tensor.smoothness) else None for a in axes]
    return all(value is not None and value < rule["smooth"] for value in known)


def _woven(tensor: DoorTensor) -> Finding | None:
    """Colours alternate along the rows: the picture was viewed, not permuted, before it was seen."""
    ratio = tensor.interleaved
    if ratio is None or ratio >= rule["interleaved"]:
        return None
    return rule.found(
        f"{tensor.name} of shape {tensor.shape}: values {tensor.shape[1]} apart differ {ratio:.2f} times as much as neighbours, as if "
        "(height, width, channels) had been viewed as (channels, height, width)",
        where=tensor.where,
        expected="neighbours along a row resemble each other most",
        fix="permute the axes (x.permute(0, 3, 1, 2)) instead of view or reshape",
        confidence=0.9,
        interleaved=ratio,
    )
