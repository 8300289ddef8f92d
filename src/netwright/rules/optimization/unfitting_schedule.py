"""The learning-rate schedule does not fit the run.

## What it measures
The rates that a scheduler will set until the end of the run: a copy of it is stepped as often as the loops of the program say. Whether the rate falls to a thousandth of its peak while more than half of the
run is still to come; whether a cosine goes down and up again; whether a one-cycle schedule ends before the run does, or the run before its warm-up is over; whether a scheduler that was made is never stepped. In a run that is watched, the rates that were really used, however they were set.

## Why it matters
A schedule counts calls of its `step`. One that was planned in epochs and is stepped after every batch is over within the first epoch, and nothing is learned in the others; one that was planned in batches
and is stepped once an epoch hardly moves. A scheduler that is never stepped leaves the rate as it is, and a one-cycle schedule that is stepped too often ends the program.

## How to fix
Give the length of the schedule in the unit in which `scheduler.step()` is called: epochs when it stands after the loop over batches, epochs * len(loader) when it stands in it.

## Known false alarms
Loops that may end early, schedules that depend on the loss (`ReduceLROnPlateau`) and steps that stand under a condition are not judged by their length. A search for a rate, whose rate rises to the end, is not
reported, and neither are restarts that say so (`CosineAnnealingWarmRestarts`, `CyclicLR`). A scheduler stepped before the optimizer is the matter of NW410.

## Source
PyTorch documentation, `torch.optim.lr_scheduler`: what `step` counts is up to the program, `OneCycleLR` and `CyclicLR` are stepped after every batch; Tobin, "Troubleshooting deep neural networks", on schedules.
"""

from ...evidence import History, Schedule, Schedules
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold
from .._history import place, rates

rule = Rule(
    code="NW505",
    name="unfitting-schedule",
    severity=Severity.WARNING,
    kind=Kind.BUG,
    guides=("S5", "E9"),
    explains=("NW502", "NW601", "NW610"),
    remedies=("schedule-in-its-unit",),
    thresholds={
        "idle": Threshold(
            value=1e-3,
            unit="of the largest rate",
            source="where the rate has fallen a thousandfold, all steps of an epoch together move less than one at the peak",
        ),
        "share": Threshold(
            value=0.5, unit="of the run", source="common schedules come near 0 in the last few percent"
        ),
        "swings": Threshold(
            value=3.0,
            unit="half periods of the cosine",
            source="down, up and down again: more than one restart",
        ),
        "begun": Threshold(
            value=0.3,
            unit="of the schedule",
            source="the part of a one-cycle schedule in which the rate rises (pct_start)",
        ),
        "watched": Threshold(
            value=64, unit="steps", source="a schedule that is over after fewer is seen soon enough"
        ),
    },
)


@rule.check
def check(schedules: Schedules | None, history: History | None = None) -> list[Finding]:
    """The first of the faults of each scheduler; in a watched run, what the rate has really been."""
    if schedules is None and history is None:
        raise NotApplicable("no schedule was seen")
    found = [
        _never(s) or _ends(s) or _swings(s) or _idle(s) or _hardly_begins(s)
        for s in (schedules.schedules if schedules is not None else ())
        if not s.part
    ]
    if not any(found) and history is not None:
        found = [_over(history, name) for name in rates(history)]
    return [f for f in found if f is not None]


def _over(history: History, name: str) -> Finding | None:
    """The rate that was used has been next to nothing for most of the run so far."""
    series = history.series[f"rate/{name}"]
    first, last = series.steps[0], series.steps[-1]
    peak = max(series.values)
    at = series.values.index(peak)
    low = next((i for i in range(at, len(series)) if series.values[i] < rule["idle"] * peak), None)
    if low is None or peak <= 0 or max(series.values[low:]) >= rule["idle"] * peak:
        return None
    since = last - series.steps[low]
    if last - first < rule["watched"] or since <= rule["share"] * (last - first):
        return None
    return rule.found(
        f"the learning rate fell from {peak:.1e} below a thousandth of it after {series.steps[low] - first} steps and has stayed there for {since}: next to nothing is learned",
        where=place(history, f"rate/{name}"),
        expected="a rate that comes near 0 only at the end of the run",
        fix="give the schedule the length of the run, in the unit in which scheduler.step() is called: epochs * len(loader) where it is called after every batch",
        remedies=(),
        peak=peak,
        now=series.values[-1],
        after=series.steps[low] - first,
        since=since,
    )


