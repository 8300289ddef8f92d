"""A hidden layer is too narrow for what must pass through it.

## What it measures
The width of every layer that all information from the input to the prediction passes, against the number of classes or of
regression outputs. Where narrower networks were trained beside the program's own (the experiment `ladder`), also whether one with
a quarter of the hidden units or fewer comes to the same loss (severity info).

## Why it matters
Whatever does not fit through the narrowest layer is lost for all layers after it: many classes cannot be told apart by one
or two numbers in practice, and linear outputs of k units span k dimensions only.

## How to fix
Make the layer wider: 5 to 10 times the number of classes, 2 to 3 times the number of inputs or outputs for regression.

## Known false alarms
Autoencoders, language models (vocabulary far above the width) and more than 100 classes are not judged, nor are layers
beside the main path (squeeze-and-excitation, LoRA, residual branches) or a code that the loss uses too.

## Source
Holden, "My neural network isn't working!", "You have too few or too many hidden units". The limit of a third of the
classes lies below ResNet-20 on CIFAR-100 (0.64) and ResNet-18 on ImageNet (0.51).
"""

from ...evidence import Graph, Graphs, Ladder, Node, Objective, Ref, Task, TaskKind
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold
from .._layers import ACTIVATIONS, is_last, layers_of, live_consumers, titled, width

rule = Rule(
    code="NW209",
    name="narrow-bottleneck",
    severity=Severity.WARNING,
    kind=Kind.HYPERPARAMETER,
    guides=("H11",),
    tasks=(TaskKind.CLASSIFICATION, TaskKind.MULTILABEL, TaskKind.REGRESSION),
    explains=(
        "NW601",
        "NW701",
    ),
    remedies=("wider-layer",),
    thresholds={
        "share": Threshold(value=1 / 3, unit="units per class", source="ResNet-18 on ImageNet has 0.51"),
        "classes": Threshold(
            value=100, unit="classes", source="beyond, low-rank outputs are common practice"
        ),
        "outputs": Threshold(
            value=16, unit="outputs", source="beyond, outputs are usually correlated (maps, spectra)"
        ),
        "margin": Threshold(
            value=2.0, unit="times wider input", source="a layer as narrow as its input loses nothing"
        ),
        "spare": Threshold(
            value=0.25, unit="of the hidden units", source="half of them is within what one tries anyway"
        ),
        "fallen": Threshold(
            value=0.8, unit="of the first loss", source="where nothing is learned widths cannot be compared"
        ),
    },
)


@rule.check
def check(graphs: Graphs, task: Task, ladder: Ladder | None) -> Finding | None:
    """Find layers that cut the network and are narrower than the answer needs; look whether fewer units do as well."""
    try:
        found = _narrowest(graphs, task)
    except NotApplicable:
        if (spare := _spare(ladder)) is not None:
            return spare
        raise
    return found or _spare(ladder)


def _narrowest(graphs: Graphs, task: Task) -> Finding | None:
    objective = task.sole
    if objective is None or objective.term is None or objective.term.prediction is None:
        raise NotApplicable("the program has no single recognised loss")
    graph = graphs.train[objective.graph]
    prediction = objective.term.prediction
    needed = _needed(graph, objective)
    if needed is None:
        raise NotApplicable(f"widths are not judged for this task ({objective.kind.value})")
    narrow = [
        n for n in layers_of(graph) if _narrow(graph, n, needed, objective) and _cuts(graph, n, prediction)
    ]
    return _finding(min(narrow, key=lambda n: width(n) or 0), graph, objective) if narrow else None


def _spare(ladder: Ladder | None) -> Finding | None:
    """What the ladder of widths tells: the narrowest network that does no worse than the program's own."""
    if ladder is None or not ladder.width:
        return None
    full = ladder.width[-1]
    if not full.falls_to(rule["fallen"]) or not ladder.constant:
        return None
    enough = [r for r in ladder.width[:-1] if r.share <= rule["spare"] and r.no_worse_than(full)]
    if not enough:
        return None
    least = enough[0]
    return rule.found(
        f"with 1/{round(1 / least.share)} of the hidden units ({least.parameters:,} parameters instead of {full.parameters:,}) the loss falls as far in {ladder.steps} steps: "
        f"to {least.middle:.2f} of the first one, and to {full.middle:.2f} with all",
        where=ladder.widened,
        severity=Severity.INFO,
        expected="hidden units that lower the loss",
        fix="a narrower network is faster; over a whole training the units may still pay off",
        share=least.share,
        loss=least.loss,
        full=full.loss,
        runs=len(full.last),
    )


def _outputs(graph: Graph, objective: Objective) -> int | None:
    term = objective.term
    if term is None or term.prediction is None:
        return None
    info = graph.info(Ref(term.prediction, term.prediction_output))
    if info is None or not 1 <= len(info.shape) <= 2:
        return None
    return info.shape[1] if len(info.shape) == 2 else 1


def _needed(graph: Graph, objective: Objective) -> float | None:
    """Widths below this are too narrow."""
    outputs = _outputs(graph, objective)
    if objective.kind in (TaskKind.CLASSIFICATION, TaskKind.MULTILABEL) and objective.classes:
        if 3 <= objective.classes <= rule["classes"]:
            return objective.classes * rule["share"]
        return None
    if objective.kind is TaskKind.REGRESSION and outputs is not None and outputs <= rule["outputs"]:
        return max(1, outputs - 1)
    return None


def _narrow(graph: Graph, node: Node, needed: float, objective: Objective) -> bool:
    units = width(node)
    if units is None or units > needed or is_last(graph, node):
        return False
    data = graph.info(node.refs[0]) if node.refs else None
    inputs = 1
    for size in data.shape[1:] if data is not None else ():
        inputs *= size
    if inputs < rule["margin"] * units:
        return False
    consumers = live_consumers(graph)
    uses = consumers.get(node.index, [])
    if objective.kind is TaskKind.REGRESSION and units == _outputs(graph, objective):
        return any(u.op in ACTIVATIONS for u in uses)
    return True


def _cuts(graph: Graph, node: Node, prediction: int) -> bool:
    """Whether everything that reaches the loss from the inputs passes through this call, on the way to the prediction."""
    if graph.loss is None or node.index not in graph.ancestors(prediction):
        return False
    if node.index in graph.ancestors(graph.loss, stop=lambda n: n.index == prediction):
        return False  # the loss uses it beside the prediction: a code, narrow on purpose
    around = graph.ancestors(prediction, stop=lambda n: n.index == node.index)
    before = graph.ancestors(node)
    if not any(graph.nodes[i].kind == "input" for i in before):
        return False
    return not any(graph.nodes[i].kind == "input" for i in around)


def _finding(node: Node, graph: Graph, objective: Objective) -> Finding:
    units = width(node) or 0
    classes = objective.classes if objective.kind is not TaskKind.REGRESSION else None
    outputs = _outputs(graph, objective) or 1
    goal = f"{classes} classes" if classes else f"{outputs} output{'s' if outputs > 1 else ''}"
    wanted = max(16, 5 * classes if classes else 3 * outputs)
    return rule.found(
        f"everything passes through {units} unit{'s' if units > 1 else ''} at {titled(node)}, for {goal}",
        where=node.edit.on(module=node.module),
        expected="hidden layers clearly wider than the answer: 5 to 10 times the classes, 2 to 3 times the outputs",
        fix=f"make {titled(node)} wider, for example {wanted} units",
        recommended=wanted,
        width=units,
        classes=classes,
        outputs=outputs,
    )
