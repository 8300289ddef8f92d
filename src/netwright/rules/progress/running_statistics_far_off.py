"""The running statistics of a batch norm are far from those of the batches.

## What it measures
How far the running mean of a batch norm lies from the mean of the batches it normalizes in training, in running standard deviations, over the last samples.

## Why it matters
In training the layer normalizes by the batch, in evaluation by the running statistics. Where they differ the network gives other outputs in evaluation than it was trained for: validation is bad or jumps, although the training
loss is good.

## How to fix
Use larger batches; raise the momentum (0.1 by default) where the run is short, lower the learning rate where activations move faster than the statistics follow; do not send inputs of two kinds through one layer in one mode.

## Known false alarms
In the first tens of steps the running statistics still come from their initial values: the last samples alone are judged, and only when they have had time to follow.

## Source
Ioffe and Szegedy, "Batch normalization" (2015), section 3.1; Ioffe, "Batch renormalization" (2017), on what goes wrong when the two differ; Wu and Johnson, "Rethinking Batch in BatchNorm" (2021).
"""

import math

from ...evidence import History, Series
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold
from .._history import last, place, quantities, usual

rule = Rule(
    code="NW609",
    name="running-statistics-far-off",
    severity=Severity.INFO,
    kind=Kind.HYPERPARAMETER,
    guides=("S5", "T4"),
    thresholds={
        "distance": Threshold(
            value=1.0,
            unit="standard deviations of the activations",
            source="healthy recipes of FaultBench stay below 0.2; what the next layer gets is moved by as much",
        ),
        "steps": Threshold(
            value=50,
            unit="steps",
            source="with a momentum of 0.1, 0.5 % of the initial values are left after 50",
        ),
        "samples": Threshold(value=8, unit="last samples", source="one odd batch moves no median of eight"),
    },
)


@rule.check
def check(history: History) -> Finding | None:
    """The layer with the largest distance."""
    seen = list(quantities(history, "module", "running_distance"))
    if not seen:
        raise NotApplicable("no batch norm with running statistics was seen in training")
    far = [(d, name, series) for name, series in seen if (d := _distance(series)) > rule["distance"]]
    if not far:
        return None
    distance, name, _ = max(far, key=lambda entry: entry[0])
    return rule.found(
        f"the running statistics of `{name}` lie {distance:.2g} standard deviations from those of the batches ({len(far)} of {len(seen)} batch norms lie beyond {rule['distance']:g})",
        where=place(history, f"module/{name}/running_distance").on(module=name),
        expected="running statistics near those of the batches after a few tens of steps",
        fix="use larger batches or a lower learning rate; raise the momentum of the layer where the run is short",
        distance=distance,
        layers=tuple(n for _, n, _ in far[:16]),
    )


def _distance(series: Series) -> float:
    """The usual distance in the last samples; 0 where the statistics had no time to follow."""
    recent = last(series, int(rule["samples"]))
    if len(recent) < rule["samples"] or recent.steps[0] < rule["steps"]:
        return 0.0
    value = usual(recent)
    return value if math.isfinite(value) else 0.0
