"""Fewer blocks: as many as were seen to learn."""

from collections.abc import Iterator, Sequence

import libcst as cst

from ...rule import Finding
from .._settings import number_of, set_setting
from ..remedy import Remedy
from ..source import Change, Refused, Source, name_of

remedy = Remedy(
    name="fewer-blocks",
    mends=("NW208",),
    assumes="the blocks are counted by one range(n) of the file, whose n is a number in it, or a constant of the file",
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """``range(30)`` becomes ``range(8)``."""
    blocks, learns = finding.measured.get("blocks"), finding.measured.get("learns")
    if not isinstance(blocks, int) or not isinstance(learns, int):
        raise Refused("which depth learns was not measured")
    counted = list(_counted(source, blocks))
    if len(counted) != 1:
        raise Refused(f"not exactly one range counts {blocks} blocks")
    return [set_setting(source, counted[0], "stop", str(max(1, learns)), position=0)]


def _counted(source: Source, blocks: int) -> Iterator[cst.Call]:
    """Calls of ``range`` with that number, which make things in a list or append them; not the loops of a training."""
    for call in source.every(cst.Call):
        if name_of(call.func) != "range" or len(call.args) != 1:
            continue
        if number_of(source, call, "stop", position=0) != blocks:
            continue
        loop = source.parent(call)
        if isinstance(loop, cst.CompFor) or (
            isinstance(loop, cst.For)
            and not any("backward" in source.code(c.func) for c in source.every(cst.Call, loop))
        ):
            yield call
