"""Put a ReLU between two layers that have none."""

import itertools
from collections.abc import Sequence

import libcst as cst

from ...rule import Finding
from ..remedy import Remedy
from ..source import Change, Refused, Source, last_name, name_of

remedy = Remedy(
    name="add-activation",
    mends=("NW205",),
    assumes="the layers are neighbours in a Sequential or a list of layers, or follow each other in forward",
)
_LAYERS = ("Linear", "Conv1d", "Conv2d", "Conv3d", "LazyLinear", "ConvTranspose1d", "ConvTranspose2d")


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """``nn.ReLU()`` after every layer that another follows at once."""
    assert finding.where.line is not None
    changes = _in_sequential(source, finding.where.line) or _in_forward(source, finding.where.line)
    if not changes:
        raise Refused("the two layers are not seen side by side")
    return changes


def _in_sequential(source: Source, line: int) -> list[Change]:
    changes: list[Change] = []
    for owner in [*source.every(cst.Call), *source.every(cst.List)]:
        if not source.line_of(owner) <= line <= source.last_line_of(owner):
            continue
        if isinstance(owner, cst.Call):
            items = [(a, a.value) for a in owner.args] if last_name(owner.func) == "Sequential" else []
        else:
            items = [(e, e.value) for e in owner.elements]
        for (here, one), (after, other) in itertools.pairwise(items):
            if _is_layer(one) and _is_layer(other):
                assert isinstance(one, cst.Call)
                library = name_of(one.func).rpartition(".")[0]
                end, start = source.span(here)[1], source.span(after)[0]
                gap = (
                    source.text[end:start].replace(source.text[end:start].strip(), ",", 1)
                    if source.text[end:start].strip() != ","
                    else source.text[end:start]
                )
                changes.append(
                    Change(start, start, f"{library + '.' if library else ''}ReLU()" + _plain(gap))
                )
    return changes


def _plain(gap: str) -> str:
    """The space between two items without comments."""
    kept = [line.partition("#")[0] for line in gap.split("\n")]
    return "\n".join([kept[0].rstrip(), *kept[1:]]) if len(kept) > 1 else gap


def _is_layer(node: cst.BaseExpression) -> bool:
    return isinstance(node, cst.Call) and last_name(node.func) in _LAYERS


def _in_forward(source: Source, line: int) -> list[Change]:
    """``x = self.a(x)`` before ``x = self.b(x)``: the line is that of the second, or of the first."""
    changes: list[Change] = []
    for call in source.at(cst.Call, line):
        if (
            isinstance(call.func, cst.Attribute)
            and name_of(call.func).startswith("self.")
            and len(call.args) == 1
        ):
            changes.append(
                source.replace(call.args[0].value, f"torch.relu({source.code(call.args[0].value)})")
            )
            break
    return changes
