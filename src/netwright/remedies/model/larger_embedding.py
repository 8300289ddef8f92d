"""Give an embedding a row for every index."""

from collections.abc import Sequence

import libcst as cst

from ...rule import Finding
from .._settings import set_setting
from ..remedy import Remedy
from ..source import Change, Refused, Source, last_name

remedy = Remedy(
    name="larger-embedding",
    mends=("NW905",),
    assumes="the embedding is made on the line, and the indices are not negative and at most a hundred times as many as its rows",
)
_MOST = 100  # times the rows: beyond, the indices are something else than was meant


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """``num_embeddings`` becomes the largest index plus one."""
    rows, lowest, highest = (finding.measured.get(k) for k in ("rows", "lowest_index", "highest_index"))
    if not isinstance(highest, int | float) or not isinstance(lowest, int | float) or lowest < 0:
        raise Refused("the indices are not known, or negative")
    if not isinstance(rows, int) or highest + 1 > _MOST * rows:
        raise Refused("the indices lie far beyond the rows: they are something else than was meant")
    assert finding.where.line is not None
    made = [
        c
        for c in source.at(cst.Call, finding.where.line)
        if last_name(c.func) in ("Embedding", "EmbeddingBag")
    ]
    if len(made) != 1 or source.argument(made[0], "num_embeddings", 0) is None:
        raise Refused("no one embedding is made on the line")
    return [set_setting(source, made[0], "num_embeddings", str(int(highest) + 1), 0)]
