"""Divide the learning rate by ten."""

from collections.abc import Sequence

from ...rerun import Intervention
from ...rule import Finding
from .._hooks import argument
from .._settings import number_of, set_setting
from .._training import optimizer_call
from ..remedy import Remedy
from ..source import Change, Refused, Source

remedy = Remedy(
    name="smaller-learning-rate",
    late=True,
    mends=("NW602",),
    assumes="the rate is written as a number in the call of the optimizer or as a constant of the file",
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """A tenth of what is written."""
    assert finding.where.line is not None
    call = optimizer_call(source, finding.where.line)
    rate = number_of(source, call, "lr", position=1)
    if rate is None:
        raise Refused("the rate is not written as a number")
    return [set_setting(source, call, "lr", f"{rate / 10:.3g}", position=1)]


@remedy.hook
def hook(finding: Finding) -> Intervention:
    """A tenth of what the optimizer gets."""
    return argument(finding, "optimizer", "lr", factor=0.1)
