"""Set the learning rate to the one that lowered the loss most in the range test."""

from collections.abc import Sequence

from ...rerun import Intervention
from ...rule import Finding
from .._hooks import argument
from .._settings import set_setting
from .._training import optimizer_call
from ..remedy import Remedy
from ..source import Change, Refused, Source

remedy = Remedy(
    name="learning-rate-of-range-test",
    late=True,
    mends=("NW501", "NW502"),
    assumes="the range test was done, and the rate is an argument of the optimizer or a constant of the file",
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """The rate in use becomes the best one, rounded to one digit."""
    best = _best(finding)
    assert finding.where.line is not None
    call = optimizer_call(source, finding.where.line)
    return [set_setting(source, call, "lr", best, position=1)]


@remedy.hook
def hook(finding: Finding) -> Intervention:
    """The rate, as the optimizer gets it."""
    return argument(finding, "optimizer", "lr", value=float(_best(finding)))


def _best(finding: Finding) -> str:
    best = finding.measured.get("best")
    if not isinstance(best, float | int):
        raise Refused("no better rate was measured")
    return f"{best:.1g}"
