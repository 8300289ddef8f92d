"""Evaluating one batch twice gives two answers.

## What it measures
Whether two evaluation passes over one batch agree to the last bit, and which random calls run during evaluation.

## Why it matters
The reported number depends on chance, the network is judged with its noise on, and what is deployed is not what was
measured.

## How to fix
Guard noise by ``self.training``; pass ``training=self.training`` to functional dropout; call ``model.eval()``.

## Known false alarms
Monte-Carlo dropout keeps dropout on deliberately. Drawing is what generative networks, policies and text generation do:
only noise in a classifier or a regressor counts, never draws of actions or tokens.

## Source
Tobin, "Troubleshooting deep neural networks" (train/eval mode); contract (d) "two evaluation passes on one batch are equal to the bit".
"""

from ...evidence import Evaluation, NoisyOp, Task, TaskKind
from ...rule import Finding, Kind, NotApplicable, Rule, Severity
from .._gradients import first_known, listed

rule = Rule(
    code="NW419",
    name="evaluation-not-repeatable",
    severity=Severity.WARNING,
    kind=Kind.BUG,
    guides=("T4",),
    tasks=(
        TaskKind.CLASSIFICATION,
        TaskKind.BINARY,
        TaskKind.MULTILABEL,
        TaskKind.DENSE_CLASSIFICATION,
        TaskKind.REGRESSION,
    ),
    remedies=("noise-in-training-alone",),
)

_DECISIONS = frozenset("multinomial randperm randint gumbel_softmax".split())


@rule.check
def check(evaluation: Evaluation, task: Task) -> Finding | None:
    """Noise on in the evaluation of a network that should answer the same twice."""
    if evaluation.repeatable is None:
        raise NotApplicable("no batch was evaluated twice")
    if evaluation.repeatable:
        return None
    noise = [n for n in evaluation.noise if n.op not in _DECISIONS]
    objective = task.sole
    if objective is None or task.kind not in rule.tasks or len(objective.terms) > 1:
        raise NotApplicable("this kind of task may draw at random in evaluation")
    if not noise:
        raise NotApplicable("two evaluation passes differ, but no random call was seen")
    return _finding(noise)


def _finding(noise: list[NoisyOp]) -> Finding:
    where = first_known(*(n.edit for n in noise))
    calls = list(dict.fromkeys(f"{n.op} at {n.edit.at}" for n in noise))
    return rule.found(
        f"two evaluation passes over one batch differ: random calls run in evaluation ({listed(calls)})",
        where=where,
        also=[n.edit for n in noise[1:3] if n.edit.known],
        expected="evaluation gives the same answer for the same batch",
        fix=f"switch the noise at {where.at} off in evaluation (if self.training, or training=self.training)",
        random_calls=calls,
    )
