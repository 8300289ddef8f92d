"""What the parts of a loss weigh: the class weights they were given, and the gradient each of them has alone."""

import math
from dataclasses import replace

import torch

from ..capture.graphs import GraphCapture
from ..capture.replay import CannotReplay, Replay
from ..capture.sandbox import untouched
from ..evidence import LossTerm, Objective, Ref

_CLASSES = 4096
_TERMS = 512


def weighed(objective: Objective, capture: GraphCapture) -> Objective:
    """The objective with class weights and gradient norms of its terms filled in."""
    terms = tuple(_with_weights(t, capture) for t in objective.terms)
    if 1 < len(terms) <= _TERMS and capture.why_not_replayed is None and capture.graph.exact is not None:
        norms = _norms(terms, capture)
        terms = tuple(replace(t, gradient_norm=n) for t, n in zip(terms, norms, strict=True))
    return replace(objective, terms=terms)


def _with_weights(term: LossTerm, capture: GraphCapture) -> LossTerm:
    node = capture.graph.nodes[term.node]
    if term.handmade or node.kind != "op":
        return term
    if term.op in ("cross_entropy", "nll_loss"):
        return replace(term, class_weights=_values(node.arg(2, "weight"), capture))
    if term.op == "binary_cross_entropy_with_logits":
        return replace(term, pos_weight=_values(node.kwargs.get("pos_weight"), capture))
    return term


def _values(ref: object, capture: GraphCapture) -> tuple[float, ...]:
    tensor = capture.data.get(ref.node) if isinstance(ref, Ref) else None
    if tensor is None or tensor.numel() > _CLASSES or tensor.is_meta:
        return ()
    return tuple(float(v) for v in tensor.detach().double().reshape(-1).tolist())


def _norms(terms: tuple[LossTerm, ...], capture: GraphCapture) -> list[float | None]:
    """Norm of each weighted term's gradient with respect to all parameters; None where it cannot be told."""
    goals = [capture.value_of_node.get((t.node, 0)) for t in terms]
    wanted = [g for g in goals if g is not None]
    try:
        with untouched():
            run = Replay(capture.tape, wanted)
            made = dict(zip(wanted, run.run(), strict=True))
            values = [capture.value_of_node[(n, 0)] for n in capture.parameters]
            weights = [w for v in values if (w := run.env.get(v)) is not None and w.requires_grad]
            return [
                _norm(t, made.get(g) if g is not None else None, weights)
                for t, g in zip(terms, goals, strict=True)
            ]
    except (CannotReplay, RuntimeError, MemoryError, TypeError, ValueError, IndexError):
        return [None] * len(terms)


def _norm(term: LossTerm, value: torch.Tensor | None, weights: list[torch.Tensor]) -> float | None:
    if value is None or term.weight is None or not weights:
        return None
    if not value.requires_grad:
        return 0.0
    whole = value.mean() if term.reduction == "mean" else value.sum()
    found = torch.autograd.grad(whole * term.weight, weights, allow_unused=True, retain_graph=True)
    return math.sqrt(sum(float(g.detach().double().square().sum()) for g in found if g is not None))
