"""The output does not depend on the input.

## What it measures
The prediction of the captured step is computed again with all inputs set to zero and with the samples in another order,
and where it is the same each time, once more with slightly shaken weights. When it still is, the input has no part in it; the call where the difference is
lost is named.

## Why it matters
The network can learn the average of the targets at best.

## How to fix
Use the argument of `forward` (and its results) at the call that is named: a variable may be overwritten, a mask all zero,
the wrong tensor passed on, or all units may be dead.

## Known false alarms
A zero-initialized last layer gives constant outputs at the start and is healthy: the weights are shaken for this test.
Units that all die in the first steps can come back where the optimizer has momentum: information.
Networks whose inputs are the same for all samples, or empty, are not judged.

## Source
TheDeepChecker (Ben Braiek and Khomh, 2022): training on zeroed inputs must differ from training on real ones; Shao,
"Checklist for debugging neural networks", intermediate outputs and connections.
"""

from ...evidence import InputDependence, InputReach, Optimizers
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold

rule = Rule(
    code="NW216",
    name="output-ignores-input",
    severity=Severity.ERROR,
    kind=Kind.BUG,
    guides=("S4",),
    remedies=("keep-the-value", "leaky-activation"),
    explains=("NW109", "NW211", "NW221", "NW404", "NW406", "NW601", "NW605", "NW611", "NW707", "NW701"),
    thresholds={
        "change": Threshold(value=1e-7, unit="share of the output's size", source="float32 rounding is 6e-8"),
    },
)


@rule.check
def check(dependence: InputDependence, optimizers: Optimizers) -> list[Finding]:
    """Compare the outputs on real, zeroed and shuffled inputs."""
    measured = [r for r in dependence.reaches if r.zeroed is not None or r.shuffled is not None]
    if not measured:
        raise NotApplicable(dependence.why or "the step could not be run with other inputs")
    return [
        _finding(r, optimizers) for r in measured if max(r.zeroed or 0.0, r.shuffled or 0.0) <= rule["change"]
    ]


def _recovers(optimizers: Optimizers) -> bool:
    """Whether an optimizer goes on moving weights that get no gradient any more."""
    return any(g.get("momentum") or g.get("betas") for o in optimizers.optimizers for g in o.groups)


def _finding(reach: InputReach, optimizers: Optimizers) -> Finding:
    names = ", ".join(reach.inputs)
    lost = f"; the difference is lost in {reach.lost_op} at {reach.lost_at.at}" if reach.lost_op else ""
    never = "" if reach.connected else f"; no call on the way to the loss uses {names}"
    return rule.found(
        f"the prediction is the same for real, zeroed and shuffled inputs ({names}){lost or never}",
        where=reach.lost_at if reach.lost_at.known else reach.where,
        also=(reach.where,),
        severity=Severity.INFO if reach.died and _recovers(optimizers) else None,
        expected="a prediction that changes with the input",
        fix="use the input (and what was computed from it) at this line"
        if reach.lost_at.known
        else f"use {names} in forward",
        zeroed_change=reach.zeroed,
        shuffled_change=reach.shuffled,
    )
