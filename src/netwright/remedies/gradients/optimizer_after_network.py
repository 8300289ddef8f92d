"""Make the optimizer when the network is complete: right before training."""

from collections.abc import Sequence

import libcst as cst

from ...rule import Finding
from .._training import optimizer_call
from ..remedy import Remedy
from ..source import Change, Refused, Source, name_of

remedy = Remedy(
    name="optimizer-after-network",
    mends=("NW402",),
    assumes="the optimizer is made by an assignment, and used further down in the same block or in a loop of it",
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """Move the assignment down to the statement that uses the optimizer first."""
    assert finding.where.line is not None
    call = optimizer_call(source, finding.where.line)
    statement = source.statement_of(call)
    assign = source.above(call, cst.Assign)
    if assign is None:
        raise Refused("the optimizer is not assigned to a name")
    name = name_of(assign.targets[0].target)
    siblings = source.siblings(statement)
    for later in siblings[siblings.index(statement) + 1 :]:
        if any(n.value == name.split(".")[-1] for n in source.every(cst.Name, later)):
            return [source.delete(statement), source.before(later, source.code(statement))]
    raise Refused("the optimizer is not used in the block in which it is made")
