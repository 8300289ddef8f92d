"""Compute a new tensor instead of writing into one that the backward pass needs."""

from collections.abc import Sequence

import libcst as cst

from ...rule import Finding
from ..remedy import Remedy
from ..source import Change, Refused, Source, last_name, name_of

remedy = Remedy(
    name="new-tensor",
    mends=("NW906",),
    assumes="the line changes a name by +=, *= and the like, by inplace=True, or by a method that ends in _",
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """``h += x`` becomes ``h = h + x``; ``inplace=True`` goes; ``h.add_(x)`` becomes ``h = h.add(x)``."""
    assert finding.where.line is not None
    line = finding.where.line
    for statement in source.at(cst.AugAssign, line):
        if not name_of(statement.target):
            raise Refused("a part of a tensor is written to")
        operator = source.text[source.span(statement.target)[1] : source.span(statement.value)[0]].strip()
        target, value = source.code(statement.target), source.code(statement.value)
        if not isinstance(
            statement.value, cst.Name | cst.Attribute | cst.Call | cst.Subscript | cst.BaseNumber
        ) and not value.startswith("("):
            value = f"({value})"
        return [source.replace(statement, f"{target} = {target} {operator.rstrip('=')} {value}")]
    for call in source.at(cst.Call, line):
        argument = source.argument(call, "inplace")
        if argument is not None and source.code(argument.value) == "True":
            return [source.drop_argument(call, argument)]
    for call in source.at(cst.Call, line):
        name = last_name(call.func)
        if not name.endswith("_") or name.endswith("__") or not isinstance(call.func, cst.Attribute):
            continue
        owner = name_of(call.func.value)
        plain = source.replace(call.func.attr, name.rstrip("_"))
        if not isinstance(source.parent(call), cst.Expr):
            return [plain]
        if not owner or owner in ("torch", "F", "nn.functional"):
            raise Refused("what is written to has no name")
        start = source.span(call)[0]
        return [Change(start, start, f"{owner} = "), plain]
    raise Refused("nothing on the line writes into a tensor")
