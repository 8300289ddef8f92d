"""Leave the weights to the optimizer: take out what changes them between its steps, or initializes them after the last."""

from collections.abc import Sequence

from ...rule import Finding
from .._removal import removed
from ..remedy import Remedy
from ..source import Change, Refused, Source

remedy = Remedy(
    name="leave-weights-alone",
    mends=("NW418", "NW421"),
    assumes="the weights are changed by a statement on the line that does nothing else",
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """Delete the statement, with loops, conditions and blocks that hold nothing else."""
    if finding.code == "NW421" and "trained_share" not in finding.measured:
        raise Refused(
            "what is initialized again was loaded, not trained: which of both is meant is not known"
        )
    assert finding.where.line is not None
    statement = source.statement(finding.where.line)
    return removed(source, statement)
