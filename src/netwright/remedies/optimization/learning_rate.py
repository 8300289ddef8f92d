"""Set the learning rate to the one that the range test recommends."""

from collections.abc import Sequence

import libcst as cst

from ...rerun import Intervention
from ...rule import Finding
from .._hooks import argument
from .._settings import by_number, number_of, set_setting
from .._training import optimizer_call
from ..remedy import Remedy
from ..source import Change, Refused, Source, last_name
from ._groups import group_rates, groups_of

remedy = Remedy(
    name="learning-rate-of-range-test",
    late=True,
    mends=("NW501", "NW502"),
    assumes="the range test was done, and the rate is an argument of the optimizer or a constant of the file; that of a parameter group is written in a list of groups, the peak of a cyclic schedule as a number where the schedule is made",
)
_PEAKS = {"OneCycleLR": 1, "CyclicLR": 2}  # schedules that set the rate whatever the optimizer got


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """The rate in use becomes the recommended one. Under a schedule the largest rate does, and those of a group alone where the others train."""
    assert finding.where.line is not None
    call = optimizer_call(source, finding.where.line)
    alone = _alone(finding)
    if alone:
        return group_rates(source, call, alone)
    rate = _rate(finding)
    schedule = finding.measured.get("schedule")
    if schedule in _PEAKS:
        return [_peak(source, str(schedule), _factor(finding))]
    own = [g for g in groups_of(call) if g.rate is not None]
    if own:
        factor = _factor(finding)
        default = number_of(source, call, "lr", position=1)
        changes = group_rates(source, call, {g.index: g.number(source) * factor for g in own})
        if default is not None and len(own) < len(groups_of(call)):
            changes.append(set_setting(source, call, "lr", f"{default * factor:.2g}", position=1))
        return changes
    written = number_of(source, call, "lr", position=1)
    if schedule is not None and written is not None:
        rate = written * _factor(finding)
    return [set_setting(source, call, "lr", f"{rate:.2g}", position=1)]


@remedy.hook
def hook(finding: Finding) -> Intervention:
    """The rate, as the optimizer gets it."""
    if _alone(finding) or finding.measured.get("groups"):
        raise Refused("parameter groups have rates of their own")
    if finding.measured.get("schedule") in _PEAKS:
        raise Refused("the schedule sets the rate, and its line is not known")
    return argument(finding, "optimizer", "lr", value=float(f"{_rate(finding):.2g}"))


def _peak(source: Source, schedule: str, factor: float) -> Change:
    """The largest rate of the one schedule of a file, times a factor."""
    made = [c for c in source.every(cst.Call) if last_name(c.func) == schedule]
    if len(made) != 1:
        raise Refused(f"not exactly one {schedule} is made in this file")
    peak = number_of(source, made[0], "max_lr", position=_PEAKS[schedule])
    if peak is None:
        raise Refused("the peak of the schedule is not written as a number")
    return set_setting(source, made[0], "max_lr", f"{peak * factor:.2g}", position=_PEAKS[schedule])


def _alone(finding: Finding) -> dict[int, float]:
    """Rates of single groups, where the others train."""
    return by_number(finding.measured.get("rates"))


def _rate(finding: Finding) -> float:
    for name in ("recommended", "best"):
        found = finding.measured.get(name)
        if isinstance(found, float | int):
            return float(found)
    raise Refused("no better rate was measured")


def _factor(finding: Finding) -> float:
    """By how much the largest rate of the run is to change."""
    used = [v for k in ("in_use", "peak") if isinstance(v := finding.measured.get(k), int | float) and v > 0]
    if not used:
        raise Refused("the rate in use is not known")
    return _rate(finding) / max(used)
