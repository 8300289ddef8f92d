"""Lay weights out in memory in the order of their indices before the optimizer is made."""

from collections.abc import Sequence

import libcst as cst

from ...rule import Finding
from ..remedy import Remedy
from ..source import Change, Refused, Source, last_name, name_of

remedy = Remedy(
    name="contiguous-weights",
    mends=("NW409",),
    assumes="the optimizer is made on the line by a statement, and given the parameters() of one network that has a name",
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """``p.data = p.data.contiguous()`` for all parameters, before the optimizer."""
    line = finding.where.line
    assert line is not None
    given = {
        name_of(call.func.value)
        for call in source.at(cst.Call, line)
        if last_name(call.func) == "parameters" and isinstance(call.func, cst.Attribute)
    }
    if len(given) != 1 or "" in given:
        raise Refused("the optimizer is not given all parameters of one network")
    statement = source.statement(line)
    if not isinstance(statement, cst.SimpleStatementLine):
        raise Refused("the optimizer is not made by a statement of its own")
    (network,) = given
    return [
        source.before(
            statement,
            f"for weight in {network}.parameters():",
            "    weight.data = weight.data.contiguous()",
        )
    ]
