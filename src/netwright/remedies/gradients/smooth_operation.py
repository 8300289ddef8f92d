"""Compute the loss on the values before an operation whose gradient is 0."""

from collections.abc import Sequence

from ...rerun import Intervention
from ...rule import Finding
from .._calls import unwrapped
from .._hooks import at
from ..remedy import Remedy
from ..source import Change, Refused, Source, called

_WITHOUT_GRADIENT = ("round", "floor", "ceil", "trunc", "sign", "clamp", "clip", "hardtanh")

remedy = Remedy(
    name="smooth-operation",
    mends=("NW415",),
    assumes="the operation is a call on the line, and the loss takes what goes into it just as well",
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """Rounding and clamps are taken out; a choice (``argmax``, a comparison) has no values before it that the loss could take."""
    assert finding.where.line is not None
    for call in called(source, finding.where.line, *_WITHOUT_GRADIENT):
        return [unwrapped(source, call)]
    raise Refused("the operation on the line cannot be left out without another loss")


@remedy.hook
def hook(finding: Finding) -> Intervention:
    """What is applied on the line gives back what it gets."""
    return at(finding, "instead", call=" ".join(_WITHOUT_GRADIENT))
