"""The representations of a layer collapse into few directions.

## What it measures
The effective rank of a layer's outputs over a batch (asked for with the watch), over the steps: how much of what there was at the start is left.

## Why it matters
Samples that lie on a line cannot be told apart by what follows. In self-supervised learning it is the way in which such losses are cheated, in reinforcement learning it comes before the loss of plasticity.

## How to fix
In self-supervised learning use a term that keeps dimensions apart (or the stop-gradient the method asks for); otherwise lower the rate and the weight decay, and normalize.

## Known false alarms
A classifier of few classes ends with as many directions as it has classes, on purpose (neural collapse): what is reported must come close to a single direction.

## Source
Roy and Vetterli, "The effective rank" (2007); Jing et al., "Understanding dimensional collapse in contrastive self-supervised learning" (2022); Papyan, Han and Donoho, "Prevalence of neural collapse" (2020).
"""

from ...evidence import History, Series
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold
from .._history import beginning, levels, place, quantities, went_up

rule = Rule(
    code="NW613",
    name="rank-collapsing",
    severity=Severity.INFO,
    kind=Kind.FIT,
    guides=("H11", "S4"),
    thresholds={
        "left": Threshold(
            value=0.2, unit="of the rank at the start", source="four fifths of the directions are gone"
        ),
        "rank": Threshold(
            value=1.5, unit="directions", source="next to a single one, fewer than two classes need"
        ),
        "start": Threshold(value=4.0, unit="directions", source="a narrow layer has little to lose"),
    },
)


@rule.check
def check(history: History) -> list[Finding]:
    """Every layer whose rank falls to next to one."""
    seen = list(quantities(history, "module", "rank"))
    if not seen:
        raise NotApplicable("the rank of representations was not asked for")
    return [f for name, series in seen if (f := _layer(history, name, series)) is not None]


def _layer(history: History, name: str, series: Series) -> Finding | None:
    first, medians = beginning(series), levels(series)
    if not medians or first < rule["start"] or medians[-1] > min(rule["rank"], rule["left"] * first):
        return None
    if not went_up(medians[::-1]):
        return None
    return rule.found(
        f"the outputs of `{name}` had an effective rank of {first:.3g} at the start and have one of {medians[-1]:.2g} now: samples lie nearly on one line",
        where=place(history, f"module/{name}/rank").on(module=name),
        expected="representations that keep more than one direction",
        fix="lower the learning rate and the weight decay, or add what the method needs against collapse",
        rank=medians[-1],
        first=first,
    )
