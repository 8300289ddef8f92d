"""The loss grows, and what was learned is lost.

## What it measures
The values that ``backward`` is called on in the first steps: how many times the first one they reach, and whether they grow from step to step. In a run that is watched, the loss over all steps: whether it rises, by the interval
of its robust slope, and has come far above where it began or has lost most of what it had fallen.

## Why it matters
A step that is too long lands higher on the other side of the valley, and the next gradient is larger still: the loss multiplies at each step until it is infinite, and the weights
are NaN. What was learned before is gone.

## How to fix
Lower the learning rate, by tens until the loss falls; normalize inputs and targets, whose size sets the largest rate that works. Clip gradients where a few of them are large.

## Known false alarms
Losses of programs with several of them (GANs) may grow on purpose and are not looked at, nor are losses that pass through 0. A loss that jumps once and comes back (a first step with
momentum, an unlucky batch) does not grow from step to step. A phase with other layers or other data begins with a jump and falls again: it does not rise.

## Source
Bengio, "Practical recommendations for gradient-based training of deep architectures" (2012), section 3.1.1: a rate more than twice the best one makes the training loss diverge. Sen (1968), for the slope.
"""

import itertools
import math
from collections.abc import Sequence

from ...evidence import Events, History, Optimizers, Series, Task
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold
from .._gradients import learning_rates
from .._history import beginning, current_loss, levels, optimizer_place, place
from .._trends import logarithms, slope

rule = Rule(
    code="NW602",
    name="loss-diverging",
    severity=Severity.ERROR,
    kind=Kind.HYPERPARAMETER,
    guides=("H6", "T7"),
    explains=("NW414", "NW603"),
    remedies=("smaller-learning-rate",),
    thresholds={
        "growth": Threshold(
            value=100.0, unit="times the first loss", source="about seven doublings: no noise of batches"
        ),
        "rising": Threshold(
            value=0.75, unit="share of the steps", source="noise of batches rises in half of them"
        ),
        "steps": Threshold(value=5, unit="losses", source="fewer may be one jump"),
        "above": Threshold(
            value=2.0, unit="times the first losses", source="healthy recipes of FaultBench never come there"
        ),
        "lost": Threshold(
            value=0.5, unit="of what the loss had fallen", source="half of what was learned is gone"
        ),
        "watched": Threshold(
            value=48, unit="losses", source="fewer leave the interval of the slope too wide"
        ),
    },
)


_EXPECTED = "a loss that falls, or stays about the same"


@rule.check
def check(
    events: Events | None, task: Task | None, optimizers: Optimizers | None, history: History | None
) -> Finding | None:
    """Follow the loss over the first steps, and over the whole run where that is watched."""
    why: NotApplicable | None = None
    if events is not None and task is not None and optimizers is not None:
        try:
            found = _first_steps(events, task, optimizers)
        except NotApplicable as reason:
            found, why = None, reason
        if found is not None or (history is None and why is None):
            return found
    if history is None:
        raise why or NotApplicable("neither the first steps nor a watched run were seen")
    return _whole_run(history, task)


def _first_steps(events: Events, task: Task, optimizers: Optimizers) -> Finding | None:
    losses = events.losses
    if len(task.objectives) != 1 or len(losses) < rule["steps"]:
        raise NotApplicable("the first steps of one loss were not seen")
    if not math.isfinite(losses[0]) or any(v <= 0 for v in losses):
        raise NotApplicable("the loss is not positive and finite from the first step on")
    growth, last = _growth(losses)
    if growth <= rule["growth"]:
        return None
    used = [o for o in optimizers.optimizers if o.steps]
    rates = learning_rates(*used)
    where = used[0].where if used and used[0].where.known else optimizers.manual
    step = events.of("backward")[-1].where
    place = where if where is not None and where.known else step
    rate = f" with {used[0].type} at rate {max(rates):g}" if used and rates else ""
    return rule.found(
        f"the loss grows from {losses[0]:.3g} to {last} in {len(losses)} steps{rate}",
        where=place,
        also=(step,),
        expected=_EXPECTED,
        fix="lower the learning rate ten times or more"
        if rates
        else "make the step by hand ten times shorter or more",
        first=losses[0],
        growth=growth if math.isfinite(growth) else None,
        losses=tuple(v if math.isfinite(v) else None for v in losses[:16]),
    )


def _whole_run(history: History, task: Task | None) -> Finding | None:
    name, series = current_loss(history, task)
    first, medians = beginning(series), levels(series)
    if len(series) < rule["watched"] or not medians:
        raise NotApplicable("the loss was not seen for long enough")
    if not first > 0 or min(medians) <= 0:
        raise NotApplicable("the loss is not positive")
    best, now = min(first, *medians), medians[-1]
    lost = (now - best) / (first - best) if first > best else 0.0
    far = now > rule["above"] * first
    if not _rises(series) or not (far or (lost > rule["lost"] and now > rule["above"] * best)):
        return None
    came = f"{now / first:.3g} times where it began" if far else f"{lost:.0%} of what it had fallen is lost"
    return rule.found(
        f"the loss began at {first:.3g}, was down to {best:.3g}, and is at {now:.3g} and rising: {came}",
        where=optimizer_place(history) or place(history, name),
        also=(place(history, name),),
        severity=Severity.ERROR if now > rule["growth"] * first else Severity.WARNING,
        expected=_EXPECTED,
        fix="lower the learning rate ten times or more",
        first=first,
        best=best,
        now=now,
        growth=now / first,
    )


def _rises(series: Series) -> bool:
    """Whether the second half rises, as a line or, as what multiplies from step to step does, as a line on a logarithmic scale."""
    half = len(series) // 2
    steps, values = series.steps[half:], series.values[half:]
    return any(f is not None and f.rises for f in (slope(steps, values), slope(steps, logarithms(values))))


def _growth(losses: Sequence[float]) -> tuple[float, str]:
    """How many times the first loss the last one is, and how to say it; 1 where it did not grow from step to step."""
    finite = [v for v in losses if math.isfinite(v)]
    rising = sum(b > a for a, b in itertools.pairwise(finite))
    if len(finite) < 2 or rising < rule["rising"] * (len(finite) - 1):
        return 1.0, ""
    if len(finite) < len(losses):
        return math.inf, "infinity"
    return finite[-1] / finite[0], f"{finite[-1]:.3g}"
