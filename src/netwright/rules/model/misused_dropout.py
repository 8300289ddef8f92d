"""Dropout is far too strong, stands on the output, or stays on in evaluation.

## What it measures
The probability of every dropout in training, and how many units of its layer it leaves; whether the prediction itself comes out
of a dropout; and whether functional dropouts draw random numbers while the program evaluates after `model.eval()`.

## Why it matters
With p the probability of *dropping*, 0.9 leaves a tenth of the layer. A dropout on the output sets predictions to zero at
random. `F.dropout(x)` without `training=self.training` also drops in evaluation: results are noisy and too low.

## How to fix
Use p between 0.1 and 0.5 in hidden layers, none after the last layer, and `F.dropout(x, p, training=self.training)` or
an `nn.Dropout` module, which `model.eval()` switches off.

## Known false alarms
Strong dropout over thousands of features (0.8 in video networks) leaves hundreds and is not reported. Dropout kept on in
evaluation on purpose (Monte Carlo dropout) looks like the mistake: give `# nw: ignore` or ignore NW213.

## Source
Srivastava et al., "Dropout" (2014), 0.5 in hidden layers; PyTorch documentation of `nn.functional.dropout` (training=True is the
default); Holden, "My neural network isn't working!", on regularization.
"""

from ...evidence import RESHAPES, Graph, Graphs, Modules, Node, Ref, Task
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold

rule = Rule(
    code="NW213",
    name="misused-dropout",
    severity=Severity.WARNING,
    kind=Kind.HYPERPARAMETER,
    guides=("H4", "T4"),
    explains=("NW419", "NW301", "NW701"),
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
def check(graphs: Graphs, task: Task, modules: Modules) -> list[Finding]:
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
        strong = [n for n in active if _too_strong(n) and n is not last]
        if strong:
            found.append(_strong_finding(strong))
    drawing = _in_evaluation(graphs, modules)
    if drawing:
        found.append(_evaluation_finding(drawing))
    if not seen and not drawing:
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


def _in_evaluation(graphs: Graphs, modules: Modules) -> list[Node]:
    """Dropouts that draw in evaluation although the module that calls them is in evaluation mode."""
    found: list[Node] = []
    for node in graphs.evaluation.nodes if graphs.evaluation is not None else ():
        attention = node.op == "scaled_dot_product_attention"
        rate = node.arg(4, "dropout_p", 0.0) if attention else node.arg(1, "p", 0.5)
        on = attention or (node.op in _NAMES and node.arg(2, "training", True) is True)
        owner = next((m for m in modules.modules if m.path == node.module), None)
        quiet = owner is not None and owner.training_in_eval is False
        if on and quiet and isinstance(rate, int | float) and rate > 0:
            found.append(node)
    return found


def _evaluation_finding(drawing: list[Node]) -> Finding:
    first = drawing[0]
    attention = first.op == "scaled_dot_product_attention"
    fix = (
        "dropout_p=p if self.training else 0.0"
        if attention
        else f"F.{first.op}(x, p, training=self.training), or nn.Dropout"
    )
    return rule.found(
        f"{first.op} at {first.where.at} drops in evaluation too, although the network is in evaluation mode",
        where=first.where.on(module=first.module),
        also=tuple(n.where for n in drawing[1:4]),
        expected="no dropout after model.eval()",
        fix=f"write {fix}",
        calls=len(drawing),
    )


def _strong_finding(strong: list[Node]) -> Finding:
    worst = max(strong, key=_rate)
    return rule.found(
        f"dropout with p={_rate(worst):g} leaves {_kept(worst):.0f} units on average (p is the probability of dropping)",
        where=worst.edit.on(module=worst.module),
        also=tuple(n.edit for n in strong if n is not worst)[:3],
        severity=Severity.ERROR if _rate(worst) >= 1 else None,
        expected="p between 0.1 and 0.5 in hidden layers",
        fix=f"lower p, for example to {1 - _rate(worst) if _rate(worst) < 0.95 else 0.25:.2g}",
        p=_rate(worst),
        kept_units=_kept(worst),
    )


def _output_finding(node: Node) -> Finding:
    return rule.found(
        f"the prediction comes out of a dropout: {_rate(node):.0%} of the outputs are set to zero at random",
        where=node.edit.on(module=node.module),
        expected="no dropout after the last layer",
        fix="remove the dropout behind the last layer, or put it before that layer",
        p=_rate(node),
    )
