"""The labels are encoded in another way than this loss takes them.

## What it measures
Range and distinct values of the target of each loss, against what the loss is defined for: 0 to 1 for binary cross-entropy and
for probabilities in cross-entropy, -1 and 1 for the margin losses, class indices from 0 for cross-entropy. Labels that are all the same
class, after a conversion from floating-point numbers or in shuffled batches of three classes and more.

## Why it matters
These losses accept any number without a word. Binary cross-entropy with labels -1 and 1 has no lower bound for the negative
class, with 1 and 2 or 0 and 255 for the positive one, so training drives the outputs to infinity; margin losses with labels 0
and 1 give the zeros no gradient at all. Labels divided by 255 with the inputs are all 0 as integers. Indices counted from 1 spend one output on a class that never occurs.

## How to fix
Convert the labels: ``(y + 1) / 2`` for -1 and 1, ``y - 1`` for 1-based ones, ``y / 255`` for masks, ``2 * y - 1`` for margin losses.

## Known false alarms
Smoothed labels may leave 0 to 1 by up to 0.25 (as advised for the discriminator of a GAN). Labels outside the range that a
weight or mask removes afterwards (``reduction="none"`` or ``weight=``) are not judged.

## Source
PyTorch documentation of ``BCEWithLogitsLoss``, ``SoftMarginLoss``, ``HingeEmbeddingLoss``, ``CosineEmbeddingLoss`` and
``CrossEntropyLoss`` (what the target may hold).
"""

from collections.abc import Mapping

from ...evidence import DoorTensor, Graph, Graphs, Loaders, LossTerm, Node, Objective, Targets, Task
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold

_UNIT = frozenset({"binary_cross_entropy", "binary_cross_entropy_with_logits"})
_SIGNED = frozenset(
    {
        "soft_margin_loss",
        "hinge_embedding_loss",
        "cosine_embedding_loss",
        "margin_ranking_loss",
    }
)
_INDEX = frozenset({"cross_entropy", "nll_loss"})

rule = Rule(
    code="NW106",
    name="labels-wrongly-encoded",
    severity=Severity.ERROR,
    kind=Kind.BUG,
    guides=("T4", "S3"),
    explains=("NW301", "NW307", "NW204", "NW601", "NW701"),
    remedies=("recode-labels",),
    thresholds={
        "tolerance": Threshold(
            value=0.25,
            unit="beyond 0..1",
            source="smoothed labels of 0.7 to 1.2 are advised for GANs (Chintala et al., ganhacks)",
        ),
        "samples": Threshold(
            value=64, unit="labels", source="below, all may be of one class in sorted or very unequal data"
        ),
        "unseen": Threshold(
            value=0.01,
            unit="probability",
            source="that a class of a fifth of the average size is missing by chance",
        ),
    },
)


@rule.check
def check(graphs: Graphs, task: Task, targets: Targets, loaders: Loaders) -> list[Finding]:
    """Compare the target of every main loss term with what that loss is defined for."""
    found: list[Finding] = []
    looked = False
    shuffled = any(x.role == "train" and x.shuffled for x in loaders.loaders)
    for objective, target, counts in zip(task.objectives, targets.tensors, targets.counts, strict=False):
        term = objective.term
        if (
            term is None
            or target is None
            or target.stats.count == 0
            or term.op not in _UNIT | _SIGNED | _INDEX
        ):
            continue
        if _masked(graphs, objective, term):
            continue
        looked = True
        finding = _judge(graphs, objective, term, target, counts) or _constant(
            graphs.train[objective.graph], objective, term, counts, shuffled
        )
        if finding is not None:
            found.append(finding)
    if not looked:
        raise NotApplicable("no loss here restricts what its target may hold")
    return found


def _masked(graphs: Graphs, objective: Objective, term: LossTerm) -> bool:
    node = graphs.train[objective.graph][term.node]
    weighted = term.op in _UNIT and node.kwargs.get("weight") is not None
    return term.reduction == "none" or weighted