def _never(schedule: Schedule) -> Finding | None:
    if not schedule.never:
        return None
    return rule.found(
        f"the {schedule.type} made here is never stepped: its name is used nowhere else, and the rate stays as it is",
        where=schedule.where,
        expected="scheduler.step() after every epoch, or after every batch where the schedule counts batches",
        fix="call scheduler.step() in the training loop, after optimizer.step(), or remove the scheduler",
        steps=schedule.steps,
    )


def _ends(schedule: Schedule) -> Finding | None:
    if schedule.ended is None or schedule.planned is None or schedule.ended >= schedule.planned:
        return None
    return rule.found(
        f"{schedule.type} is made for {schedule.ended} steps, and the loops step it {schedule.planned} times: it raises an error after {schedule.ended}",
        where=schedule.where,
        also=(schedule.stepped_at,) if schedule.stepped_at.known else (),
        severity=Severity.ERROR,
        expected="a schedule as long as the run, in the unit in which it is stepped",
        fix=f"make it for {schedule.planned} steps (epochs times batches where it is stepped after every batch)",
        planned=schedule.planned,
        ended=schedule.ended,
    )


def _length(schedule: Schedule) -> int | None:
    """Steps of the scheduler that are to come for certain: all of them, or at least those of an epoch."""
    return schedule.planned or (schedule.epoch if schedule.per_batch else None)


def _swings(schedule: Schedule) -> Finding | None:
    half, length = schedule.settings.get("T_max"), _length(schedule)
    if schedule.type != "CosineAnnealingLR" or not isinstance(half, int) or half <= 0 or length is None:
        return None
    if not schedule.per_batch or length < rule["swings"] * half:
        return None
    run = "run" if schedule.planned is not None else "epoch"
    in_epochs = ", the number of epochs," if half == schedule.epochs else ""
    return rule.found(
        f"the cosine is stepped after every batch with T_max={half}{in_epochs} and the {run} has {length} batches: the rate goes down to 0 and up again {length / (2 * half):.0f} times",
        where=schedule.where,
        also=(schedule.stepped_at,),
        expected="T_max in the unit in which the scheduler is stepped, as long as the run",
        fix=f"T_max={schedule.planned or 'epochs * len(loader)'}, or step the scheduler once an epoch",
        T_max=half,
        length=length,
    )


def _idle(schedule: Schedule) -> Finding | None:
    length = _length(schedule)
    if not schedule.rates or length is None or length < 8:
        return None
    rates = schedule.rates[: max(1, length // schedule.stride + 1)]
    peak = max(rates)
    low = rule["idle"] * peak
    # What follows the peak: a search for a rate begins with small ones.
    idle = sum(1 for r in rates[rates.index(peak) :] if r < low) / len(rates)
    if peak <= 0 or idle <= rule["share"]:
        return None
    when = next(i for i, r in enumerate(rates) if i >= rates.index(peak) and r < low) * schedule.stride
    unit = "batches" if schedule.per_batch else "epochs"
    run = "run" if schedule.planned is not None else "first epoch"
    return rule.found(
        f"{schedule.type} brings the rate from {peak:.1e} below a thousandth of it after {when} of {length} {unit}: for {idle:.0%} of the {run} next to nothing is learned",
        where=schedule.where,
        also=(schedule.stepped_at,) if schedule.stepped_at.known else (),
        expected="a rate that comes near 0 only at the end of the run",
        fix="step the scheduler once an epoch, or give its lengths in batches"
        if schedule.per_batch
        else "let the rate fall more slowly (a larger gamma, fewer milestones)",
        peak=peak,
        idle=idle,
        after=when,
        length=length,
    )


def _hardly_begins(schedule: Schedule) -> Finding | None:
    total = schedule.settings.get("total_steps")
    if (
        schedule.type != "OneCycleLR"
        or not isinstance(total, int)
        or schedule.planned is None
        or not schedule.rates
    ):
        return None
    if schedule.planned > rule["begun"] * total or max(schedule.rates) > schedule.rates[-1]:
        return None
    return rule.found(
        f"OneCycleLR is made for {total} steps and is stepped {schedule.planned} times: the run ends while the rate still rises, at {schedule.rates[-1]:.1e}",
        where=schedule.where,
        also=(schedule.stepped_at,) if schedule.stepped_at.known else (),
        expected="a schedule as long as the run, in the unit in which it is stepped",
        fix="call scheduler.step() after every batch",
        planned=schedule.planned,
        total=total,
    )
