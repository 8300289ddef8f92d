"""Divide the weight decay by a hundred."""

from collections.abc import Sequence

from ...rerun import Intervention
from ...rule import Finding
from .._hooks import argument
from .._settings import number_of, set_setting
from .._training import optimizer_call
from ..remedy import Remedy
from ..source import Change, Refused, Source

remedy = Remedy(
    name="weaker-weight-decay",
    late=True,
    mends=("NW506",),
    assumes="the decay is written as a number in the call of the optimizer or as a constant of the file",
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """A hundredth of what is written."""
    assert finding.where.line is not None
    call = optimizer_call(source, finding.where.line)
    decay = number_of(source, call, "weight_decay")
    if not decay:
        raise Refused("the decay is not written as a number")
    return [set_setting(source, call, "weight_decay", f"{decay / 100:.3g}")]


@remedy.hook
def hook(finding: Finding) -> Intervention:
    """A hundredth of what the optimizer gets."""
    return argument(finding, "optimizer", "weight_decay", factor=0.01)
