"""The learning rate is beyond the largest one that trains.

## What it measures
The loss after a few steps from the first weights, at a range of learning rates on copies of the program's parameters (the range test): what it comes to at the rate in use, and
the largest rate at which it does not grow.

## Why it matters
Beyond that rate steps are longer than the valley is wide. The loss grows or jumps about, and clipping, schedules or luck decide whether anything is learned.

## How to fix
Take a third of the largest rate that trains, or the one that lowered the loss most.

## Known false alarms
A rate at which the loss grows a little at first and falls later is not reported: the loss must grow by half. Large rates are fine where gradients are clipped: such programs are not judged. Programs with a warm-up are in its small rates when they are looked at.

## Source
Bengio, "Practical recommendations for gradient-based training of deep architectures" (2012), section 3.1.1: begin with a large rate and, when training diverges, divide it by 3 until it does not;
Smith, "Cyclical learning rates for training neural networks" (2017), for the range test.
"""

from ...evidence import Events, RangeTest
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold

rule = Rule(
    code="NW501",
    name="learning-rate-too-high",
    severity=Severity.WARNING,
    kind=Kind.HYPERPARAMETER,
    guides=("H6", "T7", "E7"),
    explains=("NW602", "NW603", "NW604", "NW606", "NW208"),
    thresholds={
        "grown": Threshold(
            value=1.5,
            unit="times the loss before",
            source="noise of batches moves a mean over all of them far less",
        ),
        "fallen": Threshold(
            value=0.9, unit="of the loss before", source="a rate that trains must exist to be compared with"
        ),
    },
)


@rule.check
def check(test: RangeTest, events: Events) -> Finding | None:
    """Compare the rate in use with those that train."""
    if events.of("clip"):
        raise NotApplicable("the program clips its gradients, and the test does not")
    if test.best is None or test.largest is None:
        raise NotApplicable("the loss grew at every rate that was tried")
    at = dict(zip(test.rates, test.losses, strict=True))
    loss, best = at.get(test.in_use, 1.0), at[test.best]
    if (
        best is None
        or best > rule["fallen"]
        or test.in_use <= test.largest
        or (loss is not None and loss < rule["grown"])
    ):
        return None
    comes = "the loss is no number any more" if loss is None else f"the loss is {loss:.3g} times what it was"
    return rule.found(
        f"after {test.steps} steps at the rate in use, {test.in_use:.1e}, {comes}; at {test.best:.1e} it is {best:.2f} times, and beyond {test.largest:.1e} it grows",
        where=test.where,
        expected=f"a rate below {test.largest:.1e} for {test.optimizer} here",
        fix=f"try lr={test.best:.1e}",
        in_use=test.in_use,
        largest=test.largest,
        best=test.best,
        loss=loss,
    )
