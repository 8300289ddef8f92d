"""Take the factor off the outputs: fresh outputs are to be small."""

from collections.abc import Sequence

import libcst as cst

from ...rule import Finding
from ..remedy import Remedy
from ..source import Change, Refused, Source

remedy = Remedy(
    name="no-factor-on-outputs",
    mends=("NW301",),
    assumes="the first loss is too high, and the line returns or assigns the result of a call times a number or an attribute",
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """``self.out(x) * self.scale`` becomes ``self.out(x)``."""
    if "output_std" not in finding.measured and "loss_of_zero" not in finding.measured:
        raise Refused("the first loss is not too high")
    assert finding.where.line is not None
    statement = source.statement(finding.where.line)
    match statement:
        case (
            cst.SimpleStatementLine(body=[cst.Return(value=value)])
            | cst.SimpleStatementLine(body=[cst.Assign(value=value)])
        ):
            pass
        case _:
            raise Refused("the line does not return or assign one value")
    if not isinstance(value, cst.BinaryOperation):
        raise Refused("no factor is written on the line")
    sides = (value.left, value.right)
    if isinstance(value.operator, cst.Multiply):
        for side, other in (sides, sides[::-1]):
            if isinstance(side, cst.Call) and _factor(other):
                return [source.replace(value, source.code(side))]
    if isinstance(value.operator, cst.Divide) and isinstance(value.left, cst.Call) and _factor(value.right):
        return [source.replace(value, source.code(value.left))]
    raise Refused("no factor is written on the line")


def _factor(node: cst.BaseExpression) -> bool:
    """A number, or a name that is no result of a call."""
    return isinstance(node, cst.Integer | cst.Float | cst.Name) or (
        isinstance(node, cst.Attribute) and isinstance(node.value, cst.Name)
    )
