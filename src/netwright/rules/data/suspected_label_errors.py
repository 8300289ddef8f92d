"""Some labels contradict what the inputs say.

## What it measures
The probabilities that a logistic regression gives to samples it was not fitted to, where it finds a relation at all; from these confident learning (the cleanlab library) estimates which labels are wrong, and how
many. The share has an interval over resampled samples. The worst samples are named as (batch, position in it).

## Why it matters
Wrong labels cost twice: the network is taught them, and the test counts right answers as wrong. A few hundred found and mended are often worth more than a better network.

## How to fix
Look at the samples named. Where many are wrong, find the step that breaks the labels; else mend or drop them.

## Known false alarms
What a simple model calls wrong may be a hard sample, so this stays information.

## Source
Northcutt, Jiang, Chuang, "Confident learning: estimating uncertainty in dataset labels" (2021).
"""

from ...evidence import SimpleModels
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold

rule = Rule(
    code="NW108",
    name="suspected-label-errors",
    severity=Severity.INFO,
    kind=Kind.DATA,
    guides=("T0",),
    thresholds={
        "share": Threshold(
            value=0.01,
            unit="share of the labels",
            source="three of a hundred are wrong in ten common test sets (Northcutt 2021); below one it is hardly worth the search",
        ),
        "accuracy": Threshold(
            value=0.6,
            unit="share right out of sample",
            source="a model that is mostly wrong cannot say which labels are",
        ),
    },
)


@rule.check
def check(found: SimpleModels) -> Finding | None:
    """Name the labels that a simple model contradicts."""
    issues = found.issues
    if issues is None:
        raise NotApplicable(found.no_issues or "label errors were not looked for")
    model = next((s for s in found.scores if s.model == issues.model), None)
    if model is None or (model.accuracy_low or 0.0) < rule["accuracy"]:
        raise NotApplicable("the simple model is not right often enough to say which labels are wrong")
    if issues.low < rule["share"] or not issues.positions:
        return None
    right = (
        f", right on {model.accuracy:.0%} of samples it was not fitted to,"
        if model.accuracy is not None
        else ""
    )
    named = ", ".join(f"({b}, {i})" for b, i in issues.positions[:5])
    return rule.found(
        f"for an estimated {issues.share:.1%} ({issues.low:.1%} to {issues.high:.1%}) of {issues.samples} labels a simple model{right} is confident of another class: wrong labels, or samples hard for it; the first to look at (batch, position): {named}",
        where=found.targets_at if found.targets_at.known else found.loss_at,
        expected="labels that a model fitted to other samples mostly agrees with",
        fix="look at these samples; mend or drop wrong labels",
        share=issues.share,
        low=issues.low,
        high=issues.high,
        positions=issues.positions,
        given=issues.given,
        suggested=issues.expected,
        model=issues.model,
        samples=issues.samples,
    )
