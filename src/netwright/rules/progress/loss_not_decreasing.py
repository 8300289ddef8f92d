"""The loss does not fall.

## What it measures
The robust slope of the loss over all steps so far, with its interval: how far the loss can have fallen at most.

## Why it matters
A network that learns anything lowers its loss within the first hundreds of steps. Where the loss stands, the gradient does not reach the weights, the steps are too small or too large, or the inputs say
nothing about the targets.

## How to fix
Look at the other findings first: they name causes. Then try a rate ten times larger and ten times smaller, and overfit one batch (`netwright check --only overfit-batch`).
It has many causes and no remedy of its own: `netwright fix` tries those of the other findings, and the [standard remedies](../remedies.md#standard-remedies) where these do not help.

## Known false alarms
The rate is still being warmed up: such steps are not judged, nor are networks whose weights were loaded, and what the loss fell in the first steps counts. Losses that are not meant to fall are not looked at where they can be told: of a GAN, where several are trained in turns, over what the network has drawn itself (reinforcement learning), towards targets that a trained network makes.
Networks that stay at the level of chance for hundreds of steps and then learn at once exist (recurrent networks that copy, attention that finds its induction); the finding is withdrawn when the loss falls.

## Source
Sen, "Estimates of the regression coefficient based on Kendall's tau" (1968), for the slope; Tobin, "Troubleshooting deep neural networks", on errors that plateau.
"""

from ...evidence import Events, History, Parameters, Task
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold
from .._history import flat_loss, place

rule = Rule(
    code="NW601",
    name="loss-not-decreasing",
    severity=Severity.WARNING,
    kind=Kind.FIT,
    guides=("T7", "E9", "S3"),
    thresholds={
        "fall": Threshold(
            value=0.1,
            unit="of the loss",
            source="of the healthy recipes of FaultBench none is below 0.3 at any time after 100 steps",
        ),
        "steps": Threshold(value=100, unit="losses", source="fewer leave the interval of the slope too wide"),
    },
)


@rule.check
def check(
    history: History, task: Task | None, events: Events | None, parameters: Parameters | None
) -> Finding | None:
    """Ask how far the loss can have fallen at most."""
    if parameters is not None and not parameters.fresh:
        raise NotApplicable("weights were loaded, and the loss may be as low as it gets")
    flat = flat_loss(history, task, events, rule["fall"], rule["steps"])
    if flat is None:
        return None
    name, level, found = flat
    steps = history.series[name].steps[-1] - history.series[name].steps[0]
    rises = ", and it rises" if found.rises else ""
    return rule.found(
        f"in {steps} steps the loss ({level:.3g}) has fallen by {max(found.most, 0) / level:.1%} at most (99 % interval of its slope){rises}",
        where=place(history, name),
        expected="a loss that falls by more than a few percent in the first hundred steps",
        fix="look for the cause in the other findings; otherwise try a learning rate ten times larger, then ten times smaller",
        steps=steps,
        level=level,
        fall=found.change / level,
        fall_at_most=found.most / level,
    )
