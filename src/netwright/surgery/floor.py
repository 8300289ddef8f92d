"""A program in which nothing is found, held against what simple models make of its data: where it is clearly worse, something is wrong with it all the same."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import replace

from ..remedies import Patch, Refused, all_remedies
from ..report.model import SICK, Report
from ..rerun import Command, Trace
from ..rerun.pool import rerun
from ..rule import Finding
from ..rules.data.augmentation_destroys_label import rule as destroys
from ..rules.data.regression_target_not_normalized import rule as not_normalized
from ..rules.generalization.worse_than_a_simple_model import below, comparable, rule
from ..trial import Cure
from .trials import whole

_METRICS = ("accuracy", "squared error", "absolute error")


def reached(command: Command, *, seconds: float) -> Trace | None:
    """The whole program once more, as it is: the same re-run that a search begins with. ``None`` where it did not come to its end in time."""
    (trace,) = rerun(command, [whole(command)], at_once=1, seconds=seconds)
    return trace if trace.whole else None


def held_against(report: Report, trace: Trace | None) -> Report:
    """The report, with a finding where what the program's own evaluation computes is clearly worse than what simple models reach."""
    finding = None if trace is None else _finding(report, trace)
    return report if finding is None else replace(report, verdict=SICK, findings=(finding, *report.findings))


def _finding(report: Report, trace: Trace) -> Finding | None:
    found = trace.held_out(earliest=True)  # simple models know the data of the first training
    for name in _METRICS:
        metric = found.get(name)
        if metric is not None and report.floor is not None:
            if not comparable(report.floor, name, metric.value, trace.last_loss()):
                return None
            return below(report.floor, name, metric.value, metric.samples)
    return None


def unblurred(report: Report) -> Patch | None:
    """The program without what makes its batches say less of their classes than they did: not enough to be a finding by itself, and worth a trial where something is wrong."""
    if report.floor is None or not report.floor.blurred.known:
        return None
    finding = destroys.found("", where=report.floor.blurred, expected="", fix="", left=None)
    return _patch("remove-augmentation", finding, ())


def unscaled(report: Report) -> Patch | None:
    """The network answering in the unit of its targets, where these are not of mean 0 and deviation 1: too near to be a finding by itself, and worth a trial where something is wrong."""
    floor = report.floor
    if floor is None or not floor.variance or floor.mean is None:
        return None
    deviation = math.sqrt(floor.variance)
    if abs(floor.mean) <= 1 and deviation <= 2:
        return None
    finding = not_normalized.found(
        "", where=floor.where, expected="", fix="", target_mean=floor.mean, target_std=deviation
    )
    return _patch("scale-outputs", finding, (rule.code,))


def _patch(name: str, finding: Finding, codes: tuple[str, ...]) -> Patch | None:
    """What one remedy makes of a finding, in the name of these rules; ``None`` where it does not hold."""
    (remedy,) = (r for r in all_remedies() if r.name == name)
    try:
        return replace(remedy.apply(finding), codes=codes)
    except Refused:
        return None


def alone(serious: Sequence[Finding]) -> bool:
    """Whether that is all that is found."""
    return bool(serious) and all(f.code == rule.code for f in serious)


def short(report: Report, cure: Cure) -> bool:
    """Whether the mended program is still clearly worse than simple models: then a setting is a little better than another, and what is wrong is not mended."""
    after = [v for v in cure.after if v is not None]
    if report.floor is None or cure.yardstick is None or cure.yardstick.as_printed or not after:
        return False
    name, value = cure.yardstick.name, statistics.median(after)
    metric = cure.control.trace.held_out().get(name)
    if metric != cure.control.trace.held_out(earliest=True).get(name):
        return False  # of a later training, whose data simple models do not know
    return metric is not None and below(report.floor, name, value, metric.samples) is not None
