"""Step the optimizer after each backward pass."""

from collections.abc import Sequence

import libcst as cst

from ...rerun import Intervention
from ...rule import Finding
from .._hooks import at
from .._training import backward_at, optimizer_near, scope
from ..remedy import Remedy
from ..source import Change, Source, last_name

remedy = Remedy(
    name="step-the-optimizer",
    mends=("NW409",),
    assumes="backward is called and the optimizer has a name there",
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """Call what is only named (``optimizer.step`` without parentheses), else add the call."""
    assert finding.where.line is not None
    backward = backward_at(source, finding.where.line)
    for expression in source.every(cst.Expr, scope(source, backward)):
        if isinstance(expression.value, cst.Attribute) and last_name(expression.value) == "step":
            return [source.replace(expression.value, source.code(expression.value) + "()")]
    name = optimizer_near(source, backward)
    return [source.after(source.statement_of(backward), f"{name}.step()")]


@remedy.hook
def hook(finding: Finding) -> Intervention:
    """The program's one optimizer steps after the line."""
    return at(finding, "step-the-optimizer")
