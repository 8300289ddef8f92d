"""Initialize before loading, not after."""

from collections.abc import Sequence

from ...rule import Finding
from .._training import block_of, calls_of
from ..remedy import Remedy
from ..source import Change, Refused, Source, called

remedy = Remedy(
    name="initialize-before-loading",
    mends=("NW421",),
    assumes="both are statements of one block",
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """Move the statement that initializes in front of the one that loads."""
    assert finding.where.line is not None
    if not any(True for _ in calls_of(source, "load_state_dict")):
        raise Refused("load_state_dict is not called in this file")
    for call in called(source, finding.where.line):
        statement, anchor = block_of(source, call, holding="load_state_dict")
        return [source.delete(statement), source.before(anchor, source.code(statement))]
    raise Refused("nothing is called on the line")
