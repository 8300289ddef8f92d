"""Outputs do not line up with the samples of the batch.

## What it measures
How many rows the prediction has for the samples that came in and for the targets; and, with one sample of the batch replaced
at a time, which row of the prediction changes.

## Why it matters
A row that belongs to another sample, to a time step, or to the whole batch is compared with the wrong target: by broadcasting
or by chance of equal sizes the program runs, and learns nothing.

## How to fix
Keep dimension 0 for the samples in every call of `forward`: with `batch_first=True` take the last step as `out[:, -1]`, average
over time or features (`dim=1`) and not over samples, flatten with `x.flatten(1)`.

## Known false alarms
Programs whose targets are as few as the outputs (bags of instances, graphs, pairs) are right and not reported, nor are
single-sample batches. Batch normalization lets samples touch each other a little: a row must not change at all.

## Source
Tobin, "Troubleshooting deep neural networks": wrong tensor shapes are the most common bug; Karpathy, "A recipe for training
neural networks", on mixing information across the batch dimension.
"""

from ...evidence import BatchAlignment, BatchRows
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold

rule = Rule(
    code="NW221",
    name="batch-dimension-lost",
    severity=Severity.ERROR,
    kind=Kind.BUG,
    guides=("T4",),
    explains=("NW217", "NW301", "NW306", "NW406", "NW601"),
    remedies=("batch-first", "last-step"),
    thresholds={
        "own": Threshold(value=1e-6, unit="share of the largest change", source="float32 rounding"),
        "samples": Threshold(value=3, unit="samples", source="one or two samples line up by chance"),
    },
)


@rule.check
def check(alignment: BatchAlignment) -> list[Finding]:
    """Compare samples in, rows out and targets."""
    judged = [r for r in alignment.rows if r.samples >= rule["samples"] and r.rows is not None]
    if not judged:
        raise NotApplicable(
            alignment.why or "no batch of several samples with a recognised prediction was seen"
        )
    return [f for r in judged if (f := _judge(r)) is not None]


def _judge(row: BatchRows) -> Finding | None:
    if row.rows != row.samples:
        if row.target_rows != row.samples or (row.per_row or 0) > 1:
            return None
        what = f"{row.samples} samples came in and {row.target_rows} targets, but the prediction has shape {row.shape}"
        return _finding(row, what)
    if row.own_change is None or row.target_rows != row.samples or row.own_change > rule["own"]:
        return None
    what = f"when a sample of the batch changes, its own row of the prediction (shape {row.shape}) stays the same and others change"
    return _finding(row, what)


def _finding(row: BatchRows, what: str) -> Finding:
    lost = f"; the samples are lost at {row.lost_op}" if row.lost_op else ""
    return rule.found(
        what + lost,
        where=row.lost_at if row.lost_at.known else row.where,
        also=(row.where,),
        expected="one row of the prediction per sample, in the same order",
        fix="keep dimension 0 for the samples: out[:, -1] for the last time step with batch_first=True, means over dim=1, x.flatten(1)",
        samples=row.samples,
        rows=row.rows,
        targets=row.target_rows,
        own_change=row.own_change,
    )
