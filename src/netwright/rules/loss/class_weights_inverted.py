"""Class weights strengthen the common classes instead of the rare ones.

## What it measures
The ``weight`` of cross-entropy (or ``pos_weight`` of binary cross-entropy) against how often each class was seen in the training batches: the slope of log weight over
log count. Weights against imbalance have a slope near -1; a slope near +1 means the counts themselves, or the inverse ratio, were passed. Negative weights are reported too.

## Why it matters
The loss then hides the rare classes twice: by their number and by their weight.

## How to fix
Pass the inverse: ``weight = counts.sum() / (len(counts) * counts)``; ``pos_weight = negatives / positives``.

## Known false alarms
Weights for the cost of a mistake rather than for imbalance rarely rise in step with the counts; with two classes they can.

## Source
PyTorch documentation of ``CrossEntropyLoss`` (``weight``) and ``BCEWithLogitsLoss`` (``pos_weight``: negatives over positives); King and Zeng, "Logistic regression in rare events data" (2001).
"""

import math
from collections.abc import Mapping, Sequence

from ...evidence import LossTerm, Targets, Task
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold

rule = Rule(
    code="NW313",
    name="class-weights-inverted",
    severity=Severity.WARNING,
    kind=Kind.BUG,
    guides=("E13",),
    explains=("NW107", "NW708"),
    remedies=("inverse-class-weights",),
    thresholds={
        "imbalance": Threshold(
            value=1.5,
            unit="most to least frequent",
            source="below this, sampling noise of some batches decides",
        ),
        "slope": Threshold(
            value=0.5,
            unit="log weight per log count",
            source="halfway between equal weights (0) and the counts themselves (1)",
        ),
        "slope_max": Threshold(
            value=1.5, unit="log weight per log count", source="as far above 1 as the lower limit is below"
        ),
        "fit": Threshold(
            value=0.8,
            unit="correlation",
            source="weights made from counts of the whole set, compared with counts of some batches",
        ),
        "labels": Threshold(
            value=100, unit="labels", source="enough to tell a share of 0.4 from 0.5 with two standard errors"
        ),
    },
)


@rule.check
def check(task: Task, targets: Targets) -> list[Finding]:
    """Compare the weights of every main loss term with the labels seen."""
    found: list[Finding] = []
    looked = False
    for position, objective in enumerate(task.objectives):
        term = objective.term
        if term is None or not (term.class_weights or term.pos_weight):
            continue
        looked = True
        counts = targets.counts[position] if position < len(targets.counts) else {}
        finding = _negative(term) or _by_class(term, counts) or _positive(term, counts)
        if finding is not None:
            found.append(finding)
    if not looked:
        raise NotApplicable("no loss here has class weights")
    return found


def _negative(term: LossTerm) -> Finding | None:
    lowest = min((*term.class_weights, *term.pos_weight))
    if lowest >= 0:
        return None
    return rule.found(
        f"the class weights of {term.op} at {term.where.at} go down to {lowest:.3g}: a negative weight rewards mistakes",
        where=term.edit,
        also=(term.where,),
        severity=Severity.ERROR,
        expected="weights of 0 or more",
        fix="pass positive weights",
        lowest=lowest,
    )


def slope(weights: Sequence[float], counts: Sequence[float]) -> tuple[float, float]:
    """Slope and correlation of log weight over log count."""
    x, y = [math.log(c) for c in counts], [math.log(w) for w in weights]
    mx, my = sum(x) / len(x), sum(y) / len(y)
    xx = sum((a - mx) ** 2 for a in x)
    yy = sum((b - my) ** 2 for b in y)
    xy = sum((a - mx) * (b - my) for a, b in zip(x, y, strict=True))
    return (xy / xx if xx else 0.0), (xy / math.sqrt(xx * yy) if xx and yy else 0.0)


def _by_class(term: LossTerm, counts: Mapping[float, int]) -> Finding | None:
    pairs = [(w, counts.get(float(i), 0)) for i, w in enumerate(term.class_weights)]
    pairs = [(w, n) for w, n in pairs if w > 0 and n > 0]
    if len(pairs) < 2 or sum(n for _, n in pairs) < rule["labels"]:
        return None
    most, least = max(n for _, n in pairs), min(n for _, n in pairs)
    rise, fit = slope([w for w, _ in pairs], [float(n) for _, n in pairs])
    if (
        most / least < rule["imbalance"]
        or fit < rule["fit"]
        or not rule["slope"] <= rise <= rule["slope_max"]
    ):
        return None
    common = max(pairs, key=lambda p: p[1])
    rare = min(pairs, key=lambda p: p[1])
    return rule.found(
        f"the class weights of {term.op} at {term.where.at} rise with the counts: the most frequent class ({common[1]} labels seen) has weight "
        f"{common[0]:.3g}, the rarest ({rare[1]}) has {rare[0]:.3g}",
        where=term.edit,
        also=(term.where,),
        expected="rare classes weigh more than frequent ones",
        fix="pass the inverse of the frequencies: counts.sum() / (len(counts) * counts)",
        slope=rise,
        weights=list(term.class_weights[:20]),
        counts={str(int(k)): v for k, v in list(counts.items())[:20]},
    )


def _positive(term: LossTerm, counts: Mapping[float, int]) -> Finding | None:
    negatives, positives = counts.get(0.0, 0), counts.get(1.0, 0)
    if len(term.pos_weight) != 1 or not negatives or not positives or negatives + positives < rule["labels"]:
        return None
    given, right = term.pos_weight[0], negatives / positives
    if given <= 0 or max(right, 1 / right) < rule["imbalance"]:
        return None
    rise = -math.log(given) / math.log(right)
    if not rule["slope"] <= rise <= rule["slope_max"]:
        return None
    return rule.found(
        f"pos_weight of {term.op} at {term.where.at} is {given:.3g}, but there are {right:.3g} negatives for each positive: the ratio is upside down",
        where=term.edit,
        also=(term.where,),
        expected=f"pos_weight near {right:.3g} (negatives over positives)",
        fix=f"turn it upside down, to {1 / given:.3g}: negatives divided by positives are {right:.3g}",
        given=given,
        negatives_per_positive=right,
    )
