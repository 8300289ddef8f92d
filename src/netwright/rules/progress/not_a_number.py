"""The loss, a gradient or a weight is no number any more.

## What it measures
Whether losses, gradients and weights are NaN or infinite in the steps that were looked at.

## Why it matters
One NaN in a weight makes every later output NaN. What was learned is lost, and the rest of the run is wasted.

## How to fix
Stop. Find the first operation that gave it: a division by something that vanishes, the logarithm or the square root of 0, `exp` of a large value, a learning rate that is too high. Inputs may hold NaN themselves.

## Known false alarms
A gradient scaler lets single gradients overflow on purpose and leaves those steps out: gradients are not judged where there is one.

## Source
Tobin, "Troubleshooting deep neural networks", the five most common bugs: numerical instability.
"""

import math

from ...evidence import NOWHERE, Finiteness, History, Series, Where
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold
from .._history import last, quantities

rule = Rule(
    code="NW603",
    name="not-a-number",
    severity=Severity.ERROR,
    kind=Kind.BUG,
    guides=("T4", "T7"),
    explains=("NW601", "NW604", "NW610"),
    remedies=("clip-gradients", "lower-learning-rate"),
    thresholds={
        "samples": Threshold(
            value=8, unit="last samples", source="what came back to numbers long ago does no harm now"
        )
    },
)


@rule.check
def check(history: History, finiteness: Finiteness | None) -> Finding | None:
    """Weights first, then gradients, then the loss: the gravest that is found."""
    weights = [n for n, s in quantities(history, "parameter", "weight_norm") if _bad(s)]
    scaled = next(history.under("scaler"), None) is not None
    gradients = [
        n for n, s in quantities(history, "parameter", "nonfinite_share") if not scaled and _positive(s)
    ]
    losses = [n for n, s in history.under("loss") if _bad(s)]
    if not next(history.under("loss"), None) and not weights and not gradients:
        raise NotApplicable("neither a loss nor gradients were seen")
    if not (weights or gradients or losses):
        return None
    where, step, before = _first(history, losses)
    first = finiteness.first if finiteness is not None else None
    if before is not None and first is not None and first.finite is not None:
        before = max(before, first.finite)  # it was looked at, and not noted
    gap = ""
    if before is not None and step is not None and before < step - 1:
        gap = f" at the latest (that of step {before:,} was finite)"
    what = [
        *([f"the loss from step {step:,} on{gap}"] if losses else []),
        *([f"the gradient of {_named(gradients)}"] if gradients else []),
        *([f"the weights of {_named(weights)}"] if weights else []),
    ]
    stay = "; weights that are no number stay so" if weights else ""
    return rule.found(
        f"no number any more: {', '.join(what)}{stay}",
        where=where.on(parameter=(weights or gradients or [None])[0], step=step),
        expected="finite losses, gradients and weights",
        fix="stop the run; look for the first operation that gave NaN or infinity, and try a learning rate ten times smaller",
        step=step,
        weights=tuple(weights[:8]),
        gradients=tuple(gradients[:8]),
    )


def _bad(series: Series) -> bool:
    return not all(map(math.isfinite, last(series, int(rule["samples"])).values))


def _positive(series: Series) -> bool:
    return any(v > 0 for v in last(series, int(rule["samples"])).values)


def _first(history: History, losses: list[str]) -> tuple[Where, int | None, int | None]:
    """Line and first step of a loss that is no number, and the last step before it whose loss was noted."""
    for rest in losses:
        series = history.series[f"loss/{rest}"]
        at = next(i for i, v in enumerate(series.values) if not math.isfinite(v))
        before = series.steps[at - 1] if at else None
        return history.places.get(f"loss/{rest}", NOWHERE), series.steps[at], before
    known = [
        history.places[f"loss/{rest}"]
        for rest, _ in history.under("loss")
        if f"loss/{rest}" in history.places
    ]
    return (known[0] if known else NOWHERE), None, None


def _named(names: list[str]) -> str:
    return f"`{names[0]}`" + (f" and {len(names) - 1} more tensors" if len(names) > 1 else "")
