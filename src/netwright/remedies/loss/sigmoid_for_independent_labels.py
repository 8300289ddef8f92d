"""A sigmoid in place of a softmax over labels that do not exclude each other, in front of a binary cross-entropy that asks each of them."""

from collections.abc import Sequence

from ...rule import Finding
from ..remedy import Remedy
from ..source import Change, Refused, Source
from ._sigmoids import sigmoid_at

remedy = Remedy(
    name="sigmoid-for-independent-labels",
    mends=("NW305",),
    bends_loss=True,
    assumes="several labels are true of one sample, and the softmax in front of the binary cross-entropy is called, or made as a module, on the line",
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """The probabilities of the labels no longer sum to 1; what is done with them stays as it is."""
    if finding.measured.get("several") is not True:
        raise Refused("one label alone is true of each sample: a softmax fits, and the loss does not")
    assert finding.where.line is not None
    return sigmoid_at(source, finding.where.line)
