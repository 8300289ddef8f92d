"""The batch is much larger or much smaller than the noise of its gradients asks for.

## What it measures
The simple noise scale: the summed variance of the gradients of single samples over the squared length of their mean, in samples, by unbiased estimates with a 95 % interval, at the
weights as they are after the steps seen; beside it the samples of one update (the batch, times the batches whose gradients are added up).

## Why it matters
At that many samples the noise of the gradient is as long as the gradient. A batch many times larger makes hardly better steps: the same samples in smaller batches would give many more of them.
A batch many times smaller makes steps that are mostly noise: as many samples, added up, allow a larger rate and fewer steps, and batches run faster side by side.

## How to fix
Try a batch near the noise scale, with a rate changed along (by the same factor for SGD, by its square root for Adam). Where memory sets the batch, add up gradients of several.

## Known false alarms
The noise scale grows as the loss falls, often tenfold and more: a batch that is too large in the first steps may be right later. A small batch costs time and not accuracy as long as its
rate is small enough, and it often generalizes better. So this is worth knowing, and never a fault.

## Source
McCandlish, Kaplan, Amodei, "An empirical model of large-batch training" (2018): one step with B samples gets 1 / (1 + B_noise / B) of what the exact gradient would (equation 2.7);
Holden, "My neural network isn't working! What should I do?": you used a too large batch size.
"""

from ...evidence import NoiseScale
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold

rule = Rule(
    code="NW503",
    name="batch-size-far-from-noise-scale",
    severity=Severity.INFO,
    kind=Kind.HYPERPARAMETER,
    guides=("H5",),
    thresholds={
        "times": Threshold(
            value=10,
            unit="times the nearer end of the interval",
            source="a step then gets 10/11 or 1/11 of what the exact gradient would (McCandlish et al. 2018, equation 2.7)",
        ),
    },
)


@rule.check
def check(noise: NoiseScale) -> Finding | None:
    """Compare the samples of one update with the interval of the noise scale."""
    last = noise.estimates[-1]
    if last.scale is None or last.low is None or last.high is None:
        raise NotApplicable("so few samples cannot tell the mean gradient from 0")
    update, times = noise.update, rule["times"]
    if update > times * last.high:
        side, advice = (
            "larger",
            f"a batch near {_round(last.scale)} makes nearly as good a step of far fewer samples",
        )
    elif update * times < last.low:
        side, advice = (
            "smaller",
            f"add up gradients or take batches towards {_round(last.scale)}, with a larger rate",
        )
    else:
        return None
    return rule.found(
        f"one update uses {update:.0f} samples, far {side} than the noise scale of its gradients, {last.scale:.3g} samples (95 %: {last.low:.3g} to {last.high:.3g})",
        where=noise.where,
        expected="a batch within a power of ten of the noise scale, which grows as the loss falls",
        fix=advice,
        update=update,
        scale=last.scale,
        low=last.low,
        high=last.high,
        parts=last.parts,
        size=last.size,
    )


def _round(value: float) -> int:
    """A power of two near it, as batch sizes are chosen."""
    power = 1
    while power * 2**0.5 < value:
        power *= 2
    return power
