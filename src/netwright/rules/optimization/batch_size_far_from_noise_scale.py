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
The noise scale grows as the loss falls, often tenfold and more (autoencoders begin near 1): a batch that is too large in the first steps may be right later, so a hundredfold is asked for
on that side. A small batch costs time and not accuracy as long as its
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
        "larger": Threshold(
            value=100,
            unit="times the upper end of the interval",
            source="tenfold, where a step gets 10/11 of what the exact gradient would (McCandlish et al. 2018, equation 2.7), and as much again as room for its growth, since it increases as the loss decreases (the same paper)",
        ),
        "smaller": Threshold(
            value=0.1,
            unit="of the lower end of the interval",
            source="a step gets 1/11 of what the exact gradient would (the same equation)",
        ),
    },
)


@rule.check
def check(noise: NoiseScale) -> Finding | None:
    """Compare the samples of one update with the interval of the noise scale."""
    last = noise.estimates[-1]
    if last.scale is None or last.low is None or last.high is None:
        raise NotApplicable("so few samples cannot tell the mean gradient from 0")
    update = noise.update
    if update > rule["larger"] * last.high:
        side = "larger"
        advice = f"a batch of {max(1, round(10 * last.scale))} makes steps nearly as good here; begin with a smaller one, and let it grow with the noise scale"
    elif update < rule["smaller"] * last.low:
        side = "smaller"
        advice = f"add up gradients or take batches towards {round(last.scale)}, with a larger rate"
    else:
        return None
    return rule.found(
        f"one update uses {update:.0f} samples, far {side} than the noise scale of its gradients, {last.scale:.3g} samples (95 %: {last.low:.3g} to {last.high:.3g})",
        where=noise.where,
        expected="a batch from a tenth of the noise scale to a hundred times that of the first steps, since it grows as the loss falls",
        fix=advice,
        update=update,
        scale=last.scale,
        low=last.low,
        high=last.high,
        parts=last.parts,
        size=last.size,
    )
