"""The last activation cannot produce the targets.

## What it measures
The range of values that the prediction can take, read off the calls before the loss (ReLU: 0 and up, sigmoid: 0..1, tanh:
-1..1, clamp, and constants multiplied or added), against the targets that were seen; for cross-entropy and
BCE-with-logits against the range that a confident answer needs. Also a softmax over a single output, which is always 1.

## Why it matters
A target outside the range can never be predicted: the loss has a floor, units are pushed into the flat part of the
activation, and their gradient disappears.

## How to fix
Use no activation on the last layer for regression, a sigmoid for targets in 0..1, and give raw outputs to cross-entropy and
BCE-with-logits. Or scale the targets into the range.

## Known false alarms
A few outliers clipped on purpose: below one target in a hundred nothing is said. Outputs scaled by a temperature reach far
enough and are silent.

## Source
Holden, "My neural network isn't working!", "You used the wrong activation function on the final layer"; PyTorch
documentation of CrossEntropyLoss and BCEWithLogitsLoss (raw outputs are expected).
"""

import math

from ...evidence import Graph, Graphs, LossTerm, Node, Objective, Ref, Targets, Task
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold
from .._loss import logits_ref
from .._ranges import REAL, Range, reachable

rule = Rule(
    code="NW204",
    name="output-cannot-reach-targets",
    severity=Severity.ERROR,
    kind=Kind.BUG,
    guides=("H7",),
    explains=("NW301", "NW404", "NW406", "NW415", "NW207", "NW104", "NW601", "NW605", "NW611", "NW701"),
    remedies=("remove-last-activation", "sigmoid-for-one-output"),
    thresholds={
        "outside": Threshold(
            value=0.01, unit="share of targets", source="outliers clipped on purpose are rarer"
        ),
        "many": Threshold(
            value=0.05, unit="share of targets", source="one target in twenty is not an outlier"
        ),
        "slack": Threshold(
            value=0.01, unit="share of the range", source="targets at the end of an open range"
        ),
        "floor": Threshold(value=0.1, unit="nats", source="a loss of 0.1 is 90 % sure of the right class"),
    },
)

