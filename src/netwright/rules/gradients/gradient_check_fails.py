"""The gradient is not that of the loss.

## What it measures
Derivatives of the captured loss along random directions, as autograd gives them and by central differences, both in float64 with the recorded random numbers; for all parameters
together and for each alone.

## Why it matters
Training follows the gradient. A wrong one (in a hand-written ``autograd.Function``, in a hook that changes gradients, through memory that is written to twice) leads somewhere else, and often
well enough that nobody notices.

## How to fix
Check the backward of the hand-written function with ``torch.autograd.gradcheck`` on small float64 inputs; or write it with torch's own calls and leave the backward to autograd.

## Known false alarms
Directions that meet a kink (a ReLU exactly at 0), steps that draw other random numbers at each run and derivatives too small for float64 are not judged. What ``detach`` and ``no_grad`` cut off is
constant on both sides, so that straight-through estimators agree; a gradient that is replaced on purpose in a hand-written function (gradient reversal) does differ: information.

## Source
Stanford CS231n, "Gradient checks": a relative error above 1e-2 usually means that the gradient is wrong, 1e-7 and less that all is well.
"""

from ...evidence import Derivative, GradientCheck, Graphs
from ...rule import Finding, Kind, Rule, Severity, Threshold

rule = Rule(
    code="NW411",
    name="gradient-check-fails",
    severity=Severity.ERROR,
    kind=Kind.BUG,
    guides=("S4", "E8"),
    remedies=("backward-of-autograd",),
    explains=("NW404", "NW406", "NW407", "NW601", "NW208"),
    thresholds={
        "error": Threshold(value=1e-2, unit="relative error", source="CS231n, gradient checks"),
        "reversed": Threshold(
            value=0.05, unit="relative distance from -1", source="gradient reversal multiplies by -1"
        ),
    },
)


@rule.check
def check(gradients: GradientCheck, graphs: Graphs) -> Finding | None:
    """Look for directions in which both derivatives differ."""
    wrong = [d for d in gradients.directions if not d.kink and d.error > rule["error"]]
    if not gradients.deterministic or not wrong:
        return None
    alone = [d for d in wrong if d.what != "all parameters"]
    worst = max(alone or wrong, key=lambda d: d.error)
    custom = next((n for g in graphs.train for n in g.ops("apply")), None)
    where = custom.where if custom is not None else worst.where if worst.where.known else gradients.loss_at
    names = ", ".join(d.what for d in alone[:3]) or "all parameters"
    return rule.found(
        f"the gradient is not that of the loss: along {len(wrong)} of {len(gradients.directions)} directions autograd and differences disagree, for {names} by "
        f"{worst.error:.1%} (autograd {worst.analytic:.3g}, differences {worst.numerical:.3g})",
        where=where,
        also=(gradients.loss_at,),
        severity=Severity.INFO if all(_reversed(d) for d in wrong) else None,
        expected="derivatives that agree to a millionth in float64",
        fix="check the hand-written backward with torch.autograd.gradcheck"
        if custom is not None
        else "look for hooks that change gradients, and for memory that is written to after it was used",
        error=worst.error,
        analytic=worst.analytic,
        numerical=worst.numerical,
    )


def _reversed(derivative: Derivative) -> bool:
    total = abs(derivative.numerical)
    return total > 0 and abs(derivative.analytic + derivative.numerical) < rule["reversed"] * total
