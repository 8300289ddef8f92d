"""A few features dominate: their range is a hundred times that of the others.

## What it measures
Standard deviation and root mean square of every column (or channel) that enters the first layer, against the median over the
columns that vary and are not yes/no columns. The gradient of a first layer's weight is proportional to its column's value, so
the share of the squared gradient that the large columns take is known from these numbers too, and must be above 90 %.

## Why it matters
The large columns decide the first layer's output and its gradient; no learning rate suits both them and the others, which
are learned a hundred times slower.

## How to fix
Standardize every column by itself, ``x = (x - mean) / std``, with numbers of the training set; take the logarithm of columns
that span several powers of ten.

## Known false alarms
Constant, binary and mostly-zero columns are left out, so one-hot columns beside standardized ones are fine.

## Source
LeCun et al., "Efficient BackProp" (1998), section 4.3 (the ratio of eigenvalues of the input covariance limits the speed);
Holden, "My neural network isn't working!", the first point.
"""

from ...evidence import FeatureStats, Graphs, Parameters, TrainInputs
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold
from .._door import column_means, column_stds, columns, entry, layer_name, median

rule = Rule(
    code="NW102",
    name="one-feature-dominates",
    severity=Severity.WARNING,
    kind=Kind.DATA,
    guides=("H1",),
    explains=("NW101",),
    remedies=("scale-inputs",),
    thresholds={
        "ratio": Threshold(
            value=100.0,
            unit="times the median column",
            source="two powers of ten in scale are four in curvature: beyond what Adam's per-weight steps were seen to even out",
        ),
        "share": Threshold(value=0.9, unit="share of the squared gradient", source="nearly all of it"),
    },
)


@rule.check
def check(inputs: TrainInputs, graphs: Graphs, parameters: Parameters) -> list[Finding]:
    """Compare the columns of each tensor that enters a layer unchanged."""
    found: list[Finding] = []
    looked = False
    for tensor in inputs.tensors:
        place = entry(graphs, tensor)
        varied = [f for f in tensor.features if _comparable(f)]
        if place is None or len(varied) < 3:
            continue
        looked = True
        large, ratio, share = _dominating(varied)
        if large and share > rule["share"]:
            head = f"{columns(large)} of {tensor.name} {'is' if len(large) == 1 else 'are'}"
            found.append(
                rule.found(
                    f"{head} up to {ratio:.3g} times as large as the median column and "
                    f"{'takes' if len(large) == 1 else 'take'} {share:.1%} of the squared gradient of {layer_name(place.node)}",
                    where=tensor.where,
                    severity=None if parameters.fresh else Severity.INFO,
                    expected="columns of about the same size",
                    fix=_fix(large),
                    columns=large,
                    ratio=ratio,
                    gradient_share=share,
                    input=tensor.name,
                    column_means=column_means(tensor),
                    column_stds=column_stds(tensor),
                )
            )
    if not looked:
        raise NotApplicable("no input with at least 3 numeric columns enters a layer as it comes")
    return found


def _fix(large: list[int]) -> str:
    return (
        f"standardize each column by itself, x = (x - mean) / std, above all {columns(large)} (mean and std of the training "
        "set, in evaluation too)"
    )


def _comparable(feature: FeatureStats) -> bool:
    s = feature.stats
    binary = s.integers and s.min >= -1 and s.max <= 1
    return s.count >= 16 and s.std > 1e-6 * s.abs_max and not binary and s.zeros < 0.9


def _dominating(features: list[FeatureStats]) -> tuple[list[int], float, float]:
    """Columns that dominate, the largest ratio, and their share of the squared gradient."""
    std, rms = median(f.stats.std for f in features), median(f.stats.rms for f in features)
    ratios = {f.index: max(f.stats.std / std, f.stats.rms / rms) for f in features}
    large = sorted(i for i, r in ratios.items() if r > rule["ratio"])
    total = sum(f.stats.rms**2 for f in features)
    share = sum(f.stats.rms**2 for f in features if f.index in large) / total
    return large, max(ratios.values()), share
