"""Add the noise in training alone."""

from collections.abc import Sequence

import libcst as cst

from ...rule import Finding
from .._calls import is_function
from ..remedy import Remedy
from ..source import Change, Refused, Source, called, name_of

remedy = Remedy(
    name="noise-in-training-alone",
    late=True,
    mends=("NW419",),
    assumes="the line stands in a method of the network, and changes a value that it had before (x = x + noise), or drops units by a function",
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """``if self.training:`` before the statement; ``training=self.training`` for a dropout."""
    assert finding.where.line is not None
    line = finding.where.line
    statement = source.statement(line)
    inside = source.above(statement, cst.FunctionDef)
    parameters = [p.name.value for p in inside.params.params] if inside is not None else []
    if parameters[:1] != ["self"] or inside is None or source.above(inside, cst.ClassDef) is None:
        raise Refused("the line does not stand in a method of the network")
    for call in called(source, line, "dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout"):
        if is_function(call):
            return [source.set_argument(call, "training", "self.training", 2)]
    if not isinstance(statement, cst.SimpleStatementLine) or len(statement.body) != 1:
        raise Refused("the noise does not stand in a statement of its own")
    if source.line_of(statement) != source.last_line_of(statement):
        raise Refused("the statement goes over several lines")
    match statement.body[0]:
        case cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value=name))], value=value):
            if not any(n.value == name for n in source.every(cst.Name, value)) or not isinstance(
                value, cst.BinaryOperation
            ):
                raise Refused("what would be without the noise is not seen")
        case cst.AugAssign(target=target) if name_of(target):
            pass
        case _:
            raise Refused("what would be without the noise is not seen")
    indent = source.indent(statement)
    step = "\t" if "\t" in indent else "    "
    start = source.span(statement)[0]
    return [
        Change(start, start, f"if self.training:{source.newline}{indent}{step}"),
    ]
