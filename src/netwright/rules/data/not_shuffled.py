"""The training data is not shuffled: labels come in blocks, batch after batch of the same classes.

## What it measures
For classification, how much more alike the labels of one batch are than in random batches (0: as random, 1: one class per
batch), and whether consecutive batches are more alike than the same batches in random order (500 permutations).

## Why it matters
A batch of one class pulls the network towards that class whatever the input; the next batches undo it. The loss looks low
while a class lasts and jumps at its end, and batch normalization sees other statistics than in evaluation.

## How to fix
``DataLoader(..., shuffle=True)`` for training, or a fresh ``torch.randperm`` every epoch.

## Known false alarms
Batches with few classes in random order (as for metric learning), contrastive losses, whose labels are the same in every batch,
full-batch training, and data in its own order with well-mixed labels are not reported.

## Source
Bengio, "Practical recommendations for gradient-based training of deep architectures" (2012), section on shuffling; Bottou,
"Stochastic gradient descent tricks" (2012), "randomly shuffle the training examples".
"""

from ...evidence import RESHAPES, BatchOrder, Graph, Graphs, LoaderInfo, Loaders, Node, Task, TaskKind, Where
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold
from .._grouping import Grouping, batches_of, grouping

rule = Rule(
    code="NW112",
    name="not-shuffled",
    severity=Severity.WARNING,
    kind=Kind.DATA,
    guides=("E2",),
    tasks=(TaskKind.CLASSIFICATION, TaskKind.BINARY),
    explains=("NW107", "NW608", "NW301"),
    remedies=("shuffle",),
    thresholds={
        "purity": Threshold(
            value=0.3,
            unit="0 as random, 1 one class per batch",
            source="far above stratified or drifting data",
        ),
        "chance": Threshold(
            value=0.03,
            unit="p-value",
            source="of a permutation test; sorted labels in 5 batches give 2 of 120 orders",
        ),
        "batches": Threshold(value=4.0, unit="batches", source="fewer have too few orders to tell"),
    },
)

_GENERATED = frozenset(
    [
        "zeros",
        "ones",
        "full",
        "arange",
        "zeros_like",
        "ones_like",
        "full_like",
        "new_zeros",
        "new_ones",
        "eye",
    ]
)


@rule.check
def check(order: BatchOrder, loaders: Loaders, task: Task, graphs: Graphs) -> Finding | None:
    """Test the labels in the order they came."""
    batches = _epoch(order)
    if not _one_classification(task) or not all(float(x).is_integer() for b in batches for x in b):
        raise NotApplicable("order is judged by class labels, and this is not one classification")
    if len(batches) < rule["batches"]:
        raise NotApplicable(f"only {len(batches)} batches with labels were seen")
    seen = grouping(batches)
    loader = next((x for x in loaders.loaders if x.role == "train"), None)
    if seen.same_every_batch and not _one_class_of_data(seen, loader, order, task, graphs):
        raise NotApplicable("every batch has the same labels (full-batch or contrastive training)")
    single = seen.classes == 1
    blocks = seen.purity >= rule["purity"] and seen.neighbours <= rule["chance"]
    if not single and not blocks and not _sorted(batches):
        return None
    return _finding(order, seen, loader, batches, single)


def _one_classification(task: Task) -> bool:
    """One loss on classes; a binary one whose first batch holds one class alone is not recognised as such."""
    term = task.sole.term if task.sole else None
    binary = term is not None and term.op.startswith("binary_cross_entropy")
    return term is not None and (task.kind in rule.tasks or (binary and task.kind is TaskKind.UNKNOWN))


def _epoch(order: BatchOrder) -> list[tuple[float, ...]]:
    """The batches of the first epoch (the order repeats after it)."""
    batches = batches_of(order)
    return batches[: order.epoch_batches] if order.epoch_batches else batches


def _sorted(batches: list[tuple[float, ...]]) -> bool:
    """Whether the labels only ever rise, or only ever fall, over all batches."""
    labels = [x for b in batches for x in b]
    return labels in (sorted(labels), sorted(labels, reverse=True))


def _one_class_of_data(
    seen: Grouping, loader: LoaderInfo | None, order: BatchOrder, task: Task, graphs: Graphs
) -> bool:
    """Only one class so far, though the labels are data of more classes, or come unshuffled from a loader with more to come."""
    objective = task.sole
    if seen.classes > 1 or objective is None or objective.term is None or objective.term.target is None:
        return False
    graph = graphs.train[objective.graph]
    made = _origin(graph, graph[objective.term.target])
    if made.op in _GENERATED:
        return False
    if loader is None:
        return (order.label_values or 0) > 1
    return loader.shuffled is False and (loader.dataset_length or len(order.labels) + 1) > len(order.labels)


def _origin(graph: Graph, node: Node) -> Node:
    """What a target was cut out of, looking through calls that change the form or pick rows."""
    while node.refs and (node.kind != "op" or node.op in RESHAPES):
        node = graph[node.refs[0]]
    return node


def _finding(
    order: BatchOrder,
    seen: Grouping,
    loader: LoaderInfo | None,
    batches: list[tuple[float, ...]],
    single: bool,
) -> Finding:
    where: Where = loader.where if loader is not None and loader.where.known else order.where
    mean = sum(len(set(b)) for b in batches) / len(batches)
    say = (
        f"all {len(batches)} batches seen so far hold one class"
        if single
        else f"batches hold {mean:.2g} of {seen.classes} classes on average, and neighbouring batches hold the same ones"
    )
    return rule.found(
        f"training labels come in blocks: {say}",
        where=where,
        expected="every batch a random draw of the training set",
        fix="shuffle=True in the training DataLoader"
        if loader is not None
        else "shuffle every epoch: order = torch.randperm(len(x)), then index x and y with it",
        confidence=0.8 if single else 1 - seen.neighbours,
        purity=seen.purity,
        p_value=seen.neighbours,
        batches=seen.batches,
        classes=seen.classes,
    )
