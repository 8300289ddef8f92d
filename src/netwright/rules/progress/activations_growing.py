"""Activations grow without bound in the course of training.

## What it measures
The spread of each layer's outputs over the steps: how many times that of the start it is, and whether it still grows.

## Why it matters
Activations that grow by orders of magnitude overflow half precision, saturate what follows, and show weights that run away: too high a rate, no normalization, or a loss that rewards ever larger outputs.

## How to fix
Lower the learning rate, add weight decay, or normalize (layer norm, batch norm) where it begins.

## Known false alarms
The outputs of a classifier grow while it becomes sure, by ten times or so, and layers that begin near 0 grow a hundredfold on their way: what is reported must be large in itself as well.

## Source
Chowdhery et al., "PaLM" (2022), and Wortsman et al., "Small-scale proxies for large-scale Transformer training instabilities" (2023), on logits that grow; Ioffe and Szegedy (2015).
"""

from ...evidence import History, Series
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold
from .._history import beginning, last, levels, place, quantities, usual
from .._trends import logarithms, slope

rule = Rule(
    code="NW612",
    name="activations-growing",
    severity=Severity.INFO,
    kind=Kind.HYPERPARAMETER,
    guides=("S4", "H6", "E4"),
    explains=("NW607",),
    thresholds={
        "growth": Threshold(
            value=30.0,
            unit="times the spread at the start",
            source="no healthy recipe of FaultBench grows as far to as large a spread",
        ),
        "large": Threshold(
            value=100.0,
            unit="spread",
            source="far beyond the order of 1 that initializations keep (Glorot and Bengio, 2010)",
        ),
    },
)


@rule.check
def check(history: History) -> Finding | None:
    """The layer that has grown most."""
    seen = list(quantities(history, "module", "std"))
    if not seen:
        raise NotApplicable("no activations were looked at")
    grown = [(g, name, series) for name, series in seen if (g := _growth(series)) > rule["growth"]]
    if not grown:
        return None
    times, name, series = max(grown, key=lambda entry: entry[0])
    now = levels(series)[-1]
    return rule.found(
        f"the outputs of `{name}` spread {times:.3g} times as far as at the start ({now:.3g}), and still grow ({len(grown)} of {len(seen)} layers do)",
        where=place(history, f"module/{name}/std").on(module=name),
        expected="activations that stay within an order of magnitude or two",
        fix="lower the learning rate, or normalize in front of this layer",
        growth=times,
        spread=now,
        layers=tuple(n for _, n, _ in grown[:16]),
    )


def _growth(series: Series) -> float:
    """How many times its start a layer's spread is, where it is large and still grows."""
    if not usual(last(series, 8)) >= rule["large"]:
        return 1.0
    first, now = beginning(series), levels(series)
    if not now or not first > 0 or now[-1] < rule["large"]:
        return 1.0
    half = len(series) // 2
    late = slope(series.steps[half:], logarithms(series.values[half:]))
    return now[-1] / first if late is not None and late.rises else 1.0
