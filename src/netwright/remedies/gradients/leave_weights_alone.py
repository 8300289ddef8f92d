"""Leave the weights to the optimizer: take out what changes them between its steps."""

from collections.abc import Sequence

import libcst as cst

from ...rule import Finding
from ..remedy import Remedy
from ..source import Change, Source

remedy = Remedy(
    name="leave-weights-alone",
    mends=("NW418",),
    assumes="the weights are changed by a statement on the line that does nothing else",
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """Delete the statement, with loops and blocks that hold nothing else."""
    assert finding.where.line is not None
    statement = source.statement(finding.where.line)
    return [source.delete(source.whole(statement, cst.For, cst.With))]
