"""Divide the learning rate of the one optimizer by ten, wherever it is made."""

from collections.abc import Sequence

import libcst as cst

from ...rerun import Intervention
from ...rule import Finding
from .._settings import number_of, set_setting
from .._training import OPTIMIZERS
from ..remedy import Remedy
from ..source import Change, Refused, Source, last_name

remedy = Remedy(
    name="lower-learning-rate",
    late=True,
    mends=("NW414", "NW501", "NW603", "NW604", "NW606", "NW611"),
    assumes="one optimizer of torch's is made in the file, and its rate is written as a number in the call or as a constant of the file",
)
_OVERFLOWS = frozenset("linear matmul mm bmm addmm conv1d conv2d conv3d einsum exp".split())


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """A tenth of what is written. Of the first value that is not finite only where weights have grown out of range; of a rate that is too high where no better one was measured."""
    _holds(finding)
    return scaled(source, 0.1)


@remedy.hook
def hook(finding: Finding) -> Intervention:
    """A tenth of what every optimizer gets."""
    _holds(finding)
    return times(0.1)


def _holds(finding: Finding) -> None:
    grown = finding.measured.get("phase") == "update" or finding.measured.get("op") in _OVERFLOWS
    if finding.code == "NW414" and not grown:
        raise Refused("the values do not grow out of range: the call is given what it is not defined for")
    if finding.code == "NW501" and "grown" not in finding.measured:
        raise Refused("the range test recommends a rate")


def times(factor: float) -> Intervention:
    """The rate that optimizers are made with, times a factor."""
    return Intervention(
        name="argument", settings={"call": "optimizer", "argument": "lr", "factor": float(factor)}
    )


def scaled(source: Source, factor: float) -> Sequence[Change]:
    """The rate of the one optimizer that a file makes, times a factor.

    Raises:
        Refused: there is not exactly one, or its rate is not written as a number.
    """
    made = [c for c in source.every(cst.Call) if last_name(c.func) in OPTIMIZERS]
    if len(made) != 1:
        raise Refused("not exactly one optimizer of torch's is made in this file")
    rate = number_of(source, made[0], "lr", position=1)
    if rate is None:
        raise Refused("the rate is not written as a number")
    return [set_setting(source, made[0], "lr", f"{rate * factor:.3g}", position=1)]
