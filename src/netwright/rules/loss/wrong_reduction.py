"""The loss grows with the batch, with the number of accumulated batches, or counts padding.

## What it measures
Three things. A loss summed over the batch under an optimizer whose step grows with the gradient: the rate that a mean would have had to get for the same step,
``lr x samples``. Several backward calls of the same line before one update whose mean losses are not divided by their number. Cross-entropy over
positions filled with the padding index of the program's own embedding without ``ignore_index``.

## Why it matters
A sum makes the step N times larger than the rate says, and lets it change with the batch size; k undivided losses make it k times larger. Counting padding teaches the network to predict padding.

## How to fix
``reduction="mean"``; ``loss / accumulation_steps``; ``ignore_index=padding_idx``.

## Known false alarms
Sums with a rate that suits them (below the threshold), with Adam-like optimizers (their step does not depend on the scale of the loss) or with clipping are fine and not reported. Gradients summed over single samples, as in
reinforcement learning, are not reported.

## Source
PyTorch documentation of ``reduction``; Goyal et al., "Accurate, Large Minibatch SGD" (2017), for rates of a mean (0.1 for 256 samples; their largest is 3.2 for 8192 with warm-up).
"""

from collections.abc import Mapping, Sequence

from ...evidence import (
    Event,
    Events,
    Graph,
    Graphs,
    LossTerm,
    Modules,
    Objective,
    OptimizerInfo,
    Optimizers,
    Targets,
    Task,
    TaskKind,
)
from ...rule import Finding, Kind, Rule, Severity, Threshold
from .._gradients import SCALED_STEP, learning_rates
from .._loss import prediction_info

rule = Rule(
    code="NW310",
    name="wrong-reduction",
    severity=Severity.WARNING,
    kind=Kind.BUG,
    guides=("S3",),
    remedies=("mean-reduction",),
    explains=("NW301", "NW501", "NW602", "NW407"),
    thresholds={
        "rate": Threshold(
            value=1.0,
            unit="lr x samples",
            source="Goyal et al. 2017: rates of a mean beyond 1 need very large batches and a warm-up",
        ),
        "padding": Threshold(
            value=0.2, unit="share of targets", source="by chance a symbol of a language is below 0.13"
        ),
        "windows": Threshold(value=2, unit="updates", source="one window may be an unfinished one"),
    },
)


@rule.check
def check(
    graphs: Graphs, task: Task, optimizers: Optimizers, events: Events, targets: Targets, modules: Modules
) -> list[Finding]:
    """Look at sums, at accumulation and at padding."""
    found: list[Finding] = []
    for position, objective in enumerate(task.objectives):
        graph, term = graphs.train[objective.graph], objective.term
        if term is None:
            continue
        optimizer = _optimizer(graph, optimizers)
        scaled = optimizer is not None and optimizer.type in SCALED_STEP and not events.of("clip")
        counts = targets.counts[position] if position < len(targets.counts) else {}
        judged = (
            _sum(graph, term, optimizer) if scaled and optimizer is not None else None,
            _accumulated(graph, term, events) if scaled else None,
            _padding(graph, objective, term, counts, modules),
        )
        found.extend(f for f in judged if f is not None)
    return found


def _optimizer(graph: Graph, optimizers: Optimizers) -> OptimizerInfo | None:
    known = {o.index: o for o in optimizers.optimizers}
    if graph.optimizer is not None:
        return known.get(graph.optimizer)
    return optimizers.optimizers[0] if len(optimizers.optimizers) == 1 else None


def _sum(graph: Graph, term: LossTerm, optimizer: OptimizerInfo) -> Finding | None:
    info = prediction_info(graph, term)
    rates = learning_rates(optimizer)
    if term.reduction != "sum" or term.weight is None or info is None or not info.shape or not rates:
        return None
    samples = _samples(term, info.shape)
    rate = max(rates) * samples * abs(term.weight)
    if samples < 2 or rate <= rule["rate"]:
        return None
    return rule.found(
        f"{term.op} at {term.where.at} is summed over {samples} samples: with {optimizer.type} at rate {max(rates):g} the step is as large as "
        f"that of a mean at rate {rate:.3g}",
        where=term.edit,
        also=(term.where, optimizer.where),
        expected=f"a mean over the batch, or a rate below {rule['rate'] / samples:.2g}",
        fix='use reduction="mean" (the default), or divide the loss by the batch size',
        samples=samples,
        rate=max(rates),
        rate_of_mean=rate,
    )


def _samples(term: LossTerm, shape: tuple[int, ...]) -> int:
    """Number of summed losses: every position for class losses, samples alone for losses that add up features."""
    if term.op not in ("cross_entropy", "nll_loss"):
        return shape[0]
    total = 1
    for length in (*shape[:1], *shape[2:]):
        total *= length
    return total if len(shape) > 1 else 1


def _accumulated(graph: Graph, term: LossTerm, events: Events) -> Finding | None:
    info = prediction_info(graph, term)
    averaged = term.reduction == "mean" and info is not None and bool(info.shape) and info.shape[0] > 1
    if not averaged or term.weight is None or not 0.99 < term.weight < 1.01:
        return None
    windows = _windows(events, graph)
    if len(windows) < rule["windows"] or len(set(windows)) != 1 or windows[0] < 2:
        return None
    count = windows[0]
    return rule.found(
        f"{count} mean losses are accumulated before each update ({graph.backward.at}) and not divided by {count}: "
        f"the step is {count} times that of one batch of the same samples",
        where=term.where,
        also=(graph.backward,),
        expected="the mean over all accumulated samples",
        fix=f"divide the loss by {count} before backward()",
        accumulated=count,
    )


def _windows(events: Events, graph: Graph) -> Sequence[int]:
    """Backward calls of this graph's line in each finished window between two updates; empty when something else happens there."""
    windows: list[int] = []
    count = 0
    cleared_at: int | None = None
    relevant = events.of("backward", "optimizer_step", "scaler_step", "zero_grad")
    for event in relevant:
        if event.kind == "backward":
            if not _same_line(event, graph):
                return ()
            count += 1
        elif event.kind == "zero_grad":
            cleared_at = count
            if count > 0:
                return ()  # gradients are dropped between backward and update
        elif count:
            windows.append(count)
            count, cleared_at = 0, None
    return windows if cleared_at in (None, 0) else ()


def _same_line(event: Event, graph: Graph) -> bool:
    return (event.where.file, event.where.line) == (graph.backward.file, graph.backward.line)


def _padding(
    graph: Graph, objective: Objective, term: LossTerm, counts: Mapping[float, int], modules: Modules
) -> Finding | None:
    if objective.kind not in (TaskKind.LANGUAGE_MODEL, TaskKind.DENSE_CLASSIFICATION) or term.op not in (
        "cross_entropy",
        "nll_loss",
    ):
        return None
    ignored = graph[term.node].kwargs.get("ignore_index", -100)
    total = sum(counts.values())
    classes = objective.classes
    for module in modules.of_type("Embedding"):
        padding = module.config.get("padding_idx")
        if (
            not isinstance(padding, int)
            or padding == ignored
            or module.config.get("num_embeddings") != classes
            or not total
        ):
            continue
        share = counts.get(float(padding), 0) / total
        if share > rule["padding"]:
            return rule.found(
                f"{share:.0%} of the targets of {term.op} at {term.where.at} are the padding index {padding} (from the embedding at "
                f"{module.made.at}), and all of them count",
                where=term.edit,
                also=(module.made, term.where),
                expected="padding does not count in the loss",
                fix=f"pass ignore_index={padding} to the loss",
                padding_share=share,
                padding_idx=padding,
            )
    return None
