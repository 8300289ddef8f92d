"""The program waits for its data most of the time.

## What it measures
The share of the training time between two samples of the watch that is spent waiting for a loader to give the next batch.

## Why it matters
While the data are fetched and put together the network does nothing. The run takes as long as the data take, whatever the device.

## How to fix
Give the loader workers (`num_workers=4`, `persistent_workers=True`), keep decoded data in memory, index whole batches instead of single samples, do slow transforms once.

## Known false alarms
Networks so small that a step takes less than fetching a batch: there the whole run takes seconds. This is worth knowing, not a fault by itself.

## Source
PyTorch documentation, "Performance tuning guide", on asynchronous data loading; Mohan et al., "Analyzing and mitigating data stalls in DNN training" (2021).
"""

from ...evidence import NOWHERE, History, Loaders, Where
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold
from .._history import last, optimizer_place, usual

rule = Rule(
    code="NW801",
    name="data-loading-starves-compute",
    severity=Severity.INFO,
    kind=Kind.HYPERPARAMETER,
    guides=("T6",),
    thresholds={
        "share": Threshold(
            value=0.5, unit="of the time", source="more than half of the time is spent waiting"
        ),
        "samples": Threshold(value=16, unit="last samples", source="a single slow batch decides nothing"),
        "seconds": Threshold(value=10.0, unit="s", source="shorter runs have little to win"),
    },
)


@rule.check
def check(history: History, loaders: Loaders | None) -> Finding | None:
    """Look at the usual share of waiting."""
    series = history.series.get("run/loading_share")
    if series is None or len(series) < rule["samples"]:
        raise NotApplicable("waiting for data was not looked at often enough")
    share = usual(last(series, int(rule["samples"])))
    if share < rule["share"] or history.seconds < rule["seconds"]:
        return None
    return rule.found(
        f"{share:.0%} of the time the program waits for its data",
        where=_loader(loaders) or optimizer_place(history) or NOWHERE,
        expected="a loader that has the next batch ready when the step is done",
        fix="give the loader workers (num_workers=4, persistent_workers=True), or keep decoded data in memory",
        share=share,
        seconds=history.seconds,
    )


def _loader(loaders: Loaders | None) -> Where | None:
    """Where the loader that is trained from was made."""
    training = [x.where for x in loaders.loaders if x.role == "train" and x.where.known] if loaders else []
    return training[0] if training else None
