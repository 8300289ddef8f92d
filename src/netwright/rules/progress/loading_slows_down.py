"""Progress becomes slower because the data take longer.

## What it measures
The share of time that the program waits for its data and the samples it gets through in a second, over the run.

## Why it matters
A run that was fast in the beginning and waits for its data later has a loader that gets slower: a cache that is full, a disk that is shared, a list that is searched from its beginning, workers that have died.

## How to fix
Look at what the loader does for a late sample that it did not do for an early one; keep decoded data, use more workers, move the data to a local disk.

## Known false alarms
Programs that wait for their data from the beginning are the matter of NW801. An evaluation or a checkpoint between two samples is not counted as waiting.

## Source
PyTorch documentation, "Performance tuning guide", on asynchronous data loading; Mohan et al., "Analyzing and mitigating data stalls in DNN training" (2021).
"""

from ...evidence import NOWHERE, History
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold
from .._history import levels, optimizer_place
from .._trends import change_point

rule = Rule(
    code="NW616",
    name="loading-slows-down",
    severity=Severity.INFO,
    kind=Kind.HYPERPARAMETER,
    guides=("T6",),
    thresholds={
        "share": Threshold(
            value=0.5, unit="of the time", source="more than half of the time is spent waiting"
        ),
        "before": Threshold(value=0.25, unit="of the time", source="it was a good deal less"),
        "sure": Threshold(value=0.01, unit="p", source="the usual level for a finding that nobody asked for"),
    },
)


@rule.check
def check(history: History) -> Finding | None:
    """Look for a change of the share of waiting."""
    series = history.series.get("run/loading_share")
    if series is None or not levels(series):
        raise NotApplicable("waiting for data was not looked at often enough")
    found = change_point(series.steps, series.values)
    if (
        found is None
        or found.p > rule["sure"]
        or found.before > rule["before"]
        or found.after < rule["share"]
    ):
        return None
    return rule.found(
        f"since about step {found.step:.0f} the program waits for its data {found.after:.0%} of the time; before it was {found.before:.0%}",
        where=optimizer_place(history) or NOWHERE,
        expected="a share of waiting that stays as it is",
        fix="look at what the loader does for late samples; keep decoded data, or use more workers",
        before=found.before,
        after=found.after,
        since=found.step,
    )
