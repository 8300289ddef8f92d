"""Let the layers train: take out what freezes them."""

from collections.abc import Sequence

import libcst as cst

from ...rerun import Intervention
from ...rule import Finding
from .._hooks import at
from .._removal import removed
from ..remedy import Remedy
from ..source import Change, Refused, Source, last_name

remedy = Remedy(
    name="unfreeze",
    mends=("NW403",),
    assumes="the layers are frozen by a statement on the line, or by a loop that does nothing else",
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """Delete ``requires_grad = False`` (``requires_grad_(False)``), and the loop around it."""
    assert finding.where.line is not None
    statement = source.statement(finding.where.line)
    freezes = any(
        isinstance(a.targets[0].target, cst.Attribute) and a.targets[0].target.attr.value == "requires_grad"
        for a in source.every(cst.Assign, statement)
    ) or any(last_name(c.func) == "requires_grad_" for c in source.every(cst.Call, statement))
    if not freezes:
        raise Refused("nothing is frozen on the line")
    return removed(source, statement)


@remedy.hook
def hook(finding: Finding) -> Intervention:
    """What the line freezes stays as it is."""
    return at(finding, "unfreeze")
