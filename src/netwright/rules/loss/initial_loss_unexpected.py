"""The untrained network does not start at the loss of a blind guess.

## What it measures
The data term of the first loss, without regularization, against what chance predicts: ln C for C classes, ln 2 for yes/no labels; at the lower end the entropy of the labels seen.
For regression the mean square of the target, which is what answering 0 costs, where the outputs are larger than a default initialization makes them. The sampling error of the batch is added to the limit, from the spread of the outputs.
Where the experiment `initial-loss` was done the first weights were put back and the loss was taken over all captured batches, without dropout; chance is then what the program's own loss function gives for blind answers (with its class weights,
label smoothing and ignored labels), and nothing is said unless the 99.9 % interval of the mean over samples lies beyond the limit.

## Why it matters
An untrained network knows nothing. A higher start means that its outputs are already large and sure: the first epochs go into unlearning
them, and the cause (unnormalized inputs, too large weights, a factor on the outputs) hurts later too. A much lower start means that the answer leaks in or that the loss is scaled down.

## How to fix
Make the outputs of the untrained network small: normalize the inputs, use the framework's initialization, remove factors on the outputs.

## Known false alarms
Margins and scaled cosines (ArcFace, CLIP) start high by design and are recognised by their normalization. Loaded weights are not judged, weighted losses and sums only where the experiment was done.

## Source
Karpathy, CS231n notes, "Look for correct loss at chance performance" (2.302 for ten classes); Shao, "Checklist for debugging neural networks"; factor 2 from the catalogue of these guides,
above what default initializations give on normalized data (1.0 to 1.4 times ln C).
"""

import math
from collections.abc import Mapping

from ...evidence import (
    FirstLoss,
    Graph,
    Graphs,
    InitialLoss,
    LossTerm,
    Objective,
    Parameters,
    Stats,
    Targets,
    Task,
    TaskKind,
    TensorInfo,
)
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold
from .._loss import BCE, BCE_LOGITS, LINEAR, prediction_info, prediction_ref, scalar_value, walk_back

rule = Rule(
    code="NW301",
    name="initial-loss-unexpected",
    severity=Severity.WARNING,
    kind=Kind.BUG,
    guides=("S3",),
    tasks=(
        TaskKind.CLASSIFICATION,
        TaskKind.BINARY,
        TaskKind.MULTILABEL,
        TaskKind.REGRESSION,
        TaskKind.DENSE_CLASSIFICATION,
        TaskKind.LANGUAGE_MODEL,
    ),
    remedies=("no-factor-on-outputs",),
    thresholds={
        "high": Threshold(
            value=2.0,
            unit="x chance",
            source="CS231n and Shao; healthy default initializations stay below 1.4",
        ),
        "low": Threshold(
            value=0.5,
            unit="x entropy of the labels",
            source="an untrained network cannot know half of the label",
        ),
        "errors": Threshold(
            value=3.0, unit="standard errors", source="one false alarm in 700 batches by chance"
        ),
        "regression": Threshold(
            value=10.0,
            unit="x mean square of the target",
            source="outputs of unit variance on targets of a third of that are still common in healthy programs",
        ),
        "output": Threshold(
            value=2.0,
            unit="root mean square of the outputs of a regression",
            source="default initializations on normalized inputs stay below 1; such a start is unlearned in a few steps however small the targets",
        ),
        "labels": Threshold(
            value=100, unit="labels", source="enough for the entropy of the labels to within about 10 %"
        ),
    },
)

_TELLING = 0.1  # nats: labels of less entropy are nearly all the same
_BOUNDED = frozenset({"normalize", "cosine_similarity"})


@rule.check
def check(
    graphs: Graphs,
    task: Task,
    targets: Targets,
    parameters: Parameters,
    tried: InitialLoss | None = None,
) -> list[Finding]:
    """Judge the first value of every objective's data term; where the first loss was measured over all batches, that one."""
    if not parameters.fresh:
        raise NotApplicable("the weights were loaded: the first loss is not that of a blind guess")
    found: list[Finding] = []
    for position, objective in enumerate(task.objectives):
        graph, term = graphs.train[objective.graph], objective.term
        if term is None or graph.step > 0 or objective.kind not in rule.tasks:
            continue
        counts = targets.counts[position] if position < len(targets.counts) else {}
        first = tried.first if tried is not None and objective.graph == 0 else None
        if first is not None and (first.op, first.where) != (term.op, graph[term.node].where):
            first = None
        finding = _judge(graph, objective, term, counts, first)
        if finding is not None:
            found.append(finding)
    return found


def _judge(
    graph: Graph, objective: Objective, term: LossTerm, counts: Mapping[float, int], first: FirstLoss | None
) -> Finding | None:
    value, outputs, ref = scalar_value(graph, term), prediction_info(graph, term), prediction_ref(term)
    if value is None or outputs is None or outputs.stats is None or ref is None:
        return None
    if value <= 0 and objective.kind is not TaskKind.REGRESSION:
        return None  # not the negative log of a probability
    if any(
        n.op in _BOUNDED
        for n in walk_back(graph, ref, 12, LINEAR | {"matmul", "mm", "bmm", "einsum"}, beyond=True)
    ):
        return None
    if first is not None and objective.kind is not TaskKind.REGRESSION:
        return _measured(graph, objective, term, outputs.stats, first, counts)
    if term.reduction == "sum":
        return None
    if objective.kind is TaskKind.REGRESSION:
        found = _regression(graph, term, outputs.stats, value)
        return None if found is not None and first is not None and _within(first) else found
    if graph[term.node].kwargs.get("weight") is not None or term.class_weights or term.pos_weight:
        return None
    if term.op in ("cross_entropy", "nll_loss") and objective.classes and objective.classes > 1:
        return _against(graph, objective, term, value, math.log(objective.classes), outputs, counts)
    if term.op in (BCE, BCE_LOGITS):
        return _against(graph, objective, term, value, math.log(2), outputs, counts)
    return None