_VALUES = frozenset({"mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "gaussian_nll_loss"})
_ELSEWHERE = frozenset({"softmax", "log_softmax", "softmin"})


@rule.check
def check(graphs: Graphs, task: Task, targets: Targets) -> list[Finding]:
    """Compare what each prediction can be with what it should be."""
    found: list[Finding] = []
    looked = False
    for position, objective in enumerate(task.objectives):
        term = objective.term
        if term is None or term.prediction is None:
            continue
        looked = True
        graph = graphs.train[objective.graph]
        ref = Ref(term.prediction, term.prediction_output)
        finding = _single_softmax(graph, ref, term) or _judge(graph, ref, objective, term, targets, position)
        if finding is not None:
            found.append(finding)
    if not looked:
        raise NotApplicable("no loss between a prediction and a target was recognised")
    return found


def _judge(
    graph: Graph, ref: Ref, objective: Objective, term: LossTerm, targets: Targets, position: int
) -> Finding | None:
    logits = logits_ref(graph, term)
    span, cause = reachable(graph, ref if logits is None else logits)
    if cause is None or span == REAL:
        return None
    if term.op in _VALUES:
        return _against_targets(span, cause, term, targets, position)
    if cause.op in _ELSEWHERE:
        return None
    if logits is not None:
        return _against_classes(span, cause, objective, term)
    if term.op == "binary_cross_entropy_with_logits" and cause.op != "sigmoid":
        return _against_binary(span, cause, term)
    return None


def _single_softmax(graph: Graph, ref: Ref, term: LossTerm) -> Finding | None:
    node = graph.source(ref)
    if node.op not in ("softmax", "log_softmax") or node.output is None:
        return None
    dim = node.arg(1, "dim")
    shape = node.output.shape
    if not isinstance(dim, int) or not shape or not -len(shape) <= dim < len(shape) or shape[dim] != 1:
        return None
    constant = 1 if node.op == "softmax" else 0
    return rule.found(
        f"{node.op} over a single output is always {constant}, whatever the network computes",
        where=node.edit.on(module=node.module),
        also=(term.where,),
        expected="a sigmoid for one output, a softmax for two or more",
        fix="for two classes with one output use binary_cross_entropy_with_logits on the raw output and no softmax",
        shape=shape,
        outputs=1,
    )


def _against_targets(
    span: Range, cause: Node, term: LossTerm, targets: Targets, position: int
) -> Finding | None:
    target = targets.tensors[position] if position < len(targets.tensors) else None
    if target is None:
        return None
    values = target.values or (target.stats.min, target.stats.max)
    size = target.stats.max - target.stats.min
    if math.isfinite(span.low) and math.isfinite(span.high):
        size = span.high - span.low
    slack = rule["slack"] * size
    outside = sum(1 for v in values if v < span.low - slack or v > span.high + slack) / len(values)
    if outside <= rule["outside"]:
        return None
    return rule.found(
        f"after {cause.op} at {cause.edit.at} the output lies in {span}, but {outside:.0%} of the targets lie outside "
        f"(they span {target.stats.min:.3g} to {target.stats.max:.3g})",
        where=cause.edit.on(module=cause.module),
        also=(term.where,),
        severity=None if outside > rule["many"] else Severity.WARNING,
        expected="an output that can take every value of the target: no activation on the last layer for regression",
        fix=f"remove the {cause.op} at {cause.edit.at}, or scale the targets into {span}",
        low=span.low,
        high=span.high,
        outside=outside,
        target_min=target.stats.min,
        target_max=target.stats.max,
    )


def _against_classes(span: Range, cause: Node, objective: Objective, term: LossTerm) -> Finding | None:
    classes = objective.classes or 2
    reach = span.high - span.low
    if not math.isfinite(reach):
        return _one_sided(span, cause, term)
    floor = math.log(1 + (classes - 1) * math.exp(-reach))
    if floor < rule["floor"]:
        return None
    return rule.found(
        f"{cause.op} at {cause.edit.at} keeps the outputs in {span} before {term.op}: with {classes} classes the loss "
        f"cannot fall below {floor:.3g}",
        where=cause.edit.on(module=cause.module),
        also=(term.where,),
        expected="raw outputs (logits) enter cross_entropy",
        fix=f"remove the {cause.op} at {cause.edit.at}",
        low=span.low,
        high=span.high,
        loss_floor=floor,
        classes=classes,
    )


def _one_sided(span: Range, cause: Node, term: LossTerm) -> Finding | None:
    if cause.op not in ("relu", "relu6", "clamp_min", "clamp", "threshold") or span.low < 0:
        return None
    return rule.found(
        f"{cause.op} at {cause.edit.at} cuts off every negative output before {term.op}: a unit below zero gets no gradient",
        where=cause.edit.on(module=cause.module),
        also=(term.where,),
        severity=Severity.WARNING,
        expected=f"raw outputs (logits), negative ones too, enter {term.op}",
        fix=f"remove the {cause.op} at {cause.edit.at}",
        low=span.low,
        high=span.high,
    )


def _against_binary(span: Range, cause: Node, term: LossTerm) -> Finding | None:
    low, high = _sigmoid(span.low), _sigmoid(span.high)
    if low < rule["floor"] and high > 1 - rule["floor"]:
        return None
    return rule.found(
        f"{cause.op} at {cause.edit.at} keeps the output in {span}: the predicted probability cannot leave "
        f"{low:.2f}..{high:.2f}",
        where=cause.edit.on(module=cause.module),
        also=(term.where,),
        expected="raw outputs of any sign enter binary_cross_entropy_with_logits",
        fix=f"remove the {cause.op} at {cause.edit.at}",
        low=span.low,
        high=span.high,
        probability_low=low,
        probability_high=high,
    )


def _sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value)) if value > -700 else 0.0
