"""One input column is the target itself, or a copy of it in other units.

## What it measures
For tables with several columns: each column alone, cross-validated. Classes: a small tree on it is right for 99.5 % of the samples, and the class in turn explains 95 % of the column's variance (the column
takes one value for each class, with gaps between). Amounts: a straight line explains 99.9 % of the variance.

## Why it matters
The network learns to read the answer off that column. Training and test look perfect, and the network is of no use where the answer is not yet known.

## How to fix
Drop the column, or what it was computed from: columns filled in after the outcome was known, identifiers given by class, an average that includes the sample itself.

## Known false alarms
Very good features do not do it (petal length of irises: 95 % right, one class overlaps another). Made-up data whose label is a threshold on one column do not either, as a threshold leaves no gap. A
made-up amount that is one column times a number does. Windows of a time series, whose last value tells the next, are not looked at; nor are images, symbols and data of one column.

## Source
Kaufman et al., "Leakage in data mining" (2012).
"""

from ...evidence import FeatureFit, SimpleModels
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold

rule = Rule(
    code="NW119",
    name="target-leaks-into-the-input",
    severity=Severity.WARNING,
    kind=Kind.DATA,
    guides=("T9",),
    remedies=("drop-leaking-column",),
    thresholds={
        "accuracy": Threshold(
            value=0.995,
            unit="share of the samples",
            source="the best single columns of scikit-learn's tables reach 0.95 (iris)",
        ),
        "gap": Threshold(
            value=0.95,
            unit="share of the column's variance between classes",
            source="a threshold on a normal column gives 0.64, on a uniform one 0.75",
        ),
        "variance": Threshold(
            value=0.999,
            unit="share of the target's variance",
            source="measured quantities have errors of more than 3 % of their spread",
        ),
        "samples": Threshold(
            value=60, unit="distinct samples", source="five errors in a thousand and 20 samples to test on"
        ),
    },
)


@rule.check
def check(found: SimpleModels) -> Finding | None:
    """Look at each column alone."""
    by_block: dict[str, list[FeatureFit]] = {}
    for column in found.columns:
        by_block.setdefault(column.block, []).append(column)
    tables = [columns for columns in by_block.values() if len(columns) > 1 or len(by_block) > 1]
    if not tables or found.samples < rule["samples"]:
        raise NotApplicable("no table of several columns was seen with enough samples")
    leaks = [c for columns in tables for c in columns if _leaks(c, found.classes is not None)]
    if not leaks:
        return None
    worst = max(leaks, key=lambda c: c.predicts)
    what = (
        f"gives the right class of {worst.predicts:.1%} of {found.samples} samples, and the class explains {worst.follows:.1%} of its variance"
        if found.classes is not None
        else f"explains {worst.predicts:.2%} of the target's variance in {found.samples} samples by a straight line"
    )
    more = f" (as do {len(leaks) - 1} more)" if len(leaks) > 1 else ""
    return rule.found(
        f"column {worst.column} of {worst.block} alone {what}{more}",
        where=next((w for w in (found.copied_at, found.inputs_at) if w.known), found.loss_at),
        also=(found.loss_at,),
        expected="inputs that are known before the target is",
        fix="drop the column, or find out how the target gets into it",
        columns=[c.column for c in leaks],
        predicts=worst.predicts,
        follows=worst.follows,
        samples=found.samples,
    )


def _leaks(column: FeatureFit, classes: bool) -> bool:
    if classes:
        return column.predicts >= rule["accuracy"] and column.follows >= rule["gap"]
    return column.predicts >= rule["variance"]
