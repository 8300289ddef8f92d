"""The network gives the same answer for every sample.

## What it measures
How far the outputs of the network spread over a batch, over the steps: whether the spread has gone to next to nothing of what it was, and stays there.

## Why it matters
A network that gives one class or one value has learned the mean of the targets and nothing of the inputs. The loss looks calm; the accuracy is that of the largest class.

## How to fix
Lower the learning rate and the weight decay, look at dead units and at the share of each class, and see whether the inputs reach the last layer (`netwright check`).

## Known false alarms
Outputs that are meant to become equal: a penalty that is driven to 0, a network that learns to predict a constant.

## Source
Holden, "My neural network isn't working! What should I do?"; Tobin, "Troubleshooting deep neural networks": look at the predictions, not at the loss alone.
"""

from ...evidence import History, Task
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold
from .._history import beginning, last, last_module, place, usual

rule = Rule(
    code="NW611",
    name="predictions-collapsed",
    severity=Severity.WARNING,
    kind=Kind.FIT,
    guides=("H2", "H8", "T7"),
    remedies=("lower-learning-rate",),
    thresholds={
        "spread": Threshold(
            value=0.01,
            unit="of the spread at the start",
            source="healthy recipes of FaultBench keep more than half",
        ),
        "samples": Threshold(value=16, unit="last samples", source="one odd batch decides nothing"),
    },
)


@rule.check
def check(history: History, task: Task | None) -> Finding | None:
    """Follow the spread of what the last module gives."""
    samples = int(rule["samples"])
    name = last_module(history)
    if name is None or len(series := history.series[f"module/{name}/std"]) < 2 * samples:
        raise NotApplicable("the outputs of the network were not looked at often enough")
    if task is not None and len(task.objectives) > 1:
        raise NotApplicable("several losses are trained, on outputs of several networks")
    first, now = beginning(series), usual(last(series, samples))
    if not first > 0 or not now < rule["spread"] * first:
        return None
    return rule.found(
        f"the outputs of the network spread by {now:.2g} over a batch, {now / first:.1e} of what they did at the start ({first:.2g}): it gives the same for every sample",
        where=place(history, f"module/{name}").on(module=name),
        expected="outputs that differ from sample to sample",
        fix="lower the learning rate and the weight decay; look at dead units and the balance of classes",
        spread=now,
        first=first,
    )
