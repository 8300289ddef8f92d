"""A column hardly varies: its standard deviation is nothing beside its size.

## What it measures
Standard deviation of each column (or channel) that enters a layer, relative to its magnitude, over the first training
batches. Below 1e-6 the column varies by a few steps of float32 only. A constant column is a warning when it is ten times as
large as the others, else it is information.

## Why it matters
A column that varies below the resolution of float32 carries rounding noise in place of its information, and dividing it by
its standard deviation gives NaN, or noise as large as the real columns. A large constant acts as a huge bias with a gradient
to match. A column that was constant in the training set and divided by almost zero explodes on the first new sample.

## How to fix
Leave the column out; or subtract its mean (in float64) before the conversion to float32, and divide by
``max(std, some sensible unit)``.

## Known false alarms
Columns that are zero throughout are harmless and left out; other constant ones of usual size are only information.

## Source
Holden, "My neural network isn't working!", first point ("standard deviation near 0 gives NaN"); IEEE 754 (float32 resolves
1.2e-7 of a value).
"""

from ...evidence import DoorTensor, FeatureStats, Graphs, TrainInputs
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold
from .._door import column_means, column_stds, columns, entry, median

rule = Rule(
    code="NW103",
    name="near-constant-feature",
    severity=Severity.WARNING,
    kind=Kind.DATA,
    guides=("H1",),
    explains=("NW102", "NW101"),
    remedies=("scale-inputs",),
    thresholds={
        "relative": Threshold(
            value=1e-6,
            unit="standard deviations per magnitude",
            source="8 steps of float32 (1.2e-7 of a value)",
        ),
        "large": Threshold(
            value=10.0, unit="times the median column", source="a bias of 10 standard deviations"
        ),
        "samples": Threshold(
            value=64.0, unit="values", source="fewer say little about a column being constant"
        ),
    },
)


@rule.check
def check(inputs: TrainInputs, graphs: Graphs) -> list[Finding]:
    """Look at the columns of each tensor that enters a layer unchanged."""
    found: list[Finding] = []
    looked = False
    for tensor in inputs.tensors:
        if entry(graphs, tensor) is None or len(tensor.features) < 2 or not tensor.floating:
            continue
        looked = True
        flat = [f for f in tensor.features if f.stats.count >= rule["samples"] and _flat(f)]
        if flat:
            found.append(_judge(tensor, flat))
    if not looked:
        raise NotApplicable("no input with columns enters a layer as it comes")
    return found


def _flat(feature: FeatureStats) -> bool:
    return feature.stats.abs_max > 0 and feature.stats.std <= rule["relative"] * feature.stats.abs_max


def _judge(tensor: DoorTensor, flat: list[FeatureStats]) -> Finding:
    varied = [f.stats for f in tensor.features if not _flat(f)]
    typical = median(s.rms for s in varied)
    noisy = [f.index for f in flat if f.stats.std > 0 and f.stats.distinct != 1]
    large = [f.index for f in flat if f.stats.abs_max > rule["large"] * typical and varied]
    grave = noisy or large
    which = grave or [f.index for f in flat]
    if noisy:
        say = "varies by less than a millionth of its size, which float32 cannot resolve"
    elif large:
        say = "is constant and many times larger than the other columns"
    else:
        say = "is constant and carries nothing"
    first = next(f.stats for f in flat if f.index == which[0])
    return rule.found(
        f"{columns(which)} of {tensor.name}: each {say} ({columns(which[:1])}: mean {first.mean:.6g}, "
        f"standard deviation {first.std:.3g})",
        where=tensor.where,
        severity=None if grave else Severity.INFO,
        expected="columns that vary by a good part of their size, or are left out",
        fix=f"leave {columns(which)} out, or subtract the mean in float64 before converting to float32",
        columns=which,
        mean=first.mean,
        std=first.std,
        input=tensor.name,
        column_means=column_means(tensor),
        column_stds=column_stds(tensor),
    )
