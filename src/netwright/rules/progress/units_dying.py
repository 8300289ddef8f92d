"""Units go out in the course of training and give zero for every sample.

## What it measures
The share of a layer's units that are zero for a whole batch, over the steps: whether it rises and where it stands.

## Why it matters
A rectified unit that is never active gets no gradient and does not come back. Each one is lost to the network; when most of a layer are, nothing passes through it.

## How to fix
Lower the learning rate (large steps push biases far below zero), or use LeakyReLU, ELU or GELU.

## Known false alarms
A unit may be silent on one batch and speak on another, and sparse layers do well: this is reported where the share has risen by a good deal during training, and weighs more only where nearly all of a layer is out.

## Source
Lu et al., "Dying ReLU and initialization" (2019); Karpathy, "CS231n: Convolutional neural networks for visual recognition", on dead units.
"""

from ...evidence import History, Series
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold
from .._history import last, levels, place, quantities, usual, went_up

rule = Rule(
    code="NW606",
    name="units-dying",
    severity=Severity.WARNING,
    kind=Kind.HYPERPARAMETER,
    guides=("H8", "E10", "S4"),
    explains=("NW611",),
    remedies=("leaky-activation", "lower-learning-rate"),
    thresholds={
        "share": Threshold(
            value=0.9,
            unit="of a layer's units",
            source="NW207: more than 90 % of a layer is an error at the start",
        ),
        "notable": Threshold(value=0.4, unit="of a layer's units", source="NW207: 40 % of a layer"),
        "risen": Threshold(
            value=0.2, unit="of a layer's units", source="a fifth of the layer was lost in training"
        ),
    },
)


@rule.check
def check(history: History) -> list[Finding]:
    """Every layer whose share of dead units rises."""
    seen = list(quantities(history, "module", "dead_share"))
    if not seen:
        raise NotApplicable("no rectified units were seen")
    return [f for name, series in seen if (f := _layer(history, name, series)) is not None]


def _layer(history: History, name: str, series: Series) -> Finding | None:
    if usual(last(series, 8)) < rule["notable"]:
        return None
    medians = levels(series)
    if not medians or medians[-1] < rule["notable"] or medians[-1] - medians[0] < rule["risen"]:
        return None
    if not went_up(medians):
        return None
    return rule.found(
        f"{medians[-1]:.0%} of the units of `{name}` are zero for a whole batch, {medians[0]:.0%} at the start",
        where=place(history, f"module/{name}/dead_share").on(module=name),
        severity=Severity.WARNING if medians[-1] >= rule["share"] else Severity.INFO,
        expected="a share of dead units that stays about as it was",
        fix="lower the learning rate, or use nn.LeakyReLU for this layer",
        share=medians[-1],
        before=medians[0],
    )