def _judge(
    graphs: Graphs, objective: Objective, term: LossTerm, target: DoorTensor, counts: Mapping[float, int]
) -> Finding | None:
    s = target.stats
    allowed = rule["tolerance"]
    probabilities = term.op == "cross_entropy" and target.floating
    if term.op in _UNIT or probabilities:
        if s.min < -allowed or s.max > 1 + allowed:
            return _outside(term, target, "between 0 and 1", _to_unit(target))
        return None
    if term.op in _SIGNED:
        if s.integers and s.min == 0 and s.max == 1:
            return _outside(term, target, "-1 and 1", "convert the labels with 2 * y - 1")
        return None
    return _from_one(graphs, objective, term, target, counts)


def _constant(
    graph: Graph, objective: Objective, term: LossTerm, counts: Mapping[float, int], shuffled: bool
) -> Finding | None:
    """All labels are one class, and they were made from numbers with fractions, or are shuffled and of more than two classes."""
    total, classes = sum(counts.values()), objective.classes or 0
    if (
        term.op not in _INDEX
        or len(counts) != 1
        or total < rule["samples"]
        or classes < 2
        or term.target is None
    ):
        return None
    cast = _cast(graph, graph[term.target])
    if cast is None and (classes < 3 or not shuffled):
        return None
    (only,) = counts
    where = cast.where if cast is not None else term.where
    why = (
        f"; they were floating-point numbers before {cast.op} at {cast.where.at}, which cuts off fractions"
        if cast is not None
        else ""
    )
    return rule.found(
        f"all {total} labels seen are {only:g}{why}",
        where=where,
        also=(term.where,) if cast is not None else (),
        expected=f"indices of {classes} classes",
        fix="look at how the labels are made: whole numbers, not scaled with the inputs",
        labels=total,
    )


def _cast(graph: Graph, node: Node) -> Node | None:
    """The call that made whole numbers of floating-point numbers on the way to the target."""
    for _ in range(12):
        if not node.refs:
            return None
        before = graph.info(node.refs[0])
        if node.kind == "op" and before is not None and before.floating:
            return node if node.output is not None and node.output.integral else None
        node = graph[node.refs[0]]
    return None


def _to_unit(target: DoorTensor) -> str:
    s = target.stats
    if s.min == -1 and s.max == 1:
        return "convert the labels to 0 and 1 with (y + 1) / 2"
    if s.min == 1 and s.max == 2:
        return "count the labels from 0: y - 1"
    if s.min >= 0 and s.max in (255.0, 100.0):
        return f"divide the labels by {s.max:.0f}"
    return "convert the labels to the range 0 to 1"


def _outside(term: LossTerm, target: DoorTensor, wanted: str, fix: str) -> Finding:
    s = target.stats
    return rule.found(
        f"{term.op} gets targets from {s.min:.4g} to {s.max:.4g}, and is defined for targets {wanted}",
        where=term.where,
        also=(target.where,) if target.where.known and target.where != term.where else (),
        expected=f"targets {wanted}",
        fix=fix,
        min=s.min,
        max=s.max,
        distinct=s.distinct,
    )


def _from_one(
    graphs: Graphs, objective: Objective, term: LossTerm, target: DoorTensor, counts: Mapping[float, int]
) -> Finding | None:
    """Indices 1..C-1 all seen, 0 never, with C outputs: information, since it trains."""
    classes, total = objective.classes, sum(counts.values())
    node = graphs.train[objective.graph][term.node]
    ignored = node.kwargs.get("ignore_index", -100)
    if classes is None or classes < 3 or ignored == 0 or set(counts) != {float(c) for c in range(1, classes)}:
        return None
    chance = (1 - 1 / (5 * classes)) ** total
    if chance > rule["unseen"]:
        return None
    return rule.found(
        f"the {total} labels seen are 1 to {classes - 1}, never 0, and the network has {classes} outputs: one class too many",
        where=term.where,
        severity=Severity.INFO,
        expected="class indices counted from 0",
        fix=f"count the labels from 0 (y - 1) and give the network {classes - 1} outputs",
        confidence=1 - chance,
        classes=classes,
        min=target.stats.min,
        max=target.stats.max,
    )
