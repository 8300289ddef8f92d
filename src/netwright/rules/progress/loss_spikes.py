"""The loss jumps up again and again.

## What it measures
Losses far above those just before them: more than ten robust deviations above the median of the last 32, more than twice as large, and of the order of the loss at the start.

## Why it matters
A jump undoes what several steps have learned, and a large enough one is never made good. It comes of single batches (wrong or extreme samples), or of a learning rate at the edge.

## How to fix
Clip gradients, lower the rate, or look at the samples of these batches.

## Known false alarms
Batches of one or two samples have losses that jump all the time: what comes often is not counted. Phases that follow each other (another set of layers, another data set) begin with one. This is worth knowing, not a fault by itself.

## Source
Iglewicz and Hoaglin, "How to detect and handle outliers" (1993); Chowdhery et al., "PaLM" (2022), section 5.1, on spikes of the loss and the batches behind them.
"""

from ...evidence import History, Task
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold
from .._history import beginning, current_loss, last, place
from .._trends import spikes

rule = Rule(
    code="NW608",
    name="loss-spikes",
    severity=Severity.INFO,
    kind=Kind.HYPERPARAMETER,
    guides=("H6", "T7"),
    thresholds={
        "spikes": Threshold(value=3, unit="jumps", source="one or two may be single hard batches"),
        "steps": Threshold(value=64, unit="losses", source="the first of them only show what is usual"),
        "rare": Threshold(
            value=0.05,
            unit="of the losses",
            source="what comes more often is the noise of the batches, not a jump",
        ),
        "high": Threshold(value=0.5, unit="of the loss at the start", source="a jump near 0 undoes nothing"),
        "looked": Threshold(
            value=500, unit="last losses", source="older ones have been reported, and do no harm now"
        ),
    },
)


@rule.check
def check(history: History, task: Task | None) -> Finding | None:
    """Count jumps."""
    name, series = current_loss(history, task)
    if len(series) < rule["steps"]:
        raise NotApplicable("the loss was not seen for long enough")
    recent = last(series, int(rule["looked"]))
    high = rule["high"] * beginning(series)
    found = spikes(recent.values)
    if len(found) > rule["rare"] * len(recent):
        return None
    found = [i for i in found if recent.values[i] > high]
    if len(found) < rule["spikes"]:
        return None
    steps = [recent.steps[i] for i in found]
    highest = max(recent.values[i] for i in found)
    return rule.found(
        f"{len(found)} times in the last {recent.steps[-1] - recent.steps[0]} steps the loss jumped to more than twice its usual value, up to {highest:.3g}; the last time at step {steps[-1]}",
        where=place(history, name),
        expected="a loss whose noise stays about the same from step to step",
        fix="clip gradients, lower the learning rate, or look at the samples of these batches",
        steps=tuple(steps[-16:]),
        highest=highest,
    )
