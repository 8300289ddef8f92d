"""A loss that wants log-probabilities or probabilities gets something else.

## What it measures
What makes the values that enter ``nll_loss``, ``kl_div`` and ``ctc_loss`` (they want log-probabilities) and ``binary_cross_entropy`` (it
wants probabilities): the last call before the loss, looking through calls that only change the shape. Where that call does
not tell, the values do: log-probabilities are never positive. Where the program takes the logarithm itself, by hand or in front of ``nll_loss``: what makes the values that it is
taken of, looking through clamps and the division by their own sum.

## Why it matters
These losses do not normalize. Raw outputs let ``nll_loss`` fall without bound by scaling the outputs up; probabilities let it move only between -1 and 0
with almost no gradient for samples that are wrong. ``binary_cross_entropy`` of values that are not probabilities is
meaningless, and stops with an error as soon as one lies outside 0..1.

## How to fix
Use ``CrossEntropyLoss`` on raw outputs instead of ``NLLLoss``, or put ``log_softmax`` last. Use ``BCEWithLogitsLoss`` on raw outputs instead of ``BCELoss``.

## Known false alarms
Hand-written losses are looked at only with class indices or one-hot codes (0 and 1 for two classes) as target, and where the probability of the right class is averaged as it is,
without any weights: robust training on noisy labels does that on purpose. Policy gradients and densities are not looked at.

## Source
PyTorch documentation of ``NLLLoss`` ("the input is expected to contain log-probabilities"), ``KLDivLoss``, ``CTCLoss`` and ``BCELoss``.
Ghosh, Kumar and Sastry, "Robust loss functions under label noise for deep neural networks" (2017), and Zhang and Sabuncu (2018): 1 - p as a loss trains slowly and to
lower accuracy.
"""

from ...evidence import Graph, Graphs, LossTerm, Node, Task
from ...rule import Finding, Kind, Rule, Severity, Threshold
from .._loss import (
    BCE,
    LINEAR,
    THROUGH_CLAMP,
    loss_terms,
    one_hot,
    prediction_info,
    prediction_ref,
    target_info,
    zero_one,
)

rule = Rule(
    code="NW304",
    name="wrong-input-to-log-loss",
    severity=Severity.ERROR,
    kind=Kind.BUG,
    guides=("T4",),
    remedies=("add-last-activation", "log-probabilities"),
    explains=("NW301", "NW404", "NW406", "NW415", "NW216", "NW207", "NW601", "NW701"),
    thresholds={
        "positive": Threshold(
            value=1e-3,
            unit="nats",
            source="log-probabilities are at most 0; room for rounding of log_softmax in float16",
        )
    },
)

_LOG_LOSSES = ("nll_loss", "nll_loss2d", "kl_div", "ctc_loss")
_PROBABILITIES = ("softmax", "sigmoid", "gumbel_softmax")
_LOGS = ("log_softmax", "logsigmoid", "log", "log1p", "logaddexp")
_RAW = LINEAR | frozenset(["relu", "leaky_relu", "elu", "selu", "gelu", "silu", "mish", "softplus", "tanh"])
_INSTEAD = {"nll_loss": "CrossEntropyLoss", "nll_loss2d": "CrossEntropyLoss"}


@rule.check
def check(graphs: Graphs, task: Task) -> list[Finding]:
    """Look at what enters every loss that normalizes nothing."""
    found: list[Finding] = []
    for graph, _, term in loss_terms(graphs, task):
        ref = prediction_ref(term)
        if ref is None:
            continue
        source = graph.source(ref, THROUGH_CLAMP)
        finding = None
        if source.op == "log" and term.op in _INSTEAD:
            finding = _log_of(graph, term, source)
        elif term.handmade and term.op == BCE:
            finding = _bce_by_hand(graph, term, source)
        elif term.handmade:
            finding = _without_log(term, source) if source.op == "softmax" and term.op == "nll_loss" else None
        elif term.op in _LOG_LOSSES:
            finding = _log_loss(graph, term, source)
        elif term.op == BCE and source.op in _RAW:
            finding = _bce(term, source)
        if finding is not None:
            found.append(finding)
    return found


