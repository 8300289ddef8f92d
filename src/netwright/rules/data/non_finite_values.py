"""NaN or infinite values in the inputs or the targets.

## What it measures
The share of values that are NaN or infinite in every floating-point tensor that enters the network, and in the targets, over the first
batches, and the columns they stand in.

## Why it matters
One NaN makes every sum it enters NaN: the loss, every gradient, and after one step every weight. Nothing recovers from it.

## How to fix
Find where they come from (missing entries of a table, a division by a standard deviation of 0, the logarithm of 0) and fill,
mask or drop these samples before they reach the network.

## Known false alarms
Attention masks of 0 and minus infinity are left alone, and so are values that the program handles itself: where every loss
is finite, they never reached it.

## Source
IEEE 754 (NaN propagates); Tobin, "Troubleshooting deep neural networks", numerical instability among the five most common bugs.
"""

from ...evidence import DoorTensor, Events, Targets, TrainInputs
from ...rule import Finding, Kind, Rule, Severity, Threshold
from .._door import columns

rule = Rule(
    code="NW105",
    name="non-finite-values",
    severity=Severity.ERROR,
    kind=Kind.DATA,
    guides=("T4", "H1"),
    explains=(
        "NW101",
        "NW102",
        "NW103",
        "NW104",
        "NW216",
        "NW301",
        "NW404",
        "NW406",
        "NW407",
        "NW409",
        "NW414",
        "NW501",
        "NW502",
        "NW603",
        "NW610",
    ),
    remedies=("fill-non-finite",),
    thresholds={"share": Threshold(value=0.0, unit="share of the values", source="one NaN is enough")},
)


@rule.check
def check(inputs: TrainInputs, targets: Targets, events: Events) -> list[Finding]:
    """Look at every floating-point tensor at the door and at the targets."""
    if events.losses and all(abs(loss) < float("inf") for loss in events.losses):
        return []
    doors = [t for t in inputs.tensors if not _mask(t)]
    wanted = [t for t in targets.tensors if t is not None]
    return [
        _finding(t, is_target=is_target)
        for tensors, is_target in ((doors, False), (wanted, True))
        for t in tensors
        if t.stats.nonfinite > rule["share"]
    ]


def _mask(tensor: DoorTensor) -> bool:
    """An additive attention mask: 0 and infinity only."""
    s = tensor.stats
    return s.nan == 0 and s.std == 0 and s.mean == 0


def _finding(tensor: DoorTensor, *, is_target: bool) -> Finding:
    s = tensor.stats
    bad = [f.index for f in tensor.features if f.stats.nonfinite > 0]
    what = "NaN" if s.nan >= s.nonfinite else "infinite" if s.nan == 0 else "NaN or infinite"
    inside = f", in {columns(bad)}" if bad and len(bad) < len(tensor.features) else ""
    return rule.found(
        f"{s.nonfinite:.2%} of the values of {tensor.name} are {what}{inside}",
        where=tensor.where,
        expected="finite numbers only",
        fix=f"fill or drop them before they reach the network (torch.isfinite({tensor.name}) finds them)",
        nonfinite=s.nonfinite,
        nan=s.nan,
        columns=bad[:100],
        input=tensor.name,
        is_target=is_target,
    )
