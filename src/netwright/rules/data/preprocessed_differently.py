"""Training and evaluation data are preprocessed differently.

## What it measures
The same input of the network in training and in evaluation: mean, standard deviation, range and distribution. It speaks when (a) the
spread differs threefold and one fixed scale and shift maps one distribution onto the other, (b) pixels fill two different ranges that
a scale and a shift map onto each other, (c) the columns are standardized on one side and raw on the other, or (d) a
column that is constant in training takes enormous values in evaluation (divided by a standard deviation of almost 0).

## Why it matters
The network is asked about numbers it never saw; the accuracy in evaluation says nothing about what it has learned.

## How to fix
Apply the same transformation, with the numbers of the training set, to both.

## Known false alarms
Augmentation, mixed or masked training images and a trend in time change spread and mean by less than these bounds. A
deliberate test on rescaled data is reported.

## Source
Tobin, "Troubleshooting deep neural networks", wrong preprocessing among the five most common bugs; Kolmogorov-Smirnov distance for the
comparison of distributions.
"""

from collections.abc import Sequence

from ...evidence import DoorTensor, EvalInputs, FeatureStats, TrainInputs
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold
from .._door import columns, median

rule = Rule(
    code="NW117",
    name="preprocessed-differently",
    severity=Severity.ERROR,
    kind=Kind.DATA,
    guides=("T4",),
    explains=("NW111", "NW702", "NW705"),
    remedies=("prepare-alike",),
    thresholds={
        "scale": Threshold(
            value=3.0,
            unit="times the standard deviation",
            source="above augmentation, masking and trends (below 2)",
        ),
        "distance": Threshold(
            value=0.15,
            unit="Kolmogorov-Smirnov distance",
            source="of two samples of one distribution from few correlated images, measured",
        ),
        "range": Threshold(
            value=0.03, unit="share of the range", source="pixels fill their range to this share"
        ),
        "shift": Threshold(
            value=1.0, unit="standard deviations", source="brightness augmentation stays below"
        ),
        "columns": Threshold(
            value=0.25, unit="share of the columns", source="columns of small unit shrink, the others grow"
        ),
        "column-shift": Threshold(
            value=3.0,
            unit="standard deviations",
            source="above a linear trend split at two thirds (2.6) and one class against all (1.1 for iris)",
        ),
        "column-spread": Threshold(
            value=2.0,
            unit="largest per smallest ratio of standard deviations",
            source="raw columns have units of their own (4 for iris); lags of one series share it",
        ),
        "explodes": Threshold(
            value=1000.0, unit="times the median standard deviation", source="beyond any outlier"
        ),
        "samples": Threshold(value=16.0, unit="samples", source="standard deviation known to about a fifth"),
    },
)


@rule.check
def check(inputs: TrainInputs, evaluation: EvalInputs) -> list[Finding]:
    """Compare inputs of one name, form and place."""
    pairs = [(t, e) for t in inputs.tensors for e in evaluation.tensors if _comparable(t, e)]
    if not pairs:
        raise NotApplicable("no input was seen both in training and in evaluation, with enough samples")
    found: list[Finding] = []
    for train, new in pairs:
        say = (
            _exploded(train, new) or _rescaled(train, new) or _ranged(train, new) or _standardized(train, new)
        )
        if say is not None:
            found.append(_finding(train, new, say))
    return found


def _comparable(train: DoorTensor, new: DoorTensor) -> bool:
    s, n = train.stats, new.stats
    same = train.name == new.name and train.shape[1:] == new.shape[1:] and len(train.shape) > 1
    width = max(1, _size(train))
    enough = min(s.count, n.count) / width >= rule["samples"]
    yesno = s.integers and s.min >= -1 and s.max <= 1 and n.min >= -1 and n.max <= 1
    fed = train.feeds not in ("embedding", "embedding_bag")
    return same and enough and fed and not yesno and s.std > 0 and n.std > 0


def _size(tensor: DoorTensor) -> int:
    """Values per sample, bounded where large tensors are sampled."""
    size = 1
    for n in tensor.shape[1:]:
        size *= n
    return min(size, 4096)


def _exploded(train: DoorTensor, new: DoorTensor) -> str | None:
    later = {f.index: f.stats for f in new.features}
    varied = [f.stats.std for f in train.features if f.stats.std > 1e-6 * f.stats.abs_max]
    bound = rule["explodes"] * median(varied)
    burst = [
        f.index
        for f in train.features
        if varied and f.stats.std <= 1e-6 * max(f.stats.abs_max, 1) and f.index in later
        if max(abs(later[f.index].min - f.stats.mean), abs(later[f.index].max - f.stats.mean)) > bound
    ]
    if not burst:
        return None
    return (
        f"{columns(burst)} hardly varies in training and reaches {later[burst[0]].abs_max:.3g} in evaluation, as if divided by a "
        "standard deviation of almost 0"
    )


