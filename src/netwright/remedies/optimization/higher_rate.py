"""Multiply the learning rate by ten."""

from collections.abc import Sequence

from ...rule import Finding
from ..remedy import Remedy
from ..source import Change, Refused, Source
from .lower_rate import scaled

remedy = Remedy(
    name="higher-learning-rate",
    mends=("NW610",),
    assumes="the weights move, and one optimizer of torch's is made in the file, whose rate is written as a number in the call or as a constant of the file",
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """Ten times what is written."""
    if finding.measured.get("ratio") == 0:
        raise Refused("the weights do not move at all, which no rate changes")
    return scaled(source, 10)
