"""More data would help, or would not: the learning curve is steep or flat where the training set ends.

## What it measures
The experiment `learning-curve` trains the whole program on an eighth, a quarter, a half and all of its training set, at an equal number of optimizer steps, and fits a power law to what its evaluation
computes. The share of it that twice the data would take away is judged by its 90 % interval (bootstrap of the residuals).

## Why it matters
Collecting data is dear. A steep curve says that it pays; a flat one that the network, the labels or the inputs set the limit.

## How to fix
Steep: more data, augmentation, a pretrained network. Flat: a larger network, better inputs or labels, longer training.

## Known false alarms
A power law over one decade of sizes need not hold beyond it; a network too small for the task flattens the curve by itself. Says nothing when the interval is wide. It is information only.

## Source
Hestness et al., "Deep learning scaling is predictable, empirically" (2017), for power laws with a floor; Cortes et al., "Learning curves: asymptotic values and rate of convergence" (1994).
"""

import statistics

from ...evidence import LearningCurve
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold

rule = Rule(
    code="NW712",
    name="more-data-would-help",
    severity=Severity.INFO,
    kind=Kind.DATA,
    guides=("E13", "T0"),
    thresholds={
        "steep": Threshold(
            value=0.05,
            unit="of the metric, by twice the data",
            source="the lowest exponents that Hestness et al. report (0.07) give 5 % for twice the data",
        ),
        "flat": Threshold(
            value=0.02,
            unit="of the metric, by twice the data",
            source="far below the lowest that Hestness et al. report",
        ),
    },
)


@rule.check
def check(curve: LearningCurve) -> Finding | None:
    """Judge the interval of what twice the data would take away."""
    half, whole = (statistics.fmean(p.values) for p in curve.points[-2:])
    if curve.metric.startswith("share") and whole == 0:
        raise NotApplicable("no answer of the evaluation is wrong: nothing can be gained")
    samples = curve.points[-1].samples
    early = f" (runs stopped after {curve.steps} steps)" if curve.steps is not None else ""
    measured = (
        f"twice the {samples} training samples would take away {curve.gain:.0%} of the {curve.metric} "
        f"({curve.gain_low:.0%} to {curve.gain_high:.0%}){early}"
    )
    if curve.gain_low >= rule["steep"] and whole < half:
        told, expected = "more data would help", "a learning curve that has become flat"
        fix = "more data, augmentation, or a pretrained network"
    elif curve.gain_high <= rule["flat"]:
        told, expected = "more data would not help", "a learning curve that still falls"
        fix = "a larger network, better inputs or labels, longer training"
    else:
        return None
    return rule.found(
        f"{told}: {measured}",
        where=curve.where,
        expected=expected,
        fix=fix,
        samples=[p.samples for p in curve.points],
        values=[list(p.values) for p in curve.points],
        exponent=curve.exponent,
        floor=curve.floor,
        gain=curve.gain,
        interval=[curve.gain_low, curve.gain_high],
    )
