"""The loss has come to a standstill.

## What it measures
Where the loss changes its level last, and whether the whole interval of its slope since then is next to nothing, beside what the loss has fallen before.

## Why it matters
Steps after that cost time and bring nothing in training: either the network is trained as far as it goes at this rate, or it is stuck.

## How to fix
Lower the learning rate (by a schedule, such as `ReduceLROnPlateau`), stop there, or give the network more room if the loss is higher than it should be.

## Known false alarms
A loss that has come as low as it can is meant to stand. This is worth knowing, not a fault.

## Source
Pettitt, "A non-parametric approach to the change-point problem" (1979); Goodfellow, Bengio and Courville, "Deep Learning" (2016), section 7.8, on stopping early; Emam, "Troubleshooting convolutional neural networks".
"""

from ...evidence import History, Task
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold
from .._history import beginning, current_loss, levels, place, rate_share, since, usual
from .._trends import change_point, stands_still

rule = Rule(
    code="NW605",
    name="loss-plateau",
    severity=Severity.INFO,
    kind=Kind.HYPERPARAMETER,
    guides=("T7", "E12", "S5"),
    thresholds={
        "still": Threshold(
            value=0.02,
            unit="of what the loss has fallen",
            source="next to nothing beside what was won before",
        ),
        "share": Threshold(value=0.5, unit="of the run", source="half of the steps or more bring nothing"),
        "steps": Threshold(value=200, unit="losses", source="fewer leave the interval of the slope too wide"),
        "rate": Threshold(
            value=0.1,
            unit="of the largest rate",
            source="a schedule that has come to its end stands on purpose",
        ),
    },
)


@rule.check
def check(history: History, task: Task | None) -> Finding | None:
    """Ask whether the second half stands still after a fall in the first."""
    name, series = current_loss(history, task)
    if len(series) < rule["steps"]:
        raise NotApplicable("the loss was not seen for long enough")
    span = series.steps[-1] - series.steps[0]
    late = since(series, series.steps[0] + rule["share"] * span)
    if not levels(series) or rate_share(history) < rule["rate"]:
        return None
    first = beginning(series)
    fallen = first - usual(late)
    if fallen <= 0 or not stands_still(late.steps, late.values, rule["still"] * fallen):
        return None
    change = change_point(series.steps, series.values)
    step = round(change.step) if change is not None else late.steps[0]
    return rule.found(
        f"the loss fell from {first:.3g} to {usual(late):.3g} and has stood there for the last {series.steps[-1] - late.steps[0]} steps",
        where=place(history, name),
        expected="a loss that still falls, or a run that ends",
        fix="lower the learning rate, or stop here; a larger network if the loss is too high",
        level=usual(late),
        fallen=fallen,
        since=step,
    )
