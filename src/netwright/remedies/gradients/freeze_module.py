"""Freeze the parameters of a module and not the module's attribute."""

from collections.abc import Sequence

import libcst as cst

from ...rule import Finding
from ..remedy import Remedy
from ..source import Change, Refused, Source

remedy = Remedy(
    name="freeze-module", mends=("NW420",), assumes="requires_grad is assigned to a module on the line"
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """``module.requires_grad = False`` becomes ``module.requires_grad_(False)``."""
    assert finding.where.line is not None
    for assign in source.at(cst.Assign, finding.where.line):
        target = assign.targets[0].target
        if isinstance(target, cst.Attribute) and target.attr.value == "requires_grad":
            return [
                source.replace(
                    assign, f"{source.code(target.value)}.requires_grad_({source.code(assign.value)})"
                )
            ]
    raise Refused("requires_grad is not assigned on the line")
