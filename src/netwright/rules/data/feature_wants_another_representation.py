"""A column would be easier to learn from in another form.

## What it measures
Each column of tables at the network's door, with the target. Cyclic: equally spaced levels in a number that hours, days or months have (7, 12, 24, 52, 60, 365), whose
sine and cosine explain more of the target than a straight line. Category: up to 30 equally spaced levels, where a value for each level explains more than both. Heavy tail: an excess kurtosis above 20 on one side.

## Why it matters
A network treats near numbers as alike: 23 o'clock and 0 o'clock lie far apart, category 3 between 2 and 4, and one value of a thousand squeezes all others together.

## How to fix
``sin(2 * pi * hour / 24)`` and ``cos(2 * pi * hour / 24)`` for what is cyclic; one-hot columns or an ``Embedding`` for a category; ``log1p`` for a heavy tail.

## Known false alarms
Networks can learn around each of these, so it is information.

## Source
Holden, "My neural network isn't working!": similar things should have similar numbers.
"""

from ...evidence import FeatureFit, SimpleModels
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold

_CYCLES = frozenset({7, 12, 24, 52, 53, 60, 365, 366})

rule = Rule(
    code="NW114",
    name="feature-wants-another-representation",
    severity=Severity.INFO,
    kind=Kind.DATA,
    guides=("H3",),
    thresholds={
        "gain": Threshold(
            value=0.03,
            unit="share of the target's variance, out of sample",
            source="three times the standard error of a share of 0.01 with 100 samples",
        ),
        "kurtosis": Threshold(
            value=20.0,
            unit="excess kurtosis",
            source="a normal column has 0, an exponential one 6, a lognormal one 111",
        ),
        "levels": Threshold(value=30, unit="levels", source="more are amounts"),
        "samples": Threshold(value=100, unit="distinct samples", source="see gain"),
    },
)


@rule.check
def check(found: SimpleModels) -> list[Finding]:
    """Look at each column of a table."""
    if not found.columns or found.samples < rule["samples"]:
        raise NotApplicable("no table was seen with enough samples")
    ways = {"cyclic": _cyclic, "a category by number": _category, "heavy-tailed": _heavy}
    results: list[Finding] = []
    for name, test in ways.items():
        columns = [c for c in found.columns if not c.symbols and test(c)]
        if columns:
            results.append(_finding(found, name, columns))
    return results


def _cyclic(c: FeatureFit) -> bool:
    return c.levels in _CYCLES and c.cycle is not None and c.cycle > max(c.line or 0.0, 0.0) + rule["gain"]


def _category(c: FeatureFit) -> bool:
    best = max(0.0, c.line or 0.0, c.cycle or 0.0 if c.levels in _CYCLES else 0.0)
    return c.category is not None and c.levels <= rule["levels"] and c.category > best + rule["gain"]


def _heavy(c: FeatureFit) -> bool:
    return c.kurtosis > rule["kurtosis"] and c.skew > 2 and c.levels == 0


_FIXES = {
    "cyclic": "give the network sine and cosine of it: sin(2 * pi * x / n) and cos(2 * pi * x / n)",
    "a category by number": "one-hot columns, or an Embedding",
    "heavy-tailed": "take the logarithm (log1p) before standardizing",
}


def _finding(found: SimpleModels, name: str, columns: list[FeatureFit]) -> Finding:
    first = columns[0]
    which = ", ".join(f"{c.column}" for c in columns[:6]) + (" ..." if len(columns) > 6 else "")
    if name == "heavy-tailed":
        why = f"excess kurtosis {first.kurtosis:.0f}, range {first.minimum:.3g} to {first.maximum:.3g}"
    else:
        better = first.cycle if name == "cyclic" else first.category
        why = f"{first.levels} levels: that way it explains {better or 0.0:.1%} of the target, on a straight line {first.line or 0.0:.1%}"
    return rule.found(
        f"column {which} of {first.block} looks {name} ({why}, {found.samples} samples)",
        where=found.inputs_at if found.inputs_at.known else found.loss_at,
        expected="similar numbers for similar things",
        fix=_FIXES[name],
        form=name,
        columns=[c.column for c in columns],
        kurtosis=first.kurtosis,
        levels=first.levels,
        line=first.line,
        cycle=first.cycle,
        category=first.category,
    )
