"""Batch normalization over too few values.

## What it measures
For every batch normalization in training: how many samples and positions each mean and variance is computed from. As
information: a dropout right before it, and a bias right before it.

## Why it matters
With two samples, normalization leaves only the sign of their difference; with a few, the statistics are mostly noise, and
those used in evaluation (the running averages) differ from those used in training.

## How to fix
Raise the batch size to 16 or more, or use `nn.GroupNorm` or `nn.LayerNorm`, which do not look at other samples.
Gradient accumulation does not help: each small batch is still normalized on its own.

## Known false alarms
Feature maps of images give many values per sample: there only single-image batches are reported, and not when the network is
also evaluated with batch statistics (pix2pix). Frozen batch normalization is not looked at.

## Source
Wu and He, "Group Normalization" (2018), error over batch size; Li et al., "Understanding the disharmony between dropout and
batch normalization by variance shift" (2018).
"""

import math

from ...evidence import Graph, Graphs, Modules, Node, Ref
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold
from .._layers import LAYERS, after

rule = Rule(
    code="NW212",
    name="batch-norm-on-tiny-batches",
    severity=Severity.WARNING,
    kind=Kind.HYPERPARAMETER,
    guides=("S5",),
    explains=("NW609",),
    remedies=("larger-batches",),
    thresholds={
        "few": Threshold(
            value=8, unit="values", source="Group Normalization: the error grows quickly below 8"
        ),
        "sign": Threshold(
            value=2, unit="values", source="two values are normalized to -1 and 1 whatever they are"
        ),
    },
)


@rule.check
def check(graphs: Graphs, modules: Modules) -> list[Finding]:
    """Look at the batch of every batch normalization in training."""
    norms: list[tuple[Graph, Node]] = []
    for graph in graphs.train:
        norms.extend(
            (graph, n)
            for n in graph.on_path()
            if n.op == "batch_norm" and n.arg(5, "training", False) is True
        )
    if not norms:
        raise NotApplicable("the network has no batch normalization in training mode")
    return [f for f in (_tiny(graphs, norms), _dropout_before(norms, modules), _double_bias(norms)) if f]


def _counts(graph: Graph, node: Node) -> tuple[int, int] | None:
    """Samples, and values per channel."""
    info = graph.info(node.refs[0]) if node.refs else None
    if info is None or len(info.shape) < 2:
        return None
    return info.shape[0], info.shape[0] * math.prod(info.shape[2:])


def _tiny(graphs: Graphs, norms: list[tuple[Graph, Node]]) -> Finding | None:
    counted = [(c, n) for g, n in norms if (c := _counts(g, n)) is not None]
    if not counted:
        return None
    (samples, values), node = min(counted, key=lambda item: item[0][1])
    if values >= rule["few"] and (samples > 1 or _batch_statistics_in_evaluation(graphs)):
        return None
    spatial = values > samples
    severity = (
        Severity.ERROR if values <= rule["sign"] else Severity.INFO if spatial and samples > 1 else None
    )
    if spatial and values >= rule["few"] and samples > 1:
        return None
    return rule.found(
        f"batch normalization computes each mean and variance from {values} value{'s' if values > 1 else ''} "
        f"({samples} sample{'s' if samples > 1 else ''} per batch)",
        where=node.edit.on(module=node.module),
        severity=severity,
        expected="16 samples or more per batch",
        fix="raise the batch size, or use nn.GroupNorm or nn.LayerNorm instead",
        values=values,
        samples=samples,
        layers=len(norms),
    )


def _batch_statistics_in_evaluation(graphs: Graphs) -> bool:
    """Whether the network is evaluated with the statistics of the batch too (or no evaluation was seen)."""
    if graphs.evaluation is None:
        return True
    return any(n.op == "batch_norm" and n.arg(5, "training", False) is True for n in graphs.evaluation.nodes)


def _before(graph: Graph, node: Node) -> Node | None:
    return graph[node.refs[0]] if node.refs else None


def _dropout_before(norms: list[tuple[Graph, Node]], modules: Modules) -> Finding | None:
    for graph, node in norms:
        before = _before(graph, node)
        if before is not None and before.op.startswith("dropout") and before.arg(2, "training", True) is True:
            return rule.found(
                f"dropout right before batch normalization at {node.edit.at}: its running variance is too large in evaluation",
                where=after(modules, before),
                also=(node.edit,),
                severity=Severity.INFO,
                expected="dropout after the last batch normalization",
                fix="move the dropout behind the batch normalization and its activation",
                remedies=(),
                p=before.arg(1, "p"),
            )
    return None


def _double_bias(norms: list[tuple[Graph, Node]]) -> Finding | None:
    doubled: list[Node] = []
    for graph, node in norms:
        before = _before(graph, node)
        if before is not None and before.op in LAYERS and isinstance(before.arg(2, "bias"), Ref):
            doubled.append(before)
    if not doubled:
        return None
    return rule.found(
        f"{len(doubled)} layer{'s have' if len(doubled) > 1 else ' has'} a bias that the batch normalization behind takes away again",
        where=doubled[0].edit.on(module=doubled[0].module),
        severity=Severity.INFO,
        expected="bias=False in layers followed by batch normalization",
        fix="pass bias=False to these layers",
        remedies=(),
        layers=len(doubled),
    )
