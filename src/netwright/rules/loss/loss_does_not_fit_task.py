"""The loss asks another question than the labels answer.

## What it measures
The loss function against form and values of its target and against what makes the prediction: cross-entropy over a single output or
with targets that are no probabilities, squared error on a softmax or sigmoid with class labels, on class numbers that the program then compares for equality, binary
losses with more than two classes or with real numbers, a loss for counts with negative targets, softmax where several labels can be true, a percentage error on labels of 0 and 1.

## Why it matters
Cross-entropy over one output is always 0 and teaches nothing. Squared error behind softmax or sigmoid has no gradient where the answer is wrong and sure
(the flat ends of the curve), and on class numbers it claims that class 2 lies between 1 and 3. A softmax makes labels compete that can be true together.

## How to fix
One of several classes: raw outputs, one for each class, and ``CrossEntropyLoss`` with class indices. Yes or no, or several labels at once:
raw outputs and ``BCEWithLogitsLoss``. Real numbers: no last activation and ``MSELoss``.

## Known false alarms
Squared error on one-hot codes (the Brier score) is a warning only behind softmax, and information behind a sigmoid, where many small networks learn well with it; autoencoders and targets that the network computes itself are not looked at.
Ordered classes fitted as numbers are reported only when the program rounds the prediction and compares it for equality.

## Source
Golik, Doetsch and Ney, "Cross-entropy vs. squared error training" (Interspeech 2013): squared error behind softmax trains far worse from random weights;
Goodfellow, Bengio and Courville, "Deep Learning", section 6.2.2; Hui and Belkin (2021) use squared error without softmax, which is not reported.
"""

from collections.abc import Mapping

from ...evidence import RESHAPES, Graph, Graphs, LossTerm, Node, Ref, Targets, Task, TaskKind, TensorInfo
from ...rule import Finding, Kind, Rule, Severity, Threshold
from .._loss import (
    BCE,
    BCE_LOGITS,
    SQUARED,
    THROUGH_CLAMP,
    one_hot,
    prediction_info,
    prediction_ref,
    target_info,
    zero_one,
)

rule = Rule(
    code="NW305",
    name="loss-does-not-fit-task",
    severity=Severity.ERROR,
    kind=Kind.BUG,
    guides=("S3", "E9"),
    explains=("NW106", "NW204", "NW216", "NW301", "NW404", "NW601", "NW701"),
    remedies=(
        "loss-for-class-numbers",
        "loss-for-classes",
        "loss-for-independent-labels",
        "sigmoid-for-independent-labels",
    ),
    thresholds={
        "mass": Threshold(
            value=0.02,
            unit="share",
            source="rounding of label smoothing and mixup in float16; their rows sum to 1",
        ),
        "classes": Threshold(
            value=50,
            unit="distinct labels",
            source="above this, whole numbers are more often counts than classes",
        ),
        "beyond": Threshold(
            value=0.25,
            unit="beyond 0..1",
            source="smoothed labels of 0.7 to 1.2 are advised for GANs (Chintala et al., ganhacks)",
        ),
    },
)

_ROUNDING = frozenset(["round", "argmax", "long", "int", "gt", "ge", "floor"])
_REDUCING = frozenset("mean sum max amax min amin median logsumexp".split())


@rule.check
def check(graphs: Graphs, task: Task, targets: Targets) -> list[Finding]:
    """Compare every main loss with its prediction and target."""
    found: list[Finding] = []
    for position, objective in enumerate(task.objectives):
        term, graph = objective.term, graphs.train[objective.graph]
        prediction, target = (
            (prediction_info(graph, term), target_info(graph, term)) if term else (None, None)
        )
        if term is None or prediction is None or target is None or target.stats is None:
            continue
        if objective.kind is TaskKind.AUTOENCODER or (term.target is not None and graph[term.target].tainted):
            continue
        counts = targets.counts[position] if position < len(targets.counts) else {}
        finding = None
        if term.op == "nll_loss":
            finding = _one_output(term, prediction)
        elif term.op == "poisson_nll_loss":
            finding = _counts(term, target)
        elif term.op == "cross_entropy":
            finding = _cross_entropy(term, prediction, target)
        elif term.op in SQUARED:
            finding = _squared(graphs, graph, term, prediction, target, counts)
        elif term.op == "percentage_error":
            finding = _percentage(graph, term, target)
        elif term.op in (BCE, BCE_LOGITS):
            finding = _binary(graph, term, prediction, target, counts)
        if finding is not None:
            found.append(finding)
    return found