def _log_loss(graph: Graph, term: LossTerm, source: Node) -> Finding | None:
    info = prediction_info(graph, term)
    highest = info.stats.max if info is not None and info.stats is not None else None
    if source.op in _LOGS:
        return None
    if source.op in _PROBABILITIES:
        return rule.found(
            f"{term.op} at {term.where.at} wants log-probabilities and gets the probabilities of {source.op} at {source.edit.at}: the loss "
            "moves only between -1 and 0, with hardly any gradient where the answer is wrong",
            where=source.edit.on(module=source.module),
            also=(term.where,),
            expected="log-probabilities (log_softmax) enter the loss",
            fix=f"use log_softmax instead of {source.op} at {source.edit.at}",
            source=source.op,
            highest=highest,
        )
    if source.op in _RAW or (highest is not None and highest > rule["positive"]):
        instead = _INSTEAD.get(term.op)
        replace = f"use {instead} instead of {term.op}, or put" if instead else "put"
        shown = (
            "" if highest is None else f" (highest value {highest:.3g}; log-probabilities are never above 0)"
        )
        return rule.found(
            f"{term.op} at {term.where.at} wants log-probabilities and gets raw outputs of {source.op}{shown}",
            where=term.edit,
            also=(source.edit, term.where),
            expected="log-probabilities (log_softmax) enter the loss",
            fix=f"{replace} log_softmax on the outputs before the loss",
            source=source.op,
            highest=highest,
        )
    return None


def _log_of(graph: Graph, term: LossTerm, log: Node) -> Finding | None:
    """The logarithm is taken in front of the loss: of what?"""
    source, normalized = _under_log(graph, log)
    target, info = target_info(graph, term), log.output
    classes = info.shape[1] if info is not None and len(info.shape) > 1 else 0
    indices = target is not None and not target.floating and classes > 1
    if source.op not in {*_RAW, "sigmoid"} - {"softplus"} or not (indices or one_hot(target, classes)):
        return None
    if source.op == "sigmoid":
        alone = (
            "each of them is a probability of its own"
            if normalized
            else "nothing keeps the outputs of the wrong classes low, and all of them at 1 is the best answer"
        )
        return rule.found(
            f"the loss at {term.where.at} is the negative log-likelihood of one of {classes} classes and gets the outputs of sigmoid at "
            f"{source.edit.at}: {alone}",
            where=source.edit.on(module=source.module),
            also=(term.where,),
            severity=Severity.WARNING if normalized else None,
            confidence=0.6 if normalized else 0.9,
            expected="probabilities that compete with each other (softmax) enter the logarithm",
            fix=f"use softmax instead of sigmoid at {source.edit.at}, or better cross_entropy on the raw outputs",
            source=source.op,
            classes=classes,
        )
    return _not_probabilities(term, source, "softmax", "cross_entropy")


def _under_log(graph: Graph, log: Node) -> tuple[Node, bool]:
    """What a logarithm is taken of, through clamps, small numbers added and the division by the own sum; whether there is that division."""
    node, normalized = log, False
    for _ in range(6):
        node = graph.source(node.refs[0], THROUGH_CLAMP)
        own = (
            node.op == "div" and len(node.refs) == 2 and graph.source(node.refs[1], THROUGH_CLAMP).op == "sum"
        )
        normalized |= own
        if not own and not (node.op == "add" and len(node.refs) == 1):
            break
    return node, normalized


def _bce_by_hand(graph: Graph, term: LossTerm, source: Node) -> Finding | None:
    target = target_info(graph, term)
    if source.op not in _RAW or target is None or not zero_one(target.stats):
        return None
    return _not_probabilities(term, source, "sigmoid", "binary_cross_entropy_with_logits")


def _not_probabilities(term: LossTerm, source: Node, wanted: str, instead: str) -> Finding:
    # An activation is missing after this layer: where the program calls it, or where the container lists it.
    called = source.op in LINEAR and source.where.function == "forward"
    place = source.where if called else source.edit
    return rule.found(
        f"the loss at {term.where.at} takes the logarithm of probabilities and gets the outputs of {source.op} at {place.at}: what lies below 0 or above 1 is "
        "cut off and has no gradient",
        where=place.on(module=source.module),
        also=(term.where, source.edit),
        expected=f"probabilities ({wanted}) enter the logarithm",
        fix=f"put {wanted} last in the network at {place.at}, or better use {instead} on the raw outputs",
        source=source.op,
        wanted=wanted,
    )


def _without_log(term: LossTerm, source: Node) -> Finding:
    return rule.found(
        f"the loss at {term.where.at} is the negative probability of the right class, from {source.op} at {source.edit.at}, without the "
        "logarithm: it moves only between -1 and 0, with hardly any gradient where the answer is wrong",
        where=term.where,
        also=(source.edit,),
        severity=Severity.WARNING,
        confidence=0.7,
        expected="the negative log-probability of the right class",
        fix="use cross_entropy on the raw outputs, or log_softmax instead of softmax",
        source=source.op,
    )


def _bce(term: LossTerm, source: Node) -> Finding:
    return rule.found(
        f"binary_cross_entropy at {term.where.at} wants probabilities and gets outputs of {source.op} at {source.edit.at}, "
        "which happened to lie between 0 and 1 so far",
        where=term.edit,
        also=(source.edit, term.where),
        expected="probabilities (sigmoid) enter binary_cross_entropy",
        fix="use BCEWithLogitsLoss on the raw outputs, without activation or clamp after the last layer",
        source=source.op,
    )
