"""Small questions that several rules about the loss ask of the step."""

import math
from collections.abc import Iterator

from ..evidence import RESHAPES, Graph, Graphs, LossTerm, Node, Objective, Ref, Stats, Task, TensorInfo

LINEAR = frozenset(
    [
        "linear",
        "bilinear",
        "addmm",
        "conv1d",
        "conv2d",
        "conv3d",
        "conv_transpose1d",
        "conv_transpose2d",
        "conv_transpose3d",
    ]
)
BCE = "binary_cross_entropy"
BCE_LOGITS = "binary_cross_entropy_with_logits"
SQUARED = frozenset({"mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"})
THROUGH_CLAMP = RESHAPES | {"clamp", "clip", "clamp_min", "clamp_max", "nan_to_num"}


def loss_terms(graphs: Graphs, task: Task) -> Iterator[tuple[Graph, Objective, LossTerm]]:
    """Every term of every loss with its graph."""
    for objective in task.objectives:
        for term in objective.terms:
            yield graphs.train[objective.graph], objective, term


def prediction_ref(term: LossTerm) -> Ref | None:
    """The tensor that is compared with the target."""
    return None if term.prediction is None else Ref(term.prediction, term.prediction_output)


def target_ref(term: LossTerm) -> Ref | None:
    """The tensor that the prediction is compared with."""
    return None if term.target is None else Ref(term.target, term.target_output)


def logits_ref(graph: Graph, term: LossTerm) -> Ref | None:
    """The raw outputs of a class loss: what enters cross_entropy, or the log_softmax in front of a negative log-likelihood."""
    ref = prediction_ref(term)
    if ref is None or term.op == "cross_entropy":
        return ref
    log = graph.source(ref)
    return log.refs[0] if term.op.startswith("nll_loss") and log.op == "log_softmax" and log.refs else None


def prediction_info(graph: Graph, term: LossTerm) -> TensorInfo | None:
    """Form and values of the prediction."""
    ref = prediction_ref(term)
    return None if ref is None else graph.info(ref)


def target_info(graph: Graph, term: LossTerm) -> TensorInfo | None:
    """Form and values of the target."""
    ref = target_ref(term)
    return None if ref is None else graph.info(ref)


def learns(graph: Graph, start: Node | int) -> bool:
    """Whether a value is computed from a trainable parameter, cuts ignored."""
    return any(graph[i].kind == "parameter" for i in graph.ancestors(start))


def one_hot(info: TensorInfo | None, classes: int | None) -> bool:
    """Whether a target is a one-hot code: as wide as there are classes, only 0 and 1, and one 1 for each sample."""
    if info is None or info.stats is None or classes is None or classes < 2 or len(info.shape) < 2:
        return False
    s = info.stats
    binary = s.integers and s.min == 0 and s.max == 1
    return binary and info.shape[1] == classes and math.isclose(s.mean, 1 / classes, rel_tol=1e-4)


def zero_one(stats: Stats | None) -> bool:
    """Whether the values are only 0 and 1, both present."""
    return stats is not None and stats.integers and stats.min == 0 and stats.max == 1


def scalar_value(graph: Graph, term: LossTerm) -> float | None:
    """The term's own value without the factor in front, averaged when it is not one number."""
    info = graph[term.node].output
    if info is not None and info.stats is not None and not term.handmade and info.stats.nonfinite == 0:
        return info.stats.mean
    if term.value is not None and term.weight:
        return term.value / term.weight
    return None


def walk_back(
    graph: Graph, ref: Ref, depth: int, stop: frozenset[str], *, beyond: bool = False
) -> Iterator[Node]:
    """Calls behind a tensor up to a number of calls away, not going behind calls named in ``stop`` (``beyond``: one call further)."""
    seen: set[int] = set()
    last: set[int] = set()
    level = {ref.node}
    for _ in range(depth):
        following: set[int] = set()
        for index in sorted(level - seen):
            seen.add(index)
            node = graph[index]
            yield node
            behind = {r.node for r in node.refs}
            if node.op not in stop:
                following |= behind
            elif beyond:
                last |= behind
        level = following
    for index in sorted(last - seen):
        yield graph.source(graph[index])
