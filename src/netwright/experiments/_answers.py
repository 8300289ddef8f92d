"""Answers put in place of the network's: blind, right and wrong ones, in the form in which the loss takes them."""

import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch.nn import functional

from ..capture.graphs import GraphCapture
from ..capture.tape import Call, Slot
from ..evidence import RESHAPES, Graph, LossTerm, Node, Ref
from ..inference import BINARY_LOSSES, CLASS_LOSSES, VALUE_LOSSES, read_objective

SURE = 2.0  # logit of a right answer and, negative, of a wrong one: odds of 50 to 1
_UNARY = frozenset({"neg", "log", "softmax", "log_softmax", "sigmoid", "logsigmoid", "clamp"}) | RESHAPES
_LOGS = frozenset({"log_softmax", "log", "logsigmoid"})
TURNED = "minus log"
_ONE = 0.99
_OTHER = ("input", "target", "reduction", "size_average", "reduce")


@dataclass(frozen=True, slots=True)
class Pair:
    """What the loss compares. ``scores`` is the value that answers are put into, ``form`` how they are written there: ``logit``, ``log`` (of a probability), ``probability``,
    ``amount``, or :data:`TURNED`, for which there are no answers to write.

    ``task`` is ``classes``, ``labels`` (each yes or no) or ``amounts``; ``op`` the loss function, ``value`` and ``node`` its outcome, ``call`` the call where it is one of torch's.
    """

    op: str
    task: str
    form: str
    scores: int
    target: int
    value: int
    node: int
    call: Call | None


def learned(graph: Graph, node: int) -> bool:
    """Whether a value is computed from parameters, cuts ignored: the answer of a network, or an action that it chose."""
    return any(graph[i].kind == "parameter" for i in graph.ancestors(node))


def pair_of(capture: GraphCapture) -> Pair | None:
    """What the main term of a captured loss compares, as the loss takes it; ``None`` where it has no known form."""
    graph = capture.graph
    term = read_objective(graph, 0).term
    if term is None or term.prediction is None or term.target is None or learned(graph, term.target):
        return None
    task = _task(term)
    scores = Ref(term.prediction, term.prediction_output)
    form = _form(graph, term, scores) if task is not None else None
    found = [
        capture.value_of_node.get(key)
        for key in ((scores.node, scores.output), (term.target, term.target_output), (term.node, 0))
    ]
    if task is None or form is None or None in found:
        return None
    prediction, target, value = cast("list[int]", found)
    call = None if term.handmade else _call(capture, value)
    return Pair(term.op, task, form, prediction, target, value, term.node, call)


def _task(term: LossTerm) -> str | None:
    if term.op in CLASS_LOSSES:
        return "classes"
    if term.op in BINARY_LOSSES:
        return "labels"
    return "amounts" if term.op in VALUE_LOSSES else None


def _form(graph: Graph, term: LossTerm, ref: Ref) -> str | None:
    if term.op in VALUE_LOSSES:
        return "amount"
    if term.op in ("cross_entropy", "binary_cross_entropy_with_logits"):
        return "logit"
    if term.op == "binary_cross_entropy":
        return "probability"
    made = graph.source(ref)  # a negative log-likelihood of what is no logarithm is another rule's to judge
    if made.op == "neg" and graph.source(made.refs[0]).op in _LOGS:
        return TURNED
    return "log" if made.op in _LOGS else None


def picked_of(capture: GraphCapture) -> Pair | None:
    """The same for a loss by hand that picks the entry of the right class, whatever its sign: ``log_softmax(x)[rows, y].mean()``."""
    graph = capture.graph
    if graph.loss is None:
        return None
    node = graph[graph.loss]
    for _ in range(20):
        inside = [r for r in node.refs if graph[r].tainted]
        if node.op in ("gather", "__getitem__") and len(node.refs) > 1:
            break
        passes = node.op in ("mean", "sum", "neg", "mul", "div", "log") or node.op in RESHAPES
        if node.kind != "op" or not passes or len(inside) != 1 or len(node.refs) > 1:
            return None
        node = graph[inside[0]]
    scores, labels = node.refs[0], node.refs[-1]
    info, target = graph.info(scores), graph.info(labels)
    made = graph.source(scores).op
    form = {"log_softmax": "log", "log": "log", "softmax": "probability", "linear": "logit"}.get(made)
    if (
        info is None
        or target is None
        or form is None
        or learned(graph, labels.node)
        or not target.integral
        or len(info.shape) != 2
        or target.numel != info.shape[0]
    ):
        return None
    values = [capture.value_of_node.get((r.node, r.output)) for r in (scores, labels, Ref(node.index))]
    if None in values:
        return None
    prediction, labelled, value = cast("list[int]", values)
    return Pair("nll_loss", "classes", form, prediction, labelled, value, node.index, None)


