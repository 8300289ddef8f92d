"""The optimizer makes steps and the weights stay as they are.

## What it measures
How far each parameter moves in a step, as a share of its size, over the last samples, while the learning rate is not at the end of its schedule.

## Why it matters
A step that is smaller than what a float can hold beside the weight is lost altogether; one a hundred thousand times smaller than the weight takes a hundred thousand steps to matter. About a thousandth of the weight in a step is usual.

## How to fix
Raise the learning rate; look for a schedule that has come to 0, a clipping limit far below the gradients, an optimizer that holds other parameters.

## Known false alarms
A schedule that has gone down to a tenth of its largest rate makes small steps on purpose: it is not judged. Nor is a network whose loss falls.

## Source
Karpathy, "CS231n: Convolutional neural networks for visual recognition", on the ratio of updates to weights: about 1e-3; Shao, "Checklist for debugging neural networks".
"""

from ...evidence import Events, History, Task
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold
from .._history import flat_loss, moved, optimizer_place, place, rate_share

rule = Rule(
    code="NW610",
    name="weights-do-not-change",
    severity=Severity.WARNING,
    kind=Kind.HYPERPARAMETER,
    guides=("S4", "E10", "H6"),
    explains=("NW601",),
    remedies=("higher-learning-rate",),
    thresholds={
        "ratio": Threshold(
            value=1e-5, unit="of the weight in a step", source="a hundredth of the usual 1e-3"
        ),
        "fall": Threshold(value=0.1, unit="of the loss", source="as for a loss that does not fall (NW601)"),
        "samples": Threshold(value=16, unit="last samples", source="single small steps are usual"),
        "rate": Threshold(
            value=0.1, unit="of the largest rate", source="below it the schedule makes small steps on purpose"
        ),
    },
)


@rule.check
def check(history: History, task: Task | None, events: Events | None) -> Finding | None:
    """Look at the parameter that moves most."""
    samples = int(rule["samples"])
    ratios = moved(history, samples)
    if not ratios:
        raise NotApplicable("too few updates were looked at")
    if rate_share(history) < rule["rate"]:
        raise NotApplicable("the schedule makes small steps at this point of the run")
    fastest = max(ratios, key=lambda name: ratios[name])
    ratio = ratios[fastest]
    if ratio >= rule["ratio"]:
        return None
    flat = flat_loss(history, task, events, rule["fall"], rule["samples"])
    if flat is None:
        return None
    none = (
        "none of the weights changes at all"
        if ratio == 0
        else f"the weights move by {ratio:.1e} of their size at most in a step (`{fastest}`)"
    )
    return rule.found(
        f"{none}, in the last {samples} steps looked at; about 1e-3 is usual",
        where=optimizer_place(history) or place(history, flat[0]),
        expected="steps of about a thousandth of the weights",
        fix="raise the learning rate, by tens; see whether the optimizer holds the network's own parameters",
        ratio=ratio,
        parameters=len(ratios),
    )
