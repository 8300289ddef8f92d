"""Step the schedule in the unit that it is made for: after every epoch, or for as many steps as there are."""

from collections.abc import Sequence

import libcst as cst

from ...rerun import Intervention
from ...rule import Finding
from .._hooks import argument
from .._training import calls_of, is_schedule, receiver
from ..remedy import Remedy
from ..source import Change, Refused, Source, last_name

remedy = Remedy(
    name="schedule-in-its-unit",
    beyond_step="a schedule shows what it is worth over a whole training",
    late=True,
    mends=("NW505",),
    assumes="scheduler.step() is a statement of the loop over batches, which stands in the loop over epochs; or the length is an argument of the scheduler",
)
_LENGTHS = {"OneCycleLR": ("total_steps", 2), "CosineAnnealingLR": ("T_max", 1)}


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """Move the step behind the loop over batches; a one-cycle schedule gets the length of the run."""
    planned = finding.measured.get("planned")
    if isinstance(planned, int):
        return _length(source, finding, planned)
    if not {"T_max", "after"} & set(finding.measured):
        raise Refused("the scheduler is never stepped, and in which unit it is meant is not known")
    return _once_an_epoch(source, finding)


def _length(source: Source, finding: Finding, planned: int) -> Sequence[Change]:
    assert finding.where.line is not None
    for call in source.at(cst.Call, finding.where.line):
        known = _LENGTHS.get(last_name(call.func))
        if known is not None and source.argument(call, *known) is not None:
            return [source.set_argument(call, known[0], str(planned), known[1])]
    raise Refused("the length of the schedule is not an argument of its own")


def _once_an_epoch(source: Source, finding: Finding) -> Sequence[Change]:
    lines = [w.line for w in finding.also if w.line is not None]
    for call in calls_of(source, "step"):
        name = receiver(call)
        if source.line_of(call) not in lines or not is_schedule(source, name):
            continue
        statement = source.statement_of(call)
        inner = source.above(call, cst.BaseCompoundStatement)
        if not isinstance(source.parent(call), cst.Expr) or not isinstance(inner, cst.For):
            raise Refused("scheduler.step() is no statement of the loop over batches")
        outer = source.above(inner, cst.BaseCompoundStatement)
        if not isinstance(outer, cst.For | cst.While):
            raise Refused("the loop over batches does not stand in a loop over epochs")
        if not any(c is not call for c in calls_of(source, "step", inside=inner)):
            raise Refused("the optimizer is not stepped in the same loop")
        return [source.delete(statement), source.after(inner, source.line_code(statement))]
    raise Refused("where the scheduler is stepped is not seen")


@remedy.hook
def hook(finding: Finding) -> Intervention:
    """The length alone: when an epoch ends is the program's own business."""
    planned = finding.measured.get("planned")
    if not isinstance(planned, int):
        raise Refused("when an epoch ends is not seen in a re-run")
    schedulers = " ".join(f"optim.lr_scheduler.{name}" for name in _LENGTHS)
    return argument(finding, schedulers, " ".join(name for name, _ in _LENGTHS.values()), value=planned)
