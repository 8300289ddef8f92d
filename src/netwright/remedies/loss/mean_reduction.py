"""Take the mean over the batch instead of the sum."""

from collections.abc import Sequence

import libcst as cst

from ...rerun import Intervention
from ...rule import Finding
from .._activations import maker
from .._hooks import LOSSES, argument
from ..remedy import Remedy
from ..source import Change, Refused, Source

remedy = Remedy(
    name="mean-reduction",
    mends=("NW310",),
    bends_loss=True,
    assumes='the loss is summed by reduction="sum", or padding is counted for want of ignore_index, or accumulated losses are not divided',
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """Drop ``reduction="sum"``; divide an accumulated loss; leave padding out."""
    line = finding.where.line
    assert line is not None
    count, padding = finding.measured.get("accumulated"), finding.measured.get("padding_idx")
    if isinstance(count, int):
        return _divided(source, finding, count)
    for call in source.at(cst.Call, line):
        for candidate in (call, maker(source, call)):
            if candidate is None:
                continue
            if isinstance(padding, int):
                return [source.set_argument(candidate, "ignore_index", str(padding))]
            argument = source.argument(candidate, "reduction")
            if argument is not None and source.code(argument.value).strip("'\"") == "sum":
                return [source.drop_argument(candidate, argument)]
    raise Refused("the reduction of the loss is not written on the line")


def _divided(source: Source, finding: Finding, count: int) -> Sequence[Change]:
    for place in finding.also:
        for call in source.at(cst.Call, place.line or 0):
            if isinstance(call.func, cst.Attribute) and call.func.attr.value == "backward":
                return [source.replace(call.func.value, f"({source.code(call.func.value)} / {count})")]
    raise Refused("the backward pass is not found")


@remedy.hook
def hook(finding: Finding) -> Intervention:
    """The argument, as the loss made or called on the line gets it; an accumulated loss is divided before it is differentiated."""
    count, padding = finding.measured.get("accumulated"), finding.measured.get("padding_idx")
    if isinstance(count, int):
        return Intervention(name="divide-loss", settings={"by": count})
    if isinstance(padding, int):
        return argument(finding, LOSSES, "ignore_index", value=padding)
    return argument(finding, LOSSES, "reduction")
