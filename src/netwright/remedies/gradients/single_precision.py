"""Compute in float32, from which autocast goes down: double precision out of network and data."""

import re
from collections.abc import Sequence

import libcst as cst

from ...rule import Finding
from ..remedy import Remedy
from ..source import Change, Refused, Source, name_of

remedy = Remedy(
    name="single-precision",
    mends=("NW422",),
    assumes="float64 is asked for in this file, by name or by double()",
)
_DOUBLE = re.compile(r"(torch|np|numpy)\.(float64|double)$")


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """``.double()`` becomes ``.float()``, ``float64`` ``float32``, everywhere in the file."""
    if finding.measured.get("dtype") != "float64":
        raise Refused("the calls do not run in float64")
    changes: list[Change] = []
    for attribute in source.every(cst.Attribute):
        parent = source.parent(attribute)
        if _DOUBLE.match(name_of(attribute)):
            changes.append(source.replace(attribute.attr, "float32"))
        elif (
            attribute.attr.value == "double"
            and isinstance(parent, cst.Call)
            and parent.func is attribute
            and not parent.args
        ):
            changes.append(source.replace(attribute.attr, "float"))
    if not changes:
        raise Refused("where float64 comes from is not seen")
    return changes
