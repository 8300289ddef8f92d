"""The loss squashes the outputs again: sigmoid before binary cross-entropy with logits.

## What it measures
Whether the values that enter ``binary_cross_entropy_with_logits`` (or ``multilabel_soft_margin_loss``, ``soft_margin_loss``) are the
output of a ``sigmoid`` or ``softmax`` call of the program, looking through calls that only change the shape and through
clamps; and whether the ``sigmoid`` that feeds ``binary_cross_entropy`` is fed by another ``sigmoid`` or ``softmax``.

## Why it matters
The loss applies a sigmoid of its own. Given probabilities, it can only produce values between 0.5 and 0.73: a negative
example can never cost less than ln 2 = 0.69 nats and a positive one never less than 0.31, and every gradient is at least four times too small.

## How to fix
Return the raw outputs of the last layer and remove the sigmoid; where probabilities are wanted (metrics, predictions), apply
it outside the loss.

## Known false alarms
None known: gates (``sigmoid(a) * b``) are not looked through, and soft targets are not looked at.

## Source
PyTorch documentation of ``BCEWithLogitsLoss`` ("combines a Sigmoid layer and the BCELoss in one single class"); Tobin,
"Troubleshooting deep neural networks", the five most common bugs.
"""

from ...evidence import Graph, Graphs, LossTerm, Node, Task
from ...rule import Finding, Kind, Rule, Severity
from .._loss import BCE, BCE_LOGITS, THROUGH_CLAMP, loss_terms, prediction_ref

rule = Rule(
    code="NW303",
    name="sigmoid-before-bce-with-logits",
    severity=Severity.ERROR,
    kind=Kind.BUG,
    guides=("T4",),
    remedies=("remove-last-activation",),
    explains=("NW301", "NW406", "NW601", "NW701"),
)

_SQUASHING = ("sigmoid", "softmax", "hardsigmoid")
_WITH_LOGITS = (BCE_LOGITS, "multilabel_soft_margin_loss", "soft_margin_loss")


@rule.check
def check(graphs: Graphs, task: Task) -> list[Finding]:
    """Look behind the input of every binary cross-entropy."""
    found: list[Finding] = []
    for graph, _, term in loss_terms(graphs, task):
        squash = None if term.handmade else _squashed_twice(graph, term)
        if squash is None:
            continue
        found.append(
            rule.found(
                f"{squash.op} at {squash.edit.at} feeds {term.op} at {term.where.at}, and a sigmoid is applied once more: a negative "
                "example can never cost less than 0.69 nats, a positive one never less than 0.31",
                where=squash.edit.on(module=squash.module),
                also=(term.where,),
                expected="raw outputs (logits) enter a loss that applies the sigmoid itself",
                fix=f"remove the {squash.op} at {squash.edit.at}; apply it outside the loss where probabilities are wanted",
                negative_floor_nats=0.693,
                positive_floor_nats=0.313,
            )
        )
    return found


def _squashed_twice(graph: Graph, term: LossTerm) -> Node | None:
    ref = prediction_ref(term)
    if ref is None:
        return None
    source = graph.source(ref, THROUGH_CLAMP)
    if term.op in _WITH_LOGITS:
        return source if source.op in _SQUASHING else None
    if term.op == BCE and source.op == "sigmoid" and source.refs:
        before = graph.source(source.refs[0], THROUGH_CLAMP)
        return before if before.op in _SQUASHING else None
    return None
