"""Keep the column that holds the target from the network: it is 0 for all samples."""

from collections.abc import Sequence

import libcst as cst

from ...rule import Finding
from .._loops import needs_torch
from .._networks import calls_by_name, networks_at
from .._settings import sizes
from ..remedy import Remedy
from ..source import Change, Refused, Source, name_of

remedy = Remedy(
    name="drop-leaking-column",
    mends=("NW119",),
    assumes="one network made in this file is called on the line, and everywhere with one table, which has a name or is a part of one",
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """``model(x.index_fill(-1, torch.tensor([3], device=x.device), 0))`` wherever the network is called, so that its width stays."""
    columns = sizes(finding.measured.get("columns"))
    if not columns:
        raise Refused("which columns they are is not known")
    needs_torch(source)
    lines = [w.line for w in (finding.where, *finding.also) if w.line is not None]
    names = {n.name for line in lines for n in networks_at(source, line)}
    if len(names) != 1:
        raise Refused("not one network whose making is seen in this file is called on the line")
    changes: list[Change] = []
    for call in calls_by_name(source, names.pop()):
        if len(call.args) != 1 or call.args[0].star:
            raise Refused("the network is called with more than one argument")
        given = call.args[0].value
        table = name_of(given.value if isinstance(given, cst.Subscript) else given)
        if not table:
            raise Refused("the table has no name where the network is called")
        start = source.span(given)[1]
        changes.append(
            Change(start, start, f".index_fill(-1, torch.tensor({columns}, device={table}.device), 0)")
        )
    return changes