def _within(first: FirstLoss) -> bool:
    """Whether the interval of a regression's first loss does not lie beyond the limit."""
    return first.low <= rule["regression"] * first.chance


def _measured(
    graph: Graph,
    objective: Objective,
    term: LossTerm,
    stats: Stats,
    first: FirstLoss,
    counts: Mapping[float, int],
) -> Finding | None:
    """The first loss over all batches against blind answers: only an interval beyond the limit says something."""
    what = f"{objective.classes} classes" if term.op not in (BCE, BCE_LOGITS) else "yes/no labels"
    over = f" (99.9 % interval {first.low:.3g} to {first.high:.3g} over {first.samples} samples)"
    if first.chance > 0 and first.low > rule["high"] * first.chance:
        return _too_high(graph, term, first.value, first.chance, what, stats, over)
    prior = first.prior if first.samples >= rule["labels"] else None
    if first.prior is None and not (term.class_weights or term.pos_weight):
        prior = _entropy(counts)  # a loss by hand, known by batch only
    if prior is None:
        return None
    guess = min(prior, first.chance)
    if guess > _TELLING and first.high < rule["low"] * guess:
        return _too_low(term, first.value, first.chance, guess, what, over)
    return None


def _entropy(counts: Mapping[float, int]) -> float | None:
    total = sum(counts.values())
    if total < rule["labels"]:
        return None
    return -sum(n / total * math.log(n / total) for n in counts.values() if n)


def _against(
    graph: Graph,
    objective: Objective,
    term: LossTerm,
    value: float,
    chance: float,
    outputs: TensorInfo,
    counts: Mapping[float, int],
) -> Finding | None:
    stats = outputs.stats
    samples = outputs.numel / (objective.classes or 1) if term.op not in (BCE, BCE_LOGITS) else outputs.numel
    error = (stats.std if stats else 0.0) / math.sqrt(max(samples, 1.0))
    what = f"{objective.classes} classes" if term.op not in (BCE, BCE_LOGITS) else "yes/no labels"
    if value > rule["high"] * chance + rule["errors"] * error:
        return _too_high(graph, term, value, chance, what, stats)
    entropy = _entropy(counts)
    if entropy is not None and value < rule["low"] * min(entropy, chance) and entropy > _TELLING:
        return _too_low(term, value, chance, min(entropy, chance), what)
    return None


def _too_low(term: LossTerm, value: float, chance: float, guess: float, what: str, over: str = "") -> Finding:
    return rule.found(
        f"the first loss at {term.where.at} is {value:.3g} nats{over}; a blind guess costs {guess:.3g} for these labels: an "
        "untrained network cannot know them",
        where=term.where,
        expected=f"about {chance:.3g} nats for {what} before training",
        fix="see whether the label leaks into the input, whether weights were trained before, and what scales the loss",
        loss_nats=value,
        chance_nats=chance,
        label_entropy_nats=guess,
    )


def _too_high(
    graph: Graph,
    term: LossTerm,
    value: float,
    chance: float,
    what: str,
    stats: Stats | None,
    over: str = "",
) -> Finding:
    ref = prediction_ref(term)
    source = graph.source(ref) if ref is not None else graph[term.node]
    spread = (
        ""
        if stats is None
        else f" (outputs have a standard deviation of {stats.std:.3g}, up to {stats.abs_max:.3g})"
    )
    return rule.found(
        f"the first loss at {term.where.at} is {value:.3g} nats{over}, {value / chance:.1f} times what a blind guess over {what} "
        f"costs ({chance:.3g}): the untrained network is already sure{spread}",
        where=source.edit.on(module=source.module) if source.edit.known else term.where,
        also=(term.where,),
        expected=f"about {chance:.3g} nats for {what} before training",
        fix="make the untrained outputs small: normalize the inputs, keep the default initialization, remove factors on the outputs",
        loss_nats=value,
        chance_nats=chance,
        output_std=stats.std if stats else None,
    )


def _regression(graph: Graph, term: LossTerm, outputs: Stats, value: float) -> Finding | None:
    ref = None if term.target is None else graph[term.target].outputs
    target = ref[term.target_output].stats if ref and term.target_output < len(ref) else None
    if term.op != "mse_loss" or target is None or target.std == 0:
        return None
    zero = target.rms**2
    if value <= rule["regression"] * zero or outputs.rms <= max(target.rms, rule["output"]):
        return None
    source = graph.source(prediction_ref(term) or graph[term.node])
    return rule.found(
        f"the first loss at {term.where.at} is {value:.3g}, {value / zero:.0f} times what answering 0 costs ({zero:.3g}): the untrained "
        f"outputs (standard deviation {outputs.std:.3g}) are far larger than the targets ({target.std:.3g})",
        where=source.edit.on(module=source.module) if source.edit.known else term.where,
        also=(term.where,),
        expected=f"about {zero:.3g} before training",
        fix="make the untrained outputs small: normalize inputs and targets, keep the default initialization, remove factors on the outputs",
        loss=value,
        loss_of_zero=zero,
    )
