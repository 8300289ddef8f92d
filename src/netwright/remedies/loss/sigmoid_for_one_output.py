"""A sigmoid in place of a softmax over a single output, which is always 1."""

from collections.abc import Sequence

from ...rule import Finding
from ..remedy import Remedy
from ..source import Change, Refused, Source
from ._sigmoids import sigmoid_at

remedy = Remedy(
    name="sigmoid-for-one-output",
    mends=("NW204",),
    bends_loss=True,
    assumes="the softmax is called, or made as a module, on the line",
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """The call gets the other name and loses the dimension."""
    if finding.measured.get("outputs") != 1:
        raise Refused("there is no softmax over a single output")
    assert finding.where.line is not None
    return sigmoid_at(source, finding.where.line)
