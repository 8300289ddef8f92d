"""The regression target is not normalized: it is many times larger than anything the fresh network gives.

## What it measures
Standard deviation of the target, and distance of its mean from the mean of the outputs, against the standard deviation of the
outputs in the first step (or 1, where that is smaller). Above 10 it is information, above 30 a warning.

## Why it matters
The first steps are spent on moving the output to the target's size: with squared error the gradients are as many times
larger, so plain gradient descent diverges; Adam moves each weight by the learning rate, so it needs thousands of steps.

## How to fix
Train on ``(y - mean) / std`` and undo it after prediction; or set the last layer's bias to the target's mean and its scale to
the target's standard deviation. Large positive targets are often better as logarithms.

## Known false alarms
Targets computed by a network in the same step (temporal-difference learning, distillation) and losses with further data
terms (actor and critic) are not judged. A network without a hidden layer is a convex problem that plain gradient descent solves
for any size of target, so there it is information; with Adam and its like, whose steps do not grow with the target, it stays.

## Source
Holden, "My neural network isn't working!", first and seventh point ("normalize every output feature"); the well-known
recipe for house prices in thousands (mean 22, standard deviation 9) trains well and stays below the warning.
"""

from ...evidence import (
    DoorTensor,
    Graph,
    Graphs,
    Objective,
    Optimizers,
    Ref,
    Stats,
    Targets,
    Task,
    TaskKind,
)
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold
from .._door import WEIGHTED, has_weight

_PLAIN = frozenset(("SGD", "LBFGS", "ASGD"))
_ELEMENTWISE = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")

rule = Rule(
    code="NW104",
    name="regression-target-not-normalized",
    severity=Severity.WARNING,
    kind=Kind.DATA,
    guides=("H1", "H7"),
    tasks=(TaskKind.REGRESSION, TaskKind.DENSE_REGRESSION),
    explains=("NW301", "NW407", "NW601", "NW701"),
    remedies=("scale-outputs",),
    thresholds={
        "mention": Threshold(
            value=10.0, unit="times the output's standard deviation", source="Holden's guide"
        ),
        "warn": Threshold(
            value=30.0,
            unit="times the output's standard deviation",
            source="above the house-price recipe (22); raw diabetes targets (152) train badly, measured",
        ),
    },
)


@rule.check
def check(graphs: Graphs, task: Task, targets: Targets, optimizers: Optimizers) -> list[Finding]:
    """Compare target and first output of each regression."""
    found: list[Finding] = []
    looked = False
    for objective, target in zip(task.objectives, targets.tensors, strict=False):
        graph = graphs.train[objective.graph]
        output = _output(graph, objective)
        if target is None or output is None or not _judged(graph, objective):
            continue
        looked = True
        unit = max(output.std, 1.0)
        ratio = max(target.stats.std, abs(target.stats.mean - output.mean)) / unit
        if ratio > rule["mention"]:
            convex = _convex(graph, optimizers)
            found.append(_finding(objective, target, output, ratio, ratio > rule["warn"] and not convex))
    if not looked:
        raise NotApplicable("no regression on given targets with a loss on differences")
    return found


def _output(graph: Graph, objective: Objective) -> Stats | None:
    term = objective.term
    if term is None or term.prediction is None:
        return None
    info = graph.info(Ref(term.prediction, term.prediction_output))
    return info.stats if info else None


def _judged(graph: Graph, objective: Objective) -> bool:
    term = objective.term
    if objective.kind not in rule.tasks or term is None or term.op not in _ELEMENTWISE or term.target is None:
        return False
    others = [t for t in objective.terms if t is not term and t.op != "regularization"]
    behind = graph.ancestors(term.target)
    return not others and not any(has_weight(graph, graph[i]) for i in behind if graph[i].kind == "op")


def _convex(graph: Graph, optimizers: Optimizers) -> bool:
    """Whether plain gradient descent fits a network without a hidden layer: its steps grow with the target."""
    layers = [n for n in graph.on_path() if n.kind == "op" and n.op in WEIGHTED and has_weight(graph, n)]
    if len(layers) > 1:
        return False
    used = [o for o in optimizers.optimizers if graph.optimizer is None or o.index == graph.optimizer]
    return all(o.type in _PLAIN for o in used)


def _finding(objective: Objective, target: DoorTensor, output: Stats, ratio: float, warn: bool) -> Finding:
    s = target.stats
    term = objective.term
    return rule.found(
        f"the target has mean {s.mean:.4g} and standard deviation {s.std:.4g}, {ratio:.3g} times the size of the fresh "
        f"network's output (mean {output.mean:.3g}, standard deviation {output.std:.3g})",
        where=term.where if term else target.where,
        severity=None if warn else Severity.INFO,
        expected="a target of about mean 0 and standard deviation 1",
        fix="train on (y - y_mean) / y_std, with numbers of the training set, and undo it after prediction",
        target_mean=s.mean,
        target_std=s.std,
        output_mean=output.mean,
        output_std=output.std,
        ratio=ratio,
    )
