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

from ...evidence import History
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold
from .._history import beginning, last, place, quantities, usual

rule = Rule(
    code="NW611",
    name="predictions-collapsed",
    severity=Severity.WARNING,
    kind=Kind.FIT,
    guides=("H2", "H8", "T7"),
    thresholds={
        "spread": Threshold(
            value=1e-3,
            unit="of the spread at the start",
            source="healthy recipes of FaultBench keep more than a tenth",
        ),
        "samples": Threshold(value=16, unit="last samples", source="one odd batch decides nothing"),
    },
)
ROOTS = ("", "(root)")


@rule.check
def check(history: History) -> Finding | None:
    """Follow the spread of what the outermost module gives."""
    samples = int(rule["samples"])
    spreads = [(n, s) for n, s in quantities(history, "module", "std") if n in ROOTS and len(s) >= 2 * samples]
    if len(spreads) != 1:
        raise NotApplicable("the output of one network was not seen for long enough")
    name, series = spreads[0]
    first, now = beginning(series), usual(last(series, samples))
    if not first > 0 or not now < rule["spread"] * first:
        return None
    return rule.found(
        f"the outputs of the network spread by {now:.2g} over a batch, {now / first:.1e} of what they did at the start ({first:.2g}): it gives the same for every sample",
        where=place(history, f"module/{name}/std"),
        expected="outputs that differ from sample to sample",
        fix="lower the learning rate and the weight decay; look at dead units and the balance of classes",
        spread=now,
        first=first,
    )