def _cross_entropy(term: LossTerm, prediction: TensorInfo, target: TensorInfo) -> Finding | None:
    dim = 1 if len(prediction.shape) > 1 else 0
    classes, stats = prediction.shape[dim], target.stats
    if classes == 1 and prediction.numel > 1:
        return _single(term, prediction, "a softmax over one value is always 1", target)
    if not target.floating or target.shape != prediction.shape or stats is None or classes < 2:
        return None
    mass = stats.mean * classes
    if stats.min >= 0 and abs(mass - 1) <= rule["mass"]:
        return None
    if stats.integers and stats.min >= 0 and stats.max <= 1:
        return rule.found(
            f"cross_entropy at {term.where.at} makes {classes} labels compete, but {mass:.3g} of them are true per sample on average",
            where=term.edit,
            also=(term.where,),
            severity=Severity.WARNING,
            expected="exactly one true label per sample in cross_entropy",
            fix="use BCEWithLogitsLoss: it asks every label separately",
            remedies=("loss-for-independent-labels",),
            labels_per_sample=mass,
        )
    return rule.found(
        f"cross_entropy at {term.where.at} gets real numbers as target (range {stats.min:.3g} to {stats.max:.3g}, sum per sample "
        f"{mass:.3g}) where probabilities that sum to 1 are wanted",
        where=term.edit,
        also=(term.where,),
        expected="class indices, or probabilities that sum to 1, as target of cross_entropy",
        fix="use MSELoss to fit real numbers; for classes pass their indices as an int64 tensor",
        remedies=(),
        target_min=stats.min,
        target_max=stats.max,
        target_sum=mass,
    )


def _single(term: LossTerm, prediction: TensorInfo, why: str, target: TensorInfo | None = None) -> Finding:
    # With an answer of yes or no for each output the binary loss takes both as they are.
    stats = target.stats if target is not None and target.shape == prediction.shape else None
    binary = stats is not None and target is not None and target.floating and zero_one(stats)
    return rule.found(
        f"cross-entropy at {term.where.at} gets one output per sample {prediction.shape}: {why}, so this loss is 0 whatever the network says",
        where=term.edit,
        also=(term.where,),
        expected="one output for each class in cross-entropy, or a binary loss for one output",
        fix="use BCEWithLogitsLoss for yes/no labels (MSELoss for real numbers), or give the last layer one output per class",
        remedies=("loss-for-independent-labels",) if binary else (),
        outputs=1,
        labels_per_sample=stats.mean if stats is not None and binary else None,
    )


def _one_output(term: LossTerm, prediction: TensorInfo) -> Finding | None:
    """A negative log-likelihood over one output that is divided by its own sum."""
    if len(prediction.shape) != 2 or prediction.shape[1] != 1 or prediction.stats is None:
        return None
    close = abs(prediction.stats.min) < rule["mass"] and abs(prediction.stats.max) < rule["mass"]
    return _single(term, prediction, "divided by its own sum it is always 1") if close else None


def _counts(term: LossTerm, target: TensorInfo) -> Finding | None:
    stats = target.stats
    if stats is None or stats.min >= 0:
        return None
    return rule.found(
        f"{term.op} at {term.where.at} is made for counts (0, 1, 2, ...) and gets targets down to {stats.min:.3g}",
        where=term.edit,
        also=(term.where,),
        expected="counts as targets of poisson_nll_loss",
        fix="use MSELoss to fit real numbers, without a last activation",
        remedies=(),
        target_min=stats.min,
        target_max=stats.max,
    )


def _squared(
    graphs: Graphs,
    graph: Graph,
    term: LossTerm,
    prediction: TensorInfo,
    target: TensorInfo,
    counts: Mapping[float, int],
) -> Finding | None:
    ref = prediction_ref(term)
    source = graph.source(ref, THROUGH_CLAMP) if ref is not None else None
    classes = prediction.shape[1] if len(prediction.shape) == 2 else None
    if source is not None and source.op in ("softmax", "sigmoid"):
        hot = one_hot(target, classes)
        yes_no = (
            source.op == "sigmoid"
            and (classes is None or classes == 1)
            and len(prediction.shape) <= 2
            and zero_one(target.stats)
        )
        if hot or yes_no:
            return _saturating(term, source)
    if classes not in (None, 1) or not _class_numbers(counts) or prediction.shape[:1] != target.shape[:1]:
        return None
    if not (_compared(graph) or (graphs.evaluation is not None and _compared(graphs.evaluation))):
        return None
    outputs = _outputs(graphs, graph, ref, len(counts)) if ref is not None else None
    there = f"give CrossEntropyLoss the {outputs} outputs as they are, and the class indices"
    return rule.found(
        f"{term.op} at {term.where.at} fits the numbers of {len(counts)} classes as if they were amounts, and the program then "
        "compares the prediction with the class for equality",
        where=term.edit,
        also=(term.where,),
        severity=Severity.WARNING,
        confidence=0.7,
        expected="a loss for classes: one output for each class and cross_entropy",
        fix=there
        if outputs
        else f"give the last layer {len(counts)} outputs and use CrossEntropyLoss with the class indices",
        remedies=("loss-for-class-numbers",),
        classes=len(counts),
        outputs=outputs,
    )