def at_the_network(capture: GraphCapture, pair: Pair) -> Pair:
    """The pair with its scores at the network's own output, where only functions of single numbers stand between it and the loss: a sign turned there is then seen."""
    graph = capture.graph
    outputs = {v for root in capture.tape.roots for v in root.outputs}
    places = {v: Ref(*key) for key, v in capture.value_of_node.items()}
    node, start = graph[places[pair.scores]], graph.info(places[pair.scores])
    value = pair.scores
    for _ in range(12):
        if value in outputs or node.kind != "op" or node.op not in _UNARY or not node.refs:
            break
        ref = node.refs[0]
        below = graph.info(ref)
        if below is None or start is None or below.shape != start.shape or not graph[ref].tainted:
            break
        found = capture.value_of_node.get((ref.node, ref.output))
        if found is None:
            break
        value, node = found, graph[ref]
    if value == pair.scores or value not in outputs or pair.task == "amounts":
        return pair
    form = _made_by(node)
    return Pair(pair.op, pair.task, form, value, pair.target, pair.value, pair.node, pair.call)


def _made_by(node: Node) -> str:
    if node.op in ("softmax", "sigmoid"):
        return "probability"
    return "log" if node.op in _LOGS else "logit"


def _call(capture: GraphCapture, value: int) -> Call | None:
    maker = capture.tape.values[value].maker
    return next((c for c in capture.tape.calls if c.index == maker), None)


@dataclass(frozen=True, slots=True)
class Settings:
    """Arguments of the loss function besides prediction and target; tensors stand as the values that hold them."""

    function: Callable[..., torch.Tensor]
    arguments: dict[str, object]

    @property
    def wanted(self) -> list[int]:
        """Values that are needed to call it."""
        return [a.value for a in self.arguments.values() if isinstance(a, Slot)]


def settings_of(pair: Pair) -> Settings | None:
    """How the program calls its loss function; ``None`` where it is not one of torch's, or is called in an old way."""
    if pair.call is None:
        return None
    function = getattr(functional, pair.op, None)
    try:
        given = (
            inspect.signature(cast("Callable[..., object]", function))
            .bind(*pair.call.args, **pair.call.kwargs)
            .arguments
        )
    except (TypeError, ValueError):
        return None
    if given.get("size_average") is not None or given.get("reduce") is not None:
        return None
    rest = {k: v for k, v in given.items() if k not in _OTHER}
    return Settings(cast("Callable[..., torch.Tensor]", function), rest)


