"""The loss goes up and down from step to step and does not come down.

## What it measures
How often the loss turns (higher or lower than both neighbours) in the last hundred steps, how far it swings, and whether it has come down since the first steps.

## Why it matters
A step that is too long jumps to the other side of the valley and back again: the loss alternates, and what is won in one step is lost in the next.

## How to fix
Lower the learning rate three to ten times; with momentum, lower the momentum or the rate.

## Known false alarms
Losses of single batches differ, and two thirds of their points turn by chance: only what turns more often than that, beyond four standard errors, is reported, and only where the loss has not come down. Batches that come in
a fixed order of two kinds alternate as well.

## Source
The turning-point test (Kendall, "Time-Series", 1973, section 2.2); Tobin, "Troubleshooting deep neural networks", on errors that oscillate; Bengio (2012), section 3.1.1.
"""

from ...evidence import History, Task
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold
from .._history import current_loss, last, levels, place, usual
from .._trends import alternation

rule = Rule(
    code="NW604",
    name="loss-oscillating",
    severity=Severity.WARNING,
    kind=Kind.HYPERPARAMETER,
    guides=("T7", "H6"),
    remedies=("lower-learning-rate",),
    thresholds={
        "turning": Threshold(
            value=4.0, unit="standard errors above 2/3", source="p = 3e-5 for noise without memory"
        ),
        "swing": Threshold(value=0.05, unit="of the loss", source="smaller swings do not hold training back"),
        "fallen": Threshold(
            value=0.9, unit="of the first level", source="a loss that comes down while it swings is trained"
        ),
        "steps": Threshold(value=100, unit="losses", source="with fewer the test tells nothing"),
    },
)


@rule.check
def check(history: History, task: Task | None) -> Finding | None:
    """Count turns, and measure the swing, over the last steps."""
    name, series = current_loss(history, task)
    if len(series) < rule["steps"]:
        raise NotApplicable("the loss was not seen for long enough")
    recent = last(series, int(rule["steps"]))
    found, level, first = alternation(recent.values), abs(usual(recent)), levels(series)
    if found is None or not level or not first or found.z < rule["turning"]:
        return None
    if found.amplitude < rule["swing"] * level or usual(recent) < rule["fallen"] * first[0]:
        return None
    return rule.found(
        f"over the last {len(recent)} steps the loss turns at {found.turning:.0%} of them (noise: 67 %) and swings by {found.amplitude / level:.0%} of its value, {level:.3g}, to either side",
        where=place(history, name),
        expected="a loss that comes down, with the noise of batches",
        fix="lower the learning rate three to ten times",
        turning=found.turning,
        swing=found.amplitude / level,
        level=level,
    )
