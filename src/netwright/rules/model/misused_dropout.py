"""Dropout is far too strong, stands on the output, or cannot be switched off.

## What it measures
The probability of every dropout in training, and how many units of its layer it leaves; and whether the prediction itself
comes out of a dropout; and whether a functional dropout in a network's forward is given no ``training=``, so that it drops in evaluation
too. (Dropout that was seen to stay on in evaluation is NW419.)

## Why it matters
With p the probability of *dropping*, 0.9 leaves a tenth of the layer. A dropout on the output sets predictions to zero at
random.

## How to fix
Use p between 0.1 and 0.5 in hidden layers, and none after the last layer. Write ``F.dropout(x, p, training=self.training)``, or use
``nn.Dropout``.

## Known false alarms
Strong dropout over thousands of features (0.8 in video networks) leaves hundreds of them and is not reported. Noise that is wanted in evaluation too
(Monte Carlo dropout) is left alone when it says so: ``training=True``.

## Source
Srivastava et al., "Dropout" (2014), 0.5 in hidden layers; Holden, "My neural network isn't working!", on regularization;
PyTorch documentation of ``torch.nn.functional.dropout`` (``training`` is True unless given).
"""

import re

from ...evidence import RESHAPES, Graph, Graphs, Node, Ref, Task
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold

rule = Rule(
    code="NW213",
    name="misused-dropout",
    severity=Severity.WARNING,
    kind=Kind.HYPERPARAMETER,
    guides=("H4", "T4"),
    explains=("NW419", "NW301", "NW601", "NW701"),
    remedies=("weaker-dropout",),
    thresholds={
        "strong": Threshold(
            value=0.7, unit="probability", source="the strongest in common recipes is 0.8, over 2048 features"
        ),
        "extreme": Threshold(
            value=0.85, unit="probability", source="stronger than in any recipe that was measured"
        ),
        "kept": Threshold(
            value=32, unit="units", source="0.8 over 2048 features keeps 409, 0.7 over 256 keeps 77"
        ),
    },
)

_NAMES = frozenset(
    "dropout alpha_dropout dropout1d dropout2d dropout3d feature_alpha_dropout feature_dropout".split()
)
_LAST = frozenset({"softmax", "log_softmax", "sigmoid"})


@rule.check
def check(graphs: Graphs, task: Task) -> list[Finding]:
    """Look at every dropout of the training step."""
    found: list[Finding] = []
    seen = 0
    for objective in task.objectives:
        graph = graphs.train[objective.graph]
        active = [n for n in graph.on_path() if n.op in _NAMES and n.arg(2, "training", True) is True]
        seen += len(active)
        term = objective.term
        last = (
            _on_output(graph, Ref(term.prediction, term.prediction_output))
            if term and term.prediction is not None
            else None
        )
        if last is not None and term is not None:
            found.append(_output_finding(last))
        unswitched = [n for n in active if _never_off(n) and n is not last]
        if unswitched:
            found.append(_unswitched_finding(unswitched))
        strong = [n for n in active if _too_strong(n) and n is not last]
        if strong:
            found.append(_strong_finding(strong))
    if not seen:
        raise NotApplicable("no dropout in the training step")
    return found


def _rate(node: Node) -> float:
    p = node.arg(1, "p", 0.5)
    return float(p) if isinstance(p, int | float) else 0.0


def _kept(node: Node) -> float:
    """Units of the layer that are left on average."""
    shape = node.output.shape if node.output is not None else ()
    units = shape[1] if len(shape) == 4 and node.op != "dropout" else shape[-1] if shape else 0
    if len(shape) == 4 and node.op == "dropout":
        units = shape[1] * shape[2] * shape[3]
    return units * (1 - _rate(node))


def _too_strong(node: Node) -> bool:
    rate = _rate(node)
    return rate > rule["extreme"] or (rate >= rule["strong"] and _kept(node) < rule["kept"])


def _on_output(graph: Graph, ref: Ref) -> Node | None:
    """The dropout that the prediction comes out of, if it does."""
    node = graph.source(ref, RESHAPES - _NAMES)
    if node.op in _LAST and node.refs:
        node = graph.source(node.refs[0], RESHAPES - _NAMES)
    if node.op not in _NAMES or node.arg(2, "training", True) is not True or not _rate(node):
        return None
    return node


def _never_off(node: Node) -> bool:
    """A functional dropout in a network's forward that is not told the mode: its default is to drop, always.

    torch fills in the default before anyone sees the call, so only the line itself shows what was written.
    """
    functional = node.module is not None and "Dropout" not in (node.module_type or "") and len(node.via) <= 1
    return functional and _rate(node) > 0 and _untold(node.where.code or "")


def _untold(code: str) -> bool:
    """Whether a line holds a whole call of a dropout with at most two arguments and no ``training``."""
    start = re.search(r"\bdropout\w*\(", code)
    if start is None or "training" in code:
        return False
    depth, commas = 1, 0
    for character in code[start.end() :]:
        depth += (character in "([{") - (character in ")]}")
        commas += depth == 1 and character == ","
        if depth == 0:
            return commas < 2
    return False  # the call goes on in the next line


def _unswitched_finding(nodes: list[Node]) -> Finding:
    first = nodes[0]
    return rule.found(
        f"{first.op} at {first.where.at} is not told the mode, so it goes on dropping {_rate(first):.0%} of the units in evaluation",
        where=first.where.on(module=first.module),
        also=tuple(n.where for n in nodes[1:4]),
        expected="dropout in training alone",
        fix=f"pass training=self.training to {first.op} (or training=True where noise is wanted in evaluation too), or use nn.Dropout",
        p=_rate(first),
        calls=len(nodes),
    )


def _strong_finding(strong: list[Node]) -> Finding:
    worst = max(strong, key=_rate)
    recommended = round(1 - _rate(worst), 2) if _rate(worst) < 0.95 else 0.25
    return rule.found(
        f"dropout with p={_rate(worst):g} leaves {_kept(worst):.0f} units on average (p is the probability of dropping)",
        where=worst.edit.on(module=worst.module),
        also=tuple(n.edit for n in strong if n is not worst)[:3],
        severity=Severity.ERROR if _rate(worst) >= 1 else None,
        expected="p between 0.1 and 0.5 in hidden layers",
        fix=f"lower p, for example to {recommended:g}",
        p=_rate(worst),
        recommended=recommended,
        kept_units=_kept(worst),
    )


def _output_finding(node: Node) -> Finding:
    return rule.found(
        f"the prediction comes out of a dropout: {_rate(node):.0%} of the outputs are set to zero at random",
        where=node.edit.on(module=node.module),
        expected="no dropout after the last layer",
        fix="remove the dropout behind the last layer (p=0), or put it before that layer",
        p=_rate(node),
        recommended=0.0,
    )