def elements(
    settings: Settings, tensors: dict[int, torch.Tensor], scores: torch.Tensor, target: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The loss of every element, and the weight that it has in the mean."""
    rest = {k: tensors[v.value] if isinstance(v, Slot) else v for k, v in settings.arguments.items()}
    losses = settings.function(scores, target, reduction="none", **rest).double()
    weights = torch.ones_like(losses)
    name = settings.function.__name__
    if name in CLASS_LOSSES and not target.is_floating_point():
        ignored = torch.eq(target, _ignored(rest))
        weight = rest.get("weight")
        if isinstance(weight, torch.Tensor):
            weights = weight.double()[target.masked_fill(ignored, 0)]
        weights = weights.masked_fill(ignored, 0.0)
    return losses, weights


def _ignored(rest: dict[str, object]) -> int:
    value = rest.get("ignore_index", -100)
    return value if isinstance(value, int) else -100


def labels_of(pair: Pair, scores: torch.Tensor, target: torch.Tensor) -> torch.Tensor | None:
    """The right answers: class numbers (-1 where there is none), 0 and 1 for labels, amounts. ``None`` where the target does not say."""
    if pair.task == "amounts":
        return target if target.shape == scores.shape else None
    if pair.task == "labels":
        return (target > 0.5).to(scores.dtype) if target.shape == scores.shape else None
    if scores.dim() < 1 or scores.shape[_dim(scores)] < 2:
        return None
    if target.is_floating_point():
        if target.shape != scores.shape:
            return None
        best = target.max(_dim(scores))
        return best.indices if bool((best.values >= _ONE).all()) else None
    whole = target.reshape(-1) if target.numel() == scores.shape[0] and scores.dim() == 2 else target
    if whole.shape != scores.movedim(_dim(scores), -1).shape[:-1]:
        return None
    return whole.masked_fill((whole < 0) | (whole >= scores.shape[_dim(scores)]), -1)


def _dim(scores: torch.Tensor) -> int:
    return 1 if scores.dim() > 1 else 0


def answer(pair: Pair, scores: torch.Tensor, labels: torch.Tensor, sure: float) -> torch.Tensor:
    """Scores that say the right answers (``sure`` above 0), the wrong ones (below) or nothing (0)."""
    if pair.task == "amounts":
        middle = labels.mean()
        away = 2.0 * (labels.double().std(correction=0).to(labels.dtype) + (labels - middle).abs())
        return (
            labels.clone() if sure > 0 else middle.expand_as(labels).clone() if sure == 0 else labels + away
        )
    if pair.task == "labels":
        logits = sure * (2 * labels - 1)
        return torch.sigmoid(logits) if pair.form == "probability" else logits
    dim = _dim(scores)
    hot = functional.one_hot(labels.clamp_min(0), scores.shape[dim]).movedim(-1, dim).to(scores.dtype)
    hot = hot * (labels >= 0).unsqueeze(dim)
    return written(pair, sure * (2 * hot - 1) if sure else torch.zeros_like(hot), dim)


def written(pair: Pair, logits: torch.Tensor, dim: int) -> torch.Tensor:
    """Logits of classes in the form in which the scores are."""
    if pair.form == "logit":
        return logits
    return torch.log_softmax(logits, dim) if pair.form == "log" else torch.softmax(logits, dim)


def blind(pair: Pair, scores: torch.Tensor) -> torch.Tensor:
    """Equal probabilities, or 0 for amounts."""
    zeros = torch.zeros_like(scores)
    if pair.task == "classes":
        return written(pair, zeros, _dim(scores))
    return zeros + 0.5 if pair.form == "probability" else zeros


def constant(
    pair: Pair,
    settings: Settings,
    tensors: dict[int, torch.Tensor],
    batches: Sequence[tuple[torch.Tensor, torch.Tensor]],
) -> Callable[[torch.Tensor], torch.Tensor] | None:
    """The best answer that is the same for every sample of these (scores, target), as a function of the scores' form; ``None`` where it has no simple formula."""
    rest = {k: tensors[v.value] if isinstance(v, Slot) else v for k, v in settings.arguments.items()}
    first = batches[0][0]
    if pair.task == "classes":
        share = _class_shares(first, [t for _, t in batches], rest)
        return None if share is None else lambda s: _along(written(pair, share.clamp_min(1e-30).log(), 0), s)
    wide = first.dim() == 2 and first.shape[1] > 1 and all(s.shape[1:] == first.shape[1:] for s, _ in batches)
    if any(s.shape != t.shape for s, t in batches) or rest.get("weight") is not None:
        return None
    values = torch.cat([t.double().reshape(-1, first.shape[1] if wide else 1) for _, t in batches])
    if pair.task == "amounts":
        if pair.op not in ("mse_loss", "l1_loss"):
            return None
        middle = values.mean(0) if pair.op == "mse_loss" else values.median(0).values
    else:
        share = values.mean(0)
        if isinstance(weight := rest.get("pos_weight"), torch.Tensor):
            share = weight.double() * share / (weight.double() * share + 1 - share)
        share = share.clamp(1e-12, 1 - 1e-12)
        middle = share if pair.form == "probability" else share.logit()
    return lambda s: middle.to(s.dtype).expand_as(s) if wide else middle.to(s.dtype).reshape(()).expand_as(s)


def _along(values: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
    shape = [1] * scores.dim()
    shape[_dim(scores)] = -1
    return values.to(scores.dtype).reshape(shape).expand_as(scores)


def _class_shares(
    scores: torch.Tensor, targets: Sequence[torch.Tensor], rest: dict[str, object]
) -> torch.Tensor | None:
    """The probabilities that cost least: of each class its weight times its frequency, smoothed as the loss smooths labels."""
    classes = scores.shape[_dim(scores)]
    counts = torch.zeros(classes, dtype=torch.float64, device=scores.device)
    for target in targets:
        if target.is_floating_point():
            if target.shape != scores.shape and target.dim() != scores.dim():
                return None
            counts += target.double().movedim(_dim(scores), -1).reshape(-1, classes).sum(0)
        else:
            kept = target[target != _ignored(rest)].reshape(-1)
            counts += torch.bincount(kept, minlength=classes)[:classes]
    smoothing = rest.get("label_smoothing", 0.0)
    assert isinstance(smoothing, float | int)
    counts = (1 - smoothing) * counts + smoothing / classes * counts.sum()
    weight = rest.get("weight")
    if isinstance(weight, torch.Tensor):
        counts = counts * weight.double()
    whole = float(counts.sum())
    return counts / whole if whole > 0 and math.isfinite(whole) else None