def _outputs(graphs: Graphs, graph: Graph, ref: Ref, classes: int) -> int | None:
    """How many outputs the one number of a sample was made of, where there are enough for the classes and the program answers with the largest; else nothing."""
    info = graph.source(ref, RESHAPES | _REDUCING).output
    shape = info.shape if info is not None else ()
    if len(shape) != 2 or shape[1] < classes:
        return None
    answers = {
        _width(g, g.source(r))
        for g in (graph, graphs.evaluation)
        if g is not None
        for node in g.ops("eq")
        for r in node.refs
        if g[r].tainted and g.source(r).op in ("argmax", "max")
    }
    return shape[1] if answers == {shape[1]} else None


def _width(graph: Graph, largest: Node) -> int | None:
    info = graph.info(largest.refs[0]) if largest.refs else None
    return info.shape[1] if info is not None and len(info.shape) == 2 else None


def _percentage(graph: Graph, term: LossTerm, target: TensorInfo) -> Finding | None:
    stats = target.stats
    if stats is None or not zero_one(stats):
        return None
    ref = prediction_ref(term)
    source = graph.source(ref, THROUGH_CLAMP) if ref is not None else None
    return rule.found(
        f"the error at {term.where.at} is divided by its target, which is 0 for {1 - stats.mean:.0%} of the labels: these outweigh all others, and the network learns to answer 0",
        where=term.edit,
        also=(term.where,),
        expected="a loss made for class labels",
        fix="use BCELoss on the outputs of the sigmoid, or BCEWithLogitsLoss on raw outputs",
        remedies=("loss-for-classes",),
        zeros=1 - stats.mean,
        loss=term.op,
        activation=source.op if source is not None else None,
    )


def _saturating(term: LossTerm, source: Node) -> Finding:
    instead = "CrossEntropyLoss" if source.op == "softmax" else "BCEWithLogitsLoss"
    return rule.found(
        f"{term.op} at {term.where.at} measures class labels by squared error behind {source.op} at {source.edit.at}: where the "
        "answer is wrong and sure, the gradient vanishes",
        where=term.edit,
        also=(source.edit,),
        severity=Severity.WARNING if source.op == "softmax" else Severity.INFO,
        confidence=0.8,
        expected="a loss made for class labels",
        fix=f"use {instead} on the raw outputs and remove the {source.op} at {source.edit.at}",
        remedies=("loss-for-classes",),
        activation=source.op,
    )


def _class_numbers(counts: Mapping[float, int]) -> bool:
    values = sorted(counts)
    return 3 <= len(values) <= rule["classes"] and values == [float(i) for i in range(len(values))]


def _compared(graph: Graph) -> bool:
    """Whether rounded predictions are compared with something for equality."""
    return any(
        graph[ref].tainted and graph.source(ref).op in _ROUNDING
        for node in graph.ops("eq")
        for ref in node.refs
    )


def _binary(
    graph: Graph,
    term: LossTerm,
    prediction: TensorInfo,
    target: TensorInfo,
    counts: Mapping[float, int],
) -> Finding | None:
    ref = prediction_ref(term)
    source = graph.source(ref, THROUGH_CLAMP) if ref is not None else None
    width = prediction.shape[-1] if len(prediction.shape) > 1 else 1
    stats = target.stats
    if (
        stats is not None
        and not stats.integers
        and (stats.min < -rule["beyond"] or stats.max > 1 + rule["beyond"])
    ):
        return rule.found(
            f"{term.op} at {term.where.at} asks for probabilities of yes and no, but the targets are real numbers from {stats.min:.4g} to {stats.max:.4g}",
            where=term.edit,
            also=(term.where,),
            expected="targets between 0 and 1 in a binary loss",
            fix="use MSELoss to fit real numbers, without a sigmoid at the end; scale the targets to mean 0 and standard deviation 1",
            remedies=(),
            target_min=stats.min,
            target_max=stats.max,
        )
    if (
        source is not None
        and source.op == "softmax"
        and term.op == BCE
        and width > 2
        and zero_one(target.stats)
    ):
        several = not one_hot(target, width)
        return rule.found(
            f"{term.op} at {term.where.at} asks {width} labels separately, but softmax at {source.edit.at} makes them compete",
            where=term.edit if not several else source.edit,
            also=(source.edit, term.where),
            severity=Severity.ERROR if several else Severity.WARNING,
            expected="softmax with cross-entropy for one true label, sigmoid with binary cross-entropy for several",
            fix="remove the softmax and use BCEWithLogitsLoss"
            if several
            else "remove the softmax and use CrossEntropyLoss",
            remedies=("sigmoid-for-independent-labels",) if several else (),
            labels=width,
            several=several,
        )
    if width == 1 and len(counts) > 2 and all(v == int(v) for v in counts) and max(counts) > 1:
        return rule.found(
            f"{term.op} at {term.where.at} tells two classes apart, but the labels have {len(counts)} values up to {max(counts):g}",
            where=term.edit,
            also=(term.where,),
            expected="labels 0 and 1 in a binary loss",
            fix=f"give the last layer {int(max(counts)) + 1} outputs and use CrossEntropyLoss with the class indices",
            remedies=(),
            label_values=len(counts),
        )
    return None
