"""Set the learning rate to the one that lowered the loss most in the range test."""

from collections.abc import Sequence

from ...rule import Finding
from .._settings import set_setting
from .._training import optimizer_call
from ..remedy import Remedy
from ..source import Change, Refused, Source

remedy = Remedy(
    name="learning-rate-of-range-test",
    mends=("NW501", "NW502"),
    assumes="the range test was done, and the rate is an argument of the optimizer or a constant of the file",
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """The rate in use becomes the best one, rounded to one digit."""
    best = finding.measured.get("best")
    if not isinstance(best, float | int):
        raise Refused("no better rate was measured")
    assert finding.where.line is not None
    call = optimizer_call(source, finding.where.line)
    return [set_setting(source, call, "lr", f"{best:.1g}", position=1)]
