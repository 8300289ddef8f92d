"""Activations of a hidden layer move into saturation.

## What it measures
The share of a sigmoid's or tanh's outputs that lie at its ends, over the steps: whether it rises and where it stands. The last layer is not looked at.

## Why it matters
At its ends such a function is flat: the gradient that comes back through it vanishes, and the layers before it stop learning.

## How to fix
Lower the learning rate or decay the weights, normalize in front of the activation, or use ReLU.

## Known false alarms
Gates are meant to open and close fully, and so are outputs that are sure of their class. This is worth knowing, not a fault by itself.

## Source
Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks" (2010), section 3: activations of a layer saturate in the course of training.
"""

from ...evidence import History, Series
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold
from .._history import last, last_module, levels, place, quantities, usual, went_up

rule = Rule(
    code="NW607",
    name="saturation-growing",
    severity=Severity.INFO,
    kind=Kind.FIT,
    guides=("E11", "S4", "H7"),
    thresholds={
        "share": Threshold(
            value=0.5, unit="of the activations", source="NW206: a hidden layer saturated by more than half"
        ),
        "risen": Threshold(value=0.2, unit="of the activations", source="a fifth came to it in training"),
    },
)


@rule.check
def check(history: History) -> list[Finding]:
    """Every hidden layer whose saturated share rises."""
    seen = list(quantities(history, "module", "saturated_share"))
    if not seen:
        raise NotApplicable("no sigmoid or tanh was seen")
    end = last_module(history)
    return [f for name, series in seen if name != end and (f := _layer(history, name, series)) is not None]


def _layer(history: History, name: str, series: Series) -> Finding | None:
    if usual(last(series, 8)) < rule["share"]:
        return None
    medians = levels(series)
    if not medians or medians[-1] < rule["share"] or medians[-1] - medians[0] < rule["risen"]:
        return None
    if not went_up(medians):
        return None
    return rule.found(
        f"{medians[-1]:.0%} of the outputs of `{name}` lie at the ends of its range, {medians[0]:.0%} at the start",
        where=place(history, f"module/{name}/saturated_share").on(module=name),
        expected="a hidden layer most of whose outputs lie where the function is not flat",
        fix="normalize in front of the activation, lower the learning rate, or use ReLU",
        share=medians[-1],
        before=medians[0],
    )
