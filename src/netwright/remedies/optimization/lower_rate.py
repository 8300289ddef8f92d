"""Divide the learning rate by ten, wherever the optimizer is made; of several optimizers that of each."""

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
    assumes="the optimizers are torch's, and the rate of each is written as a number in the call, as a calculation there, or as a constant of the file",
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
    measured = finding.measured
    grown = (
        measured.get("phase") == "update"
        or measured.get("op") in _OVERFLOWS
        or measured.get("overflows") is True
    )
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
    """The rate of every optimizer that a file makes, times a factor: which of several is to blame is not known, and the hooks change each as well.

    Raises:
        Refused: there is none, or a rate is not written as a number.
    """
    made = [c for c in source.every(cst.Call) if last_name(c.func) in OPTIMIZERS]
    if not made:
        raise Refused("no optimizer of torch's is made in this file")
    return [_times(source, call, factor) for call in made]


def _times(source: Source, call: cst.Call, factor: float) -> Change:
    given = source.argument(call, "lr", 1)
    rate = number_of(source, call, "lr", position=1)
    if rate is None and given is not None and isinstance(given.value, cst.BinaryOperation):
        return source.replace(given.value, f"{factor:.3g} * ({source.code(given.value)})")
    if rate is None:
        raise Refused("the rate is not written as a number")
    return set_setting(source, call, "lr", f"{rate * factor:.3g}", position=1)
