"""The loss normalizes the outputs again: softmax before cross-entropy.

## What it measures
Whether the values that enter ``cross_entropy`` are the output of a ``softmax`` or ``log_softmax`` call of the program itself,
looking through calls that only change the shape.

## Why it matters
``cross_entropy`` applies a log-softmax of its own. Given probabilities, it sees outputs that all lie between 0 and 1: the
loss cannot fall below ln(1 + (C - 1)/e) (1.46 for ten classes), and its gradient is many times too small. A ``log_softmax``
before it changes nothing in value (log-softmax is idempotent) and is reported as information.

## How to fix
Return the raw outputs of the last layer and remove the softmax; where probabilities are wanted, apply softmax outside the
loss.

## Known false alarms
None known: distillation and label smoothing pass probabilities as *target*, which is not looked at.

## Source
PyTorch documentation of ``CrossEntropyLoss`` ("input is expected to contain the unnormalized logits"); Tobin,
"Troubleshooting deep neural networks", the five most common bugs.
"""

import math

from ...evidence import Graphs, LossTerm, Task
from ...rule import Finding, Kind, Rule, Severity
from .._loss import logits_ref

rule = Rule(
    code="NW302",
    name="softmax-before-cross-entropy",
    severity=Severity.ERROR,
    kind=Kind.BUG,
    guides=("T4",),
    remedies=("remove-last-activation",),
    explains=("NW301", "NW406", "NW601", "NW701"),
)


@rule.check
def check(graphs: Graphs, task: Task) -> list[Finding]:
    """Look behind the input of every cross-entropy."""
    found: list[Finding] = []
    for objective in task.objectives:
        graph = graphs.train[objective.graph]
        for term in objective.terms:
            ref = logits_ref(graph, term)
            if ref is None:
                continue
            source = graph.source(ref)
            if source.op not in ("softmax", "log_softmax"):
                continue
            harmless = source.op == "log_softmax"
            classes = objective.classes or 2
            floor = math.log(1 + (classes - 1) / math.e)
            found.append(
                rule.found(
                    f"{source.op} at {source.edit.at} feeds {_name(term)} at {term.where.at}, which normalizes again"
                    + (
                        "" if harmless else f": with {classes} classes the loss cannot fall below {floor:.3g}"
                    ),
                    where=source.edit.on(module=source.module),
                    also=(term.where,),
                    severity=Severity.INFO if harmless else None,
                    expected="raw outputs (logits) enter cross_entropy",
                    fix=f"remove the {source.op} at {source.edit.at}; apply it outside the loss where probabilities are wanted",
                    classes=classes,
                    loss_floor=None if harmless else floor,
                )
            )
    return found


def _name(term: LossTerm) -> str:
    return term.op if term.op == "cross_entropy" else "the log_softmax of the loss"
