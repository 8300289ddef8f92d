"""Weaken the penalty on the weights until it is a small part of the loss."""

from collections.abc import Sequence

import libcst as cst

from ...rule import Finding
from ..remedy import Remedy
from ..source import Change, Refused, Source

remedy = Remedy(
    name="weaker-penalty",
    late=True,
    mends=("NW309",),
    bends_loss=True,
    assumes="the factor of the penalty is a number on the line, or a constant of the file",
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """The factor is divided by what the finding says, to two digits."""
    times = finding.measured.get("times")
    if not isinstance(times, float | int) or not times > 0:
        raise Refused("how far it is to be lowered is not known")
    assert finding.where.line is not None
    for product in source.at(cst.BinaryOperation, finding.where.line):
        if not isinstance(product.operator, cst.Multiply):
            continue
        for side in (product.left, product.right):
            number = _number(source, side)
            if number is not None:
                node, value = number
                return [source.replace(node, f"{value / times:.2g}".replace("e-0", "e-"))]
    raise Refused("the factor of the penalty is not written on the line")


def _number(source: Source, node: cst.BaseExpression) -> tuple[cst.CSTNode, float] | None:
    if isinstance(node, cst.Float | cst.Integer):
        return node, float(source.code(node))
    if isinstance(node, cst.Name):
        made = [
            a
            for a in source.every(cst.Assign)
            if any(isinstance(t.target, cst.Name) and t.target.value == node.value for t in a.targets)
        ]
        if len(made) == 1 and isinstance(made[0].value, cst.Float | cst.Integer):
            return made[0].value, float(source.code(made[0].value))
    return None
