"""Clear the gradients after each step of the optimizer.

After the step and not before the backward pass: so it is right with gradients that are accumulated over several passes as well.
"""

from collections.abc import Sequence

import libcst as cst

from ...rerun import Intervention
from ...rule import Finding
from .._hooks import at
from .._training import backward_at, optimizer_near, steps_near
from ..remedy import Remedy
from ..source import Change, Source

remedy = Remedy(
    name="clear-gradients",
    mends=("NW408",),
    assumes="the optimizer has a name where the gradients are computed",
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """``optimizer.zero_grad()`` after ``optimizer.step()``; inside a closure, before the backward pass."""
    assert finding.where.line is not None
    backward = backward_at(source, finding.where.line)
    steps = [
        (call, name)
        for call, name in steps_near(source, backward)
        if "scaler" in source.code(call.func) or not call.args
    ]
    if steps:
        step, name = steps[0]
        return [source.after(source.statement_of(step), f"{name}.zero_grad()")]
    if isinstance(source.above(backward, cst.FunctionDef), cst.FunctionDef):
        # A closure is called several times within one step.
        outer = source.above(backward, cst.FunctionDef)
        assert outer is not None
        return [source.before(source.statement_of(backward), f"{optimizer_near(source, outer)}.zero_grad()")]
    return [source.before(source.statement_of(backward), f"{optimizer_near(source, backward)}.zero_grad()")]


@remedy.hook
def hook(finding: Finding) -> Intervention:
    """The optimizer that steps after the line clears its gradients then."""
    return at(finding, "clear-gradients")
