"""Call the layer that was forgotten where another is called twice."""

from collections.abc import Sequence

import libcst as cst

from ...rule import Finding
from .._settings import texts
from ..remedy import Remedy
from ..source import Change, Refused, Source, name_of

remedy = Remedy(
    name="call-unused-layer",
    mends=("NW211",),
    assumes="one layer is unused, another of its class ran twice as often as those beside it, and both are attributes made in one class of the file whose forward calls that other one exactly twice",
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """Of the two calls that one becomes the unused layer's that stands on the same side of it as it is made: what is made later is called later."""
    twin, layers = finding.measured.get("twin"), texts(finding.measured.get("layers"))
    if not isinstance(twin, str) or len(layers) != 1:
        raise Refused("no one layer ran in the place of the one that is unused")
    unused = f"self.{layers[0].rpartition('.')[2]}"
    used = f"self.{twin.rpartition('.')[2]}"
    assert finding.where.line is not None
    made = source.statement(finding.where.line)
    owner = source.above(made, cst.ClassDef)
    if owner is None:
        raise Refused("the layer is not made in a class of this file")
    first_made = [
        source.span(a)[0] for a in source.every(cst.Assign, owner) if name_of(a.targets[0].target) == used
    ]
    calls = [
        c
        for f in source.every(cst.FunctionDef, owner)
        if f.name.value == "forward"
        for c in source.every(cst.Call, f)
        if name_of(c.func) == used
    ]
    if len(calls) != 2 or len(first_made) != 1:
        raise Refused(f"forward does not call {used} exactly twice")
    later = source.span(made)[0] > first_made[0]
    return [source.replace(calls[1 if later else 0].func, unused)]
