"""The run ended while the loss was still falling.

## What it measures
When the program is over: how far the loss fell at least in the second half of the steps, by the interval of its robust slope, and what is left of the learning rate; whether the loss fell about as far in that half as in the
first, and whether the rate was still being raised.

## Why it matters
A network that is stopped while it still learns is worse than it could be, and what is concluded from it (too small, too little data) is wrong.

## How to fix
Train longer: three times the epochs, with a schedule as long as the run.

## Known false alarms
A schedule that has come to its end is a run that was planned so. A loss may fall while validation gets worse: look at both. This is worth knowing, not a fault by itself, but where the run ended within its warm-up. A range test, which raises the rate until the end on purpose, multiplies it.

## Source
Google, "Deep learning tuning playbook", on how long to train: extend the run when the best point of training lies at its end; Goodfellow, Bengio and Courville, "Deep Learning" (2016), section 7.8.
"""

import math
import statistics
from dataclasses import replace

from ...evidence import History, Series, Task
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold
from .._history import (
    LEVELS,
    beginning,
    current_loss,
    levels,
    place,
    rate_share,
    rates,
    since,
    usual,
    warming_up,
)
from .._trends import logarithms, slope

rule = Rule(
    code="NW615",
    name="stopped-while-improving",
    severity=Severity.INFO,
    kind=Kind.HYPERPARAMETER,
    guides=("T7", "E12"),
    thresholds={
        "fall": Threshold(
            value=0.1, unit="of the loss now", source="as much again would change the result for certain"
        ),
        "notable": Threshold(
            value=0.05,
            unit="of the loss at the start",
            source="what comes after a loss is nearly 0 is no progress that anyone waits for",
        ),
        "rate": Threshold(
            value=0.1, unit="of the largest rate", source="below it the schedule has come to its end"
        ),
        "certain": Threshold(
            value=0.05,
            unit="of the loss now",
            source="a fall in the second half that the interval does not put in doubt",
        ),
        "pace": Threshold(
            value=0.5,
            unit="of the fall in the first half",
            source="learning slows down: in the healthy recipes of FaultBench it is 0.2 at most",
        ),
        "anew": Threshold(
            value=1.25,
            unit="times the lowest level before",
            source="a loss that learns scatters less from one twelfth of the run to the next",
        ),
        "late": Threshold(
            value=0.9, unit="of the run", source="a rate that has stood for the last tenth is raised no more"
        ),
        "even": Threshold(
            value=0.3,
            unit="of the last rate, at half of the steps",
            source="a straight warm-up is at half of it or more; a range test over three powers of ten at 0.03",
        ),
        "steps": Threshold(value=24, unit="losses", source="fewer leave the interval of the slope too wide"),
    },
)


@rule.check
def check(history: History, task: Task | None) -> Finding | None:
    """Ask how far the loss fell at least in the second half."""
    if not history.ended:
        raise NotApplicable("the program is not over")
    name, series = current_loss(history, task)
    if len(series) < rule["steps"]:
        raise NotApplicable("the loss was not seen for long enough")
    late = since(series, (series.steps[-1] + series.steps[0]) / 2)
    level, first = usual(late), beginning(series)
    if level < (1 - rule["certain"]) * first and (rising := _in_warm_up(history)) is not None:
        return rising
    # The fall of a loss slows down; on a logarithmic scale it is nearer to a line.
    found = slope(late.steps, logarithms(late.values))
    if found is None or not level > 0 or rate_share(history) < rule["rate"]:
        return None
    least = 1 - math.exp(-max(found.least, 0.0))
    steps = late.steps[-1] - late.steps[0]
    if least >= rule["certain"] and (pace := _pace(series)) >= rule["pace"]:
        return _found(
            f"the loss fell {pace:.1f} times as far in the last {steps} steps as in those before, to {late.values[-1]:.3g}, and by {least:.0%} or more: learning had not yet slowed down when the run ended",
            history,
            name,
            steps=steps,
            fall_at_least=least,
            pace=pace,
        )
    if least < rule["fall"] or least * level < rule["notable"] * first:
        return None
    return _found(
        f"the loss still fell by {least:.0%} or more in the last {steps} steps, to {late.values[-1]:.3g}, when the run ended",
        history,
        name,
        steps=steps,
        fall_at_least=least,
    )


def _found(message: str, history: History, name: str, **numbers: object) -> Finding:
    finding = rule.found(
        message,
        where=place(history, name),
        expected="a run that goes on until the loss, or validation, stands",
        fix="train about three times as long",
    )
    return replace(finding, measured={**finding.measured, **numbers})


def _pace(series: Series) -> float:
    """How far the loss fell in the second half of the run, as a share of how far it fell in the first; 0 where it rose in one of them, or began anew in between."""
    found = levels(series)
    if not found or any(b > rule["anew"] * min(found[:i]) for i, b in enumerate(found) if i):
        return 0.0
    middle = statistics.median(found[LEVELS // 2 - 1 : LEVELS // 2 + 1])
    before, after = found[0] - middle, middle - found[-1]
    return after / before if before > 0 and after > 0 else 0.0


def _in_warm_up(history: History) -> Finding | None:
    """The run ended while its rate was still being raised, evenly as in a warm-up: a range test multiplies it."""
    for name, series in rates(history).items():
        first, half, now = series.values[0], series.values[len(series) // 2], series.values[-1]
        late = series.values[round(rule["late"] * (len(series) - 1))]
        steps = series.steps[-1] - series.steps[0]
        rising = warming_up(history) and late < now
        if not rising or steps < rule["steps"] or not half >= rule["even"] * now:
            continue
        return rule.found(
            f"the learning rate rose from {first:.1e} to {now:.1e} and was still being raised when the run ended, after {history.steps} steps: it ended within its warm-up",
            where=place(history, f"rate/{name}"),
            severity=Severity.WARNING,
            expected="a run that goes on at the largest rate, and lowers it towards its end",
            fix="train longer, or give the schedule the length of the run",
            steps=history.steps,
            rate=now,
        )
    return None
