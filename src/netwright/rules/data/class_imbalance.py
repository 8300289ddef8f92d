"""One class holds most of the samples, and nothing here would show that the others are ignored.

## What it measures
How often each class was a target over the first training batches, with the uncertainty of so many samples. A share above 80 %
(lower end of its 95 % interval) is a warning when the program counts correct answers (a comparison of predicted with true
labels) and neither the loss nor the sampler weighs the classes. Otherwise it is information, as is a largest class more than ten
times the smallest.

## Why it matters
A network that always answers the majority class scores that share of correct answers, so accuracy near it means nothing.

## How to fix
Report recall, balanced accuracy or average precision beside accuracy; if the rare classes matter, weigh them
(``weight=`` or ``pos_weight=``, inverse to the counts) or draw them more often (``WeightedRandomSampler``).

## Known false alarms
Imbalance itself is no fault (click rates, tagging of words): without a count of correct answers it stays information. Dense
tasks and language models, whose classes are never even, are not judged.

## Source
Japkowicz and Stephen, "The class imbalance problem" (2002); Tobin, "Troubleshooting deep neural networks", dataset
construction; Wilson (1927) for the interval.
"""

from collections.abc import Mapping

from ...evidence import BatchOrder, Graphs, Loaders, Metrics, Objective, Targets, Task, TaskKind, Where
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold
from .._grouping import batches_of, grouping

rule = Rule(
    code="NW107",
    name="class-imbalance",
    severity=Severity.WARNING,
    kind=Kind.DATA,
    guides=("T0", "E13"),
    tasks=(TaskKind.CLASSIFICATION, TaskKind.BINARY),
    remedies=("keep-all-samples", "weigh-classes"),
    thresholds={
        "share": Threshold(
            value=0.8, unit="share of the samples", source="four of five correct by a constant answer"
        ),
        "ratio": Threshold(
            value=10.0, unit="largest class per smallest", source="Japkowicz and Stephen (2002)"
        ),
        "samples": Threshold(
            value=100.0, unit="samples", source="a share of 0.8 is known to 0.08 from 100 samples"
        ),
        "purity": Threshold(
            value=0.3, unit="0 as random, 1 one class per batch", source="NW112: sorted data shows no shares"
        ),
    },
)


@rule.check
def check(
    task: Task, targets: Targets, order: BatchOrder, loaders: Loaders, graphs: Graphs, metrics: Metrics
) -> Finding | None:
    """Look at the shares of the classes."""
    objective = task.sole
    if task.kind not in rule.tasks or objective is None or objective.term is None or not targets.counts:
        raise NotApplicable("this is not one classification")
    counts = targets.counts[0]
    if any(label != int(label) for label in counts):
        raise NotApplicable("labels are mixed or smoothed")
    total = sum(counts.values())
    if total < rule["samples"] or len(counts) < 2:
        raise NotApplicable(f"{total} labels of {len(counts)} classes seen are too few to know the shares")
    batches = batches_of(order)
    if len(batches) > 1 and grouping(batches, tries=1).purity > rule["purity"]:
        raise NotApplicable(
            "labels come in blocks (not shuffled), so the first batches do not show the shares"
        )
    majority = max(counts, key=lambda c: counts[c])
    low = _wilson(counts[majority] / total, total)
    ratio = counts[majority] / min(counts.values())
    if low <= rule["share"] and ratio <= rule["ratio"]:
        return None
    blind = low > rule["share"] and not _weighted(graphs, objective, loaders)
    metric = next((w for w in metrics.accuracy if w.known), None) if blind else None
    return _finding(objective, counts, majority, metric)


def _wilson(share: float, n: int, z: float = 1.96) -> float:
    """Lower end of the 95 % interval of a share."""
    centre = share + z * z / (2 * n)
    spread = z * (share * (1 - share) / n + z * z / (4 * n * n)) ** 0.5
    return (centre - spread) / (1 + z * z / n)


def _weighted(graphs: Graphs, objective: Objective, loaders: Loaders) -> bool:
    term = objective.term
    if term is None or term.handmade or term.op in ("other", "sigmoid_focal_loss"):
        return True
    node = graphs.train[objective.graph][term.node]
    drawn = any("Weighted" in x.sampler for x in loaders.loaders if x.role != "evaluation")
    multiplied = term.reduction == "none"
    return drawn or multiplied or any(node.kwargs.get(k) is not None for k in ("weight", "pos_weight"))


def _finding(
    objective: Objective, counts: Mapping[float, int], majority: float, metric: Where | None
) -> Finding:
    total = sum(counts.values())
    share = counts[majority] / total
    term = objective.term
    smallest = min(counts, key=lambda c: counts[c])
    where = metric or (term.where if term else Where())
    blind = f"; always answering it gives {share:.0%} in the accuracy of {where.at}" if metric else ""
    return rule.found(
        f"class {majority:g} has {share:.1%} of {total} training labels, class {smallest:g} {counts[smallest] / total:.1%}{blind}",
        where=where,
        also=(term.where,) if metric and term else (),
        severity=None if metric else Severity.INFO,
        expected="classes of similar size, or a loss, a sampler or a metric that weighs them",
        fix="report recall per class or balanced accuracy beside accuracy; weigh the classes in the loss "
        "(weight= or pos_weight=) if the rare ones matter",
        counts={str(c): n for c, n in sorted(counts.items())[:100]},
        majority_share=share,
    )
