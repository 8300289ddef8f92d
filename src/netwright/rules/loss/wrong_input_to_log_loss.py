"""A loss that wants log-probabilities or probabilities gets something else.

## What it measures
What makes the values that enter ``nll_loss``, ``kl_div`` and ``ctc_loss`` (they want log-probabilities) and ``binary_cross_entropy`` (it
wants probabilities): the last call before the loss, looking through calls that only change the shape. Where that call does
not tell, the values do: log-probabilities are never positive.

## Why it matters
These losses do not normalize. Raw outputs let ``nll_loss`` fall without bound by scaling the outputs up; probabilities let it move only between -1 and 0
with almost no gradient for samples that are wrong. ``binary_cross_entropy`` of values that are not probabilities is
meaningless, and stops with an error as soon as one lies outside 0..1.

## How to fix
Use ``CrossEntropyLoss`` on raw outputs instead of ``NLLLoss``, or put ``log_softmax`` last. Use ``BCEWithLogitsLoss`` on raw outputs instead of ``BCELoss``.

## Known false alarms
Hand-written losses are looked at only where the probability of the right class is averaged as it is, without any weights: robust training on noisy
labels does that on purpose. Policy gradients and densities are not looked at.

## Source
PyTorch documentation of ``NLLLoss`` ("the input is expected to contain log-probabilities"), ``KLDivLoss``, ``CTCLoss`` and ``BCELoss``.
Ghosh, Kumar and Sastry, "Robust loss functions under label noise for deep neural networks" (2017), and Zhang and Sabuncu (2018): 1 - p as a loss trains slowly and to
lower accuracy.
"""

from ...evidence import Graph, Graphs, LossTerm, Node, Task
from ...rule import Finding, Kind, Rule, Severity, Threshold
from .._loss import BCE, LINEAR, THROUGH_CLAMP, loss_terms, prediction_info, prediction_ref

rule = Rule(
    code="NW304",
    name="wrong-input-to-log-loss",
    severity=Severity.ERROR,
    kind=Kind.BUG,
    guides=("T4",),
    explains=("NW301", "NW406"),
    remedies=("nll-to-cross-entropy", "softmax-to-log-softmax", "bce-to-bce-with-logits"),
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
        if ref is None or (term.handmade and term.op != "nll_loss"):
            continue
        source = graph.source(ref, THROUGH_CLAMP)
        finding = None
        if term.handmade:
            finding = _without_log(term, source) if source.op == "softmax" else None
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
