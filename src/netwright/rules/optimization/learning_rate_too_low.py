"""The learning rate is far below those that train.

## What it measures
The loss after a few steps from the first weights, at a range of learning rates on copies of the program's parameters (the range test): how far it falls at the rate in use and at the best one. Under a
scheduler the largest rate that it will set over the run counts instead of the one in use. In a run that is watched: how far the weights move in a step, as a share of their size, while the loss stands.

## Why it matters
With a hundredth of a fitting rate the same progress takes a hundred times as many steps. The loss curve looks flat, as if nothing could be learned.

## How to fix
Raise the rate by threes until the loss falls clearly, and stay a factor of three below the rate at which it grows.

## Known false alarms
Small rates are right for weights that were loaded and in a warm-up: the first are not judged, of a schedule only the peak is, and rates that the program sets by hand are not. The best rate over a few steps is often higher than the best one over a whole
training; two powers of ten are asked for. Small steps of a network whose loss falls are not reported.

## Source
Smith, "Cyclical learning rates for training neural networks" (2017), for the range test; Bengio (2012), section 3.1.1: the best rate is usually within a factor of two of the largest that trains.
"""

import math
import statistics

from ...evidence import NOWHERE, Events, History, Parameters, RangeTest, Schedules, Task
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold
from .._history import WARMING, fastest, flat_loss, moved, optimizer_place, rates

rule = Rule(
    code="NW502",
    name="learning-rate-too-low",
    severity=Severity.WARNING,
    kind=Kind.HYPERPARAMETER,
    guides=("H6", "S4", "E7"),
    remedies=("higher-learning-rate", "learning-rate-of-range-test"),
    explains=("NW601", "NW610", "NW208"),
    thresholds={
        "share": Threshold(
            value=0.01,
            unit="of the best rate",
            source="two powers of ten; over many steps the best rate is lower than over a few",
        ),
        "moved": Threshold(
            value=0.98, unit="of the loss before", source="the loss hardly moves at the rate in use"
        ),
        "fallen": Threshold(value=0.8, unit="of the loss before", source="and falls clearly at the best one"),
        "ratio": Threshold(
            value=1e-4,
            unit="of the weight in a step, the median of all weight tensors",
            source="a tenth of the usual 1e-3 (Karpathy, CS231n); healthy recipes of FaultBench: 3e-4 or more",
        ),
        "tiny": Threshold(
            value=3e-5,
            unit="of the weight in a step",
            source="a tenth of the smallest in healthy recipes of FaultBench: where the noise of batches hides what the loss does, as little as this is enough",
        ),
        "fall": Threshold(
            value=0.5,
            unit="of the loss",
            source="a network that has lost half of its loss in such steps does learn; of the healthy recipes of FaultBench none moves by so little",
        ),
        "steps": Threshold(
            value=24,
            unit="losses",
            source="one for each block of the slope, whose interval says what is known",
        ),
    },
)


_SAMPLES = 4
_USUAL = 1e-3  # of its size a weight moves in a step (Karpathy; CS231n)


@rule.check
def check(
    test: RangeTest | None,
    parameters: Parameters | None,
    task: Task | None = None,
    events: Events | None = None,
    history: History | None = None,
    schedules: Schedules | None = None,
) -> Finding | None:
    """Compare the largest rate that the program will use with the best one; in a watched run, ask how far the weights move in a step while the loss stands."""
    if parameters is not None and not parameters.fresh:
        raise NotApplicable("weights were loaded, and small rates are right for them")
    if history is not None and (found := _hardly_moves(history, task, events, schedules)) is not None:
        return found
    if test is None:
        if history is None:
            raise NotApplicable("neither was the range test done nor the run watched")
        return None
    return _by_range_test(test)


def _hardly_moves(
    history: History, task: Task | None, events: Events | None, schedules: Schedules | None
) -> Finding | None:
    ratios = list(moved(history, _SAMPLES).values())
    if not ratios or not 0 < statistics.median(ratios) < rule["ratio"]:
        return None
    # What a schedule makes small at its end has been larger before, and a warm-up goes on to larger ones.
    ratio = fastest(history, _SAMPLES)
    if not ratio < rule["ratio"] or _to_rise(history, schedules):
        return None
    sure = ratio >= rule["tiny"]
    flat = flat_loss(history, task, events, rule["fall"], rule["steps"], sure=sure)
    if flat is None:
        return None
    _, level, found = flat
    times = 10 ** min(max(math.floor(math.log10(_USUAL / ratio)), 1), 3)
    return rule.found(
        f"the weights move by {ratio:.1e} of their size in a step (the median of {len(ratios)} tensors; about 1e-3 is usual), and in {history.steps} steps the loss ({level:.3g}) "
        + (
            f"has fallen by {max(found.most, 0) / level:.1%} at most"
            if sure or found.most < rule["fall"] * level
            else "is not known to have fallen"
        ),
        where=optimizer_place(history) or NOWHERE,
        expected="steps of about a thousandth of the weights",
        fix=f"raise the learning rate {times} times, or see what makes the steps so small (clipping, a schedule that is over)",
        remedies=("higher-learning-rate",),
        ratio=ratio,
        times=times,
        fall_at_most=found.most / level if math.isfinite(found.most) else None,
    )


def _to_rise(history: History, schedules: Schedules | None) -> bool:
    """Whether a schedule will set a larger rate than any so far."""
    largest = max((max(s.values) for s in rates(history).values()), default=0.0)
    coming = (p for s in (schedules.schedules if schedules is not None else ()) for p in s.peaks)
    return max(coming, default=0.0) > largest / WARMING


def _by_range_test(test: RangeTest) -> Finding | None:
    if not test.constant and test.peak is None:
        raise NotApplicable("the learning rate changes, and what it comes to is not known")
    if test.best is None:
        raise NotApplicable("the loss grew at every rate that was tried")
    rate = max(test.in_use, test.peak or 0.0)
    at = dict(zip(test.rates, test.losses, strict=True))
    loss, best = at.get(rate), at[test.best]
    if (
        loss is None
        or best is None
        or loss < rule["moved"]
        or best > rule["fallen"]
        or rate > rule["share"] * test.best
    ):
        return None
    used = "the rate in use" if test.constant else f"the largest rate of {test.schedule}"
    return rule.found(
        f"{test.steps} steps at {used}, {rate:.1e}, leave the loss at {loss:.3f} of what it was; at {test.best:.1e} it falls to {best:.2f}{_groups(test)}",
        where=test.where,
        expected=f"a rate near {test.best:.0e} for {test.optimizer} here",
        fix=f"try {'lr=' if test.constant else 'a largest rate of '}{test.best:.1e}, and a third of it where that is too much",
        remedies=("learning-rate-of-range-test",),
        recommended=test.best,
        schedule=test.schedule,
        in_use=test.in_use,
        peak=rate,
        best=test.best,
        loss=loss,
    )


def _groups(test: RangeTest) -> str:
    """Which groups lie far below what they could take, where not all do."""
    low = [g for g in test.groups if g.largest is not None and g.in_use <= rule["share"] * g.largest]
    if not low or len(low) == len(test.groups):
        return ""
    named = " and ".join(
        f"group {g.group} ({', '.join(g.names)}; {g.in_use:.1e}, trains up to {g.largest:.1e})" for g in low
    )
    return f"; far below its largest rate is {named}"
