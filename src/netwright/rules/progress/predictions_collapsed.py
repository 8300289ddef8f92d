"""The network gives the same answer for every sample.

## What it measures
How far the outputs of the network spread over a batch, over the steps: whether the spread has gone to next to nothing of what it was, and stays there. Of a network that tells classes apart: whether all of its predictions in the
last sampled batches are one class while the targets are several, and either they were not before or the loss does not fall.

## Why it matters
A network that gives one class or one value has learned the mean of the targets and nothing of the inputs. The loss looks calm; the accuracy is that of the largest class.

## How to fix
Lower the learning rate and the weight decay, look at dead units and at the share of each class, and see whether the inputs reach the last layer (`netwright check`).

## Known false alarms
Outputs that are meant to become equal: a penalty that is driven to 0, a network that learns to predict a constant. Where four of five targets are one class, predictions of that class alone are not reported, nor are those of a
network whose loss still falls and that has never told the classes apart.

## Source
Holden, "My neural network isn't working! What should I do?"; Tobin, "Troubleshooting deep neural networks": look at the predictions, not at the loss alone.
"""

import statistics

from ...evidence import Events, History, Task
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold
from .._history import beginning, flat_loss, last, last_module, optimizer_place, place, usual
from .._trends import median_interval

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
        "one-class": Threshold(
            value=0.99,
            unit="of the predictions",
            source="one prediction in a hundred may be another by chance",
        ),
        "several": Threshold(
            value=0.9,
            unit="of the predictions",
            source="before: a network that tells classes apart gives others in more than one of ten",
        ),
        "majority": Threshold(
            value=0.8,
            unit="of the targets",
            source="where NW107 speaks of imbalance, one class is a good answer",
        ),
        "steps": Threshold(value=100, unit="steps", source="as for a loss that does not fall (NW601)"),
        "fall": Threshold(value=0.1, unit="of the loss", source="as for a loss that does not fall (NW601)"),
    },
)


@rule.check
def check(history: History, task: Task | None, events: Events | None = None) -> Finding | None:
    """Follow the spread of what the last module gives, and the classes that are predicted."""
    if task is not None and len(task.objectives) > 1:
        raise NotApplicable("several losses are trained, on outputs of several networks")
    samples = int(rule["samples"])
    name = last_module(history)
    spreads = name is not None and len(history.series[f"module/{name}/std"]) >= 2 * samples
    classes = len(history.series.get("answers/train/predicted", ())) >= samples
    if not spreads and not classes:
        raise NotApplicable("the outputs of the network were not looked at often enough")
    found = _equal(history, name, samples) if spreads and name is not None else None
    return found or (_one_class(history, task, events, samples) if classes else None)


def _equal(history: History, name: str, samples: int) -> Finding | None:
    series = history.series[f"module/{name}/std"]
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


def _one_class(history: History, task: Task | None, events: Events | None, samples: int) -> Finding | None:
    predicted = history.series["answers/train/predicted"]
    recent = last(predicted, samples)
    targets = usual(last(history.series["answers/train/targets"], samples))
    share = median_interval(recent.values)[0]
    if share < rule["one-class"] or targets > rule["majority"]:
        return None
    before = predicted.values[:-samples]
    stretches = [before[i : i + samples] for i in range(0, len(before) - samples + 1, samples // 4)]
    told_apart = any(statistics.median(s) < rule["several"] for s in stretches)
    if not told_apart:
        if recent.steps[-1] - recent.steps[0] < rule["steps"]:
            return None
        if flat_loss(history, task, events, rule["fall"], rule["steps"]) is None:
            return None
    name = last_module(history)
    where = place(history, f"module/{name}").on(module=name) if name is not None else optimizer_place(history)
    since = "it told them apart before" if told_apart else "the loss does not fall"
    return rule.found(
        f"in the last {samples} samples {share:.0%} of the predictions of a batch are one class, while no class has more than {targets:.0%} of the targets, and {since}",
        where=where or place(history, "loss"),
        expected="predictions of every class that the targets have",
        fix="lower the learning rate and the weight decay; look at dead units and the balance of classes",
        predicted=share,
        targets=targets,
        samples=samples,
    )