def _rescaled(train: DoorTensor, new: DoorTensor) -> str | None:
    scale = new.stats.std / train.stats.std
    if 1 / rule["scale"] <= scale <= rule["scale"] or min(len(train.values), len(new.values)) < 64:
        return None
    mapped = [(v - train.stats.mean) * scale + new.stats.mean for v in train.values]
    if _distance(mapped, new.values) > rule["distance"]:
        return None
    return f"evaluation values are training values times {scale:.3g}, shifted by {new.stats.mean - scale * train.stats.mean:.3g}"


def _distance(one: Sequence[float], other: Sequence[float]) -> float:
    """Kolmogorov-Smirnov distance."""
    a, b = sorted(one), sorted(other)
    i = j = 0
    worst = 0.0
    while i < len(a) and j < len(b):
        value = min(a[i], b[j])
        while i < len(a) and a[i] <= value:
            i += 1
        while j < len(b) and b[j] <= value:
            j += 1
        worst = max(worst, abs(i / len(a) - j / len(b)))
    return worst


def _ranged(train: DoorTensor, new: DoorTensor) -> str | None:
    """Two full ranges of pixels: one scale and shift maps minimum, maximum, mean and standard deviation."""
    s, n = train.stats, new.stats
    if _size(train) < 16:
        return None
    width, wide = s.max - s.min, n.max - n.min
    scale = wide / width
    shift = n.min - scale * s.min
    moved = abs(n.mean - s.mean) / s.std
    fits = abs(n.std / s.std / scale - 1) < 0.2 and abs(scale * s.mean + shift - n.mean) < 0.1 * wide
    if not fits or (moved <= rule["shift"] and 1 / 1.5 < scale < 1.5):
        return None
    if not (_round(s.min, s.max) and _round(n.min, n.max)):
        return None
    return f"training values fill {s.min:.3g} to {s.max:.3g}, evaluation values {n.min:.3g} to {n.max:.3g}"


def _round(low: float, high: float) -> bool:
    """Whether a range is one that preprocessing leaves: 0 or -0.5 or -1 to 0.5, 1, 16, 255..."""
    tops = (0.5, 1.0, 2.0, 15.0, 16.0, 100.0, 255.0)
    return any(
        abs(high - top) <= rule["range"] * top and abs(low - bottom) <= rule["range"] * top
        for top in tops
        for bottom in (0.0, -top)
    )


def _standardized(train: DoorTensor, new: DoorTensor) -> str | None:
    """Columns standardized on one side alone."""
    one, two = _columns(train, new), _columns(new, train)
    if len(one) < 3 or len(one) != len(two):
        return None
    if _is_standard(one) and _is_raw(one, two):
        return "columns are standardized in training (mean 0, standard deviation 1) and raw in evaluation"
    if _is_standard(two) and _is_raw(two, one):
        return "columns are raw in training and standardized in evaluation (mean 0, standard deviation 1)"
    return None


def _columns(one: DoorTensor, other: DoorTensor) -> list[FeatureStats]:
    flat = {f.index for t in (one, other) for f in t.features if f.stats.std <= 1e-6 * f.stats.abs_max}
    return [f for f in one.features if f.index not in flat]


def _is_standard(features: list[FeatureStats]) -> bool:
    good = [f for f in features if abs(f.stats.mean) < 0.35 and 0.5 < f.stats.std < 1.5]
    return len(good) >= 0.8 * len(features)


def _is_raw(standard: list[FeatureStats], other: list[FeatureStats]) -> bool:
    pairs = list(zip(standard, other, strict=True))
    grown = sum(o.stats.std > rule["scale"] * s.stats.std for s, o in pairs) / len(pairs)
    moved = median(abs(o.stats.mean - s.stats.mean) / s.stats.std for s, o in pairs)
    ratios = [o.stats.std / s.stats.std for s, o in pairs]
    own_units = max(ratios) > rule["column-spread"] * min(ratios)
    return grown > rule["columns"] or (moved > rule["column-shift"] and own_units)


def _finding(train: DoorTensor, new: DoorTensor, say: str) -> Finding:
    s, n = train.stats, new.stats
    return rule.found(
        f"{train.name}: {say} (mean {s.mean:.3g} and standard deviation {s.std:.3g} in training, {n.mean:.3g} and {n.std:.3g} in "
        "evaluation)",
        where=new.where,
        also=(train.where,),
        expected="the same transformation, with numbers of the training set, for both",
        fix=f"apply to the evaluation data ({new.where.at}) what is applied to the training data ({train.where.at})",
        train_mean=s.mean,
        train_std=s.std,
        evaluation_mean=n.mean,
        evaluation_std=n.std,
    )
