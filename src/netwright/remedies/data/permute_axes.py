"""Exchange the axes of an image by permute, which moves the values along, and not by view."""

import itertools
from collections.abc import Sequence

import libcst as cst

from ...rule import Finding
from .._calls import input_of
from .._settings import sizes
from ..remedy import Remedy
from ..source import Change, Refused, Source, last_name

remedy = Remedy(
    name="permute-axes",
    mends=("NW115",),
    assumes="the line calls view or reshape, and the sizes tell in one way only which axis goes where",
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """``x.view(-1, 3, 16, 16)`` becomes ``x.permute(0, 3, 1, 2)``."""
    before, after = sizes(finding.measured.get("before")), sizes(finding.measured.get("after"))
    if before is None or after is None:
        raise Refused("the shapes are not known")
    # Rows stay before columns: those are the axes of equal size.
    orders = [
        o
        for o in itertools.permutations(range(len(before)))
        if [before[i] for i in o] == after
        and o[0] == 0
        and all(a < b for a, b in itertools.combinations(o, 2) if before[a] == before[b])
    ]
    if len(orders) != 1 or len(before) != len(after):
        raise Refused("which axis goes where is not clear")
    assert finding.where.line is not None
    for call in source.at(cst.Call, finding.where.line):
        if last_name(call.func) in ("view", "reshape"):
            inner = input_of(source, call)
            return [source.replace(call, f"{source.code(inner)}.permute({', '.join(map(str, orders[0]))})")]
    raise Refused("neither view nor reshape is called on the line")
