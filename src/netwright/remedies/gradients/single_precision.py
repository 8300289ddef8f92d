"""Compute in float32, from which autocast goes down: double and half precision out of network and data."""

import re
from collections.abc import Sequence

import libcst as cst

from ...rule import Finding
from ..remedy import Remedy
from ..source import Change, Refused, Source, name_of

remedy = Remedy(
    name="single-precision",
    mends=("NW118", "NW422"),
    assumes="float64 or float16 is asked for in this file, by name or by double() or half()",
)
_OTHERS = {"float64": "double", "float16": "half"}


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """``.double()`` becomes ``.float()``, ``float64`` ``float32``, everywhere in the file; and so for half precision."""
    dtype = str(finding.measured.get("dtype"))
    method = _OTHERS.get(dtype)
    if method is None:
        raise Refused("nothing runs in float64 or float16")
    named = re.compile(rf"(torch|np|numpy)\.({dtype}|{method})$")
    changes: list[Change] = []
    for attribute in source.every(cst.Attribute):
        parent = source.parent(attribute)
        if named.match(name_of(attribute)):
            changes.append(source.replace(attribute.attr, "float32"))
        elif (
            attribute.attr.value == method
            and isinstance(parent, cst.Call)
            and parent.func is attribute
            and not parent.args
        ):
            changes.append(source.replace(attribute.attr, "float"))
    if not changes:
        raise Refused(f"where {dtype} comes from is not seen")
    return changes
