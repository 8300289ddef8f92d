"""The network cannot learn a single batch by heart.

## What it measures
Copies of the program's parameters trained on one captured batch again and again, without dropout and weight decay, with the program's own optimizer and with Adam at 3e-4: whether the loss
hardly falls any more before the answers are right, goes up or explodes. Where the same context has different answers, only what can be learned counts. The message names the usual causes of the way in
which it failed, those first for which something else speaks: the range test (where it was made too), parameters without a gradient, penalties in the loss, whether one sample or four could be learned.

## Why it matters
Any sound network learns a handful of samples by heart. One that does not has a fault in the program (a wrong loss, a cut in the graph, labels that do not belong to their inputs) or far too little
capacity; more data and more epochs cannot help.

## How to fix
Look for the bug first: does the loss get the right tensors, do all layers get gradients, can the last activation give the targets? Then make the network wider.

## Known false alarms
A loss that still falls by a tenth over the last half of the steps is not reported, nor one that falls as fast in the end as in the beginning in every run (targets in the hundreds, which steps of 3e-4 do not come to), nor runs of few steps (large networks), nor a batch of which most answers are right: equal inputs with different labels cannot be learned by heart.

## Source
Tobin, "Troubleshooting deep neural networks": overfit a single batch; Karpathy, "A recipe for training neural networks", overfit one batch.
"""

import itertools
import math
import statistics

from ...evidence import Outcome, Overfit, OverfitRun, Parameters, RangeTest, Task
from ...rule import Finding, Kind, Rule, Severity, Threshold
from .._causes import causes, told

rule = Rule(
    code="NW701",
    name="underfits-one-batch",
    severity=Severity.WARNING,
    kind=Kind.BUG,
    guides=("T7", "S2", "E6"),
    remedies=("wider-hidden-layers",),
    thresholds={
        "right": Threshold(
            value=0.9,
            unit="of the answers that can be right",
            source="below, more than label noise is in the way",
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
        "pace": Threshold(
            value=0.5,
            unit="of the fall in the first half of a run, in the second half",
            source="what comes to a stop slows down: an approach with a time constant of half the run falls by 0.37 of it",
        ),
        "down": Threshold(
            value=0.95,
            unit="of the steps in the second half lower the loss",
            source="one batch without dropout has no noise: a curve on its way down goes down at every step",
        ),
        "steps": Threshold(value=100, unit="steps", source="fewer steps may not be enough for any network"),
    },
)

_GONE = (Outcome.UP, Outcome.EXPLODED)
_STUCK = (Outcome.PLATEAU, Outcome.OSCILLATING, Outcome.FALLING)


@rule.check
def check(overfit: Overfit, parameters: Parameters, task: Task, test: RangeTest | None) -> Finding | None:
    """Look for runs on one batch that all fail, and rank what may be the cause."""
    runs = [r for r in overfit.runs if r.data == "one batch"]
    adam = [r for r in runs if not r.own]
    if not adam or any(not _failed(r, overfit.ceiling) for r in runs) or all(_slow(r) for r in runs):
        return None
    last = adam[-1]
    why = causes(overfit, last, parameters, task, test)
    return rule.found(
        f"one batch{f' of {last.samples} samples' if last.samples else ''} cannot be learned by heart: after {len(last.losses)} steps with {last.optimizer} the loss {_end(last)}"
        f"{_right(last, overfit)}. What comes first in question: {told(why)}",
        where=overfit.loss_at,
        also=(overfit.where,),
        expected="a loss near its minimum on a single batch, within a few hundred steps",
        fix=f"look for {why[0].text} first"
        if why
        else "look for a bug between input and loss before anything else",
        steps=len(last.losses),
        outcome=last.outcome.value,
        first=last.losses[0],
        last=last.losses[-1] if math.isfinite(last.losses[-1]) else None,
        accuracy=last.accuracy,
        error=last.error,
        causes=[c.text for c in why],
    )


def _end(run: OverfitRun) -> str:
    if run.outcome is Outcome.EXPLODED:
        return f"explodes (from {run.losses[0]:.3g})"
    return f"stands at {run.losses[-1]:.3g} (from {run.losses[0]:.3g})"


def _right(run: OverfitRun, overfit: Overfit) -> str:
    if run.accuracy is not None:
        of = f", where {overfit.ceiling:.0%} can be" if overfit.ceiling < 1 else ""
        return f" and {run.accuracy:.0%} of the answers are right{of}"
    return (
        f" and the error is {run.error:.2f} standard deviations of the target"
        if run.error is not None
        else ""
    )


def _failed(run: OverfitRun, ceiling: float) -> bool:
    if run.outcome in _GONE:
        known = run.accuracy is not None or run.error is not None or run.outcome is Outcome.EXPLODED
        return known and (run.accuracy is None or run.accuracy < rule["right"] * ceiling)
    return _stuck(run, ceiling)


def _slow(run: OverfitRun) -> bool:
    """Whether the loss goes down as fast in the end as in the beginning: 400 steps of Adam at 3e-4 move no weight by more than about 0.12, too little for answers of the size of hundreds."""
    losses, half = run.losses, len(run.losses) // 2
    if half < 1 or not all(math.isfinite(v) for v in losses):
        return False
    steps = list(itertools.pairwise(losses[half:]))
    down = sum(1 for a, b in steps if b < a)
    return (
        down >= rule["down"] * len(steps) > 0
        and losses[half] - losses[-1] >= rule["pace"] * (losses[0] - losses[half]) > 0
    )


def _stuck(run: OverfitRun, ceiling: float) -> bool:
    if run.outcome not in _STUCK or len(run.losses) < rule["steps"]:
        return False
    half = len(run.losses) // 2
    middle, end = statistics.median(run.losses[half - 10 : half + 10]), statistics.median(run.losses[-20:])
    if middle - end > rule["fall"] * abs(end):
        return False
    if run.accuracy is not None:
        return run.accuracy < rule["right"] * ceiling
    return run.error is not None and run.error > rule["error"]
