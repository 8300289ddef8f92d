"""Take out the statement that puts something in place of what was computed from the input."""

from collections.abc import Sequence

import libcst as cst

from ...rule import Finding
from .._removal import removed
from ..remedy import Remedy
from ..source import Change, Refused, Source

remedy = Remedy(
    name="keep-the-value",
    mends=("NW216",),
    assumes="the line on which the input is lost gives a name another value that is made from its own (x = f(x), x *= mask), and the name has a value before it",
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """The statement is deleted."""
    assert finding.where.line is not None
    statement = source.statement(finding.where.line)
    match statement:
        case cst.SimpleStatementLine(
            body=[cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value=name))], value=value)]
        ) if any(n.value == name for n in source.every(cst.Name, value)):
            pass
        case cst.SimpleStatementLine(body=[cst.AugAssign(target=cst.Name(value=name))]):
            pass
        case _:
            raise Refused("the line does not put something in place of a value of the same name")
    function = source.above(statement, cst.FunctionDef)
    if function is None:
        raise Refused("the line stands in no function")
    start = source.span(statement)[0]
    parameters = {p.name.value for p in function.params.params}
    given = any(
        n.value == name
        for a in source.every(cst.AssignTarget, function)
        if source.span(a)[0] < start
        for n in source.every(cst.Name, a.target)
    )
    if name not in parameters and not given:
        raise Refused("the name has no value before the line")
    return removed(source, statement)
