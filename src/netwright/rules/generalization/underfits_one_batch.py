"""The network cannot learn a single batch by heart.

## What it measures
Copies of the program's parameters trained on one captured batch again and again, without dropout and weight decay, with the program's own optimizer and with Adam at 3e-4: whether the loss
hardly falls any more before the answers are right.

## Why it matters
Any sound network learns a handful of samples by heart. One that does not has a fault in the program (a wrong loss, a cut in the graph, labels that do not belong to their inputs) or far too little
capacity; more data and more epochs cannot help.

## How to fix
Look for the bug first: does the loss get the right tensors, do all layers get gradients, can the last activation give the targets? Then make the network wider.

## Known false alarms
A loss that still falls by a tenth over the last half of the steps is not reported, nor runs of few steps (large networks), nor a batch of which most answers are right: equal inputs with different labels cannot be learned by heart.

## Source
Tobin, "Troubleshooting deep neural networks": overfit a single batch; Karpathy, "A recipe for training neural networks", overfit one batch.
"""

import statistics

from ...evidence import Outcome, Overfit, OverfitRun
from ...rule import Finding, Kind, Rule, Severity, Threshold

rule = Rule(
    code="NW701",
    name="underfits-one-batch",
    severity=Severity.WARNING,
    kind=Kind.BUG,
    guides=("T7", "S2", "E6"),
    thresholds={
        "right": Threshold(
            value=0.9, unit="share of right answers", source="below, more than label noise is in the way"
        ),
        "error": Threshold(
            value=0.7,
            unit="standard deviations of the target",
            source="half of the variance is not explained",
        ),
        "fall": Threshold(
            value=0.1,
            unit="of the loss, over the last half of the run",
            source="ten times as many steps would be needed and more",
        ),
        "steps": Threshold(value=100, unit="steps", source="fewer steps may not be enough for any network"),
    },
)

_STUCK = (Outcome.PLATEAU, Outcome.OSCILLATING, Outcome.FALLING)


@rule.check
def check(overfit: Overfit) -> Finding | None:
    """Look for runs on one batch that all stand still."""
    runs = [r for r in overfit.runs if r.data == "one batch"]
    adam = [r for r in runs if not r.own]
    if not adam or any(not _stuck(r) for r in runs):
        return None
    last = adam[-1]
    how = (
        f"{last.accuracy:.0%} of the answers are right"
        if last.accuracy is not None
        else f"the error is {last.error:.2f} standard deviations of the target"
    )
    return rule.found(
        f"one batch of {last.samples} samples cannot be learned by heart: after {len(last.losses)} steps with {last.optimizer} the loss stands at {last.losses[-1]:.3g} "
        f"(from {last.losses[0]:.3g}) and {how}",
        where=overfit.loss_at,
        also=(overfit.where,),
        expected="a loss near its minimum on a single batch, within a few hundred steps",
        fix="look for a bug between input and loss before anything else; then give the network more units",
        steps=len(last.losses),
        first=last.losses[0],
        last=last.losses[-1],
        accuracy=last.accuracy,
        error=last.error,
    )


def _stuck(run: OverfitRun) -> bool:
    if run.outcome not in _STUCK or len(run.losses) < rule["steps"]:
        return False
    half = len(run.losses) // 2
    middle, end = statistics.median(run.losses[half - 10 : half + 10]), statistics.median(run.losses[-20:])
    if middle - end > rule["fall"] * abs(end):
        return False
    if run.accuracy is not None:
        return run.accuracy < rule["right"]
    return run.error is not None and run.error > rule["error"]
