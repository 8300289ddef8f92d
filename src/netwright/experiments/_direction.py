"""Does a lower loss mean better answers? By answers put in place of the network's, and by a few steps of training."""

import itertools
import math
import time
from collections.abc import Sequence

import torch
from torch.nn import functional

from ..capture.graphs import GraphCapture
from ..evidence import NOWHERE, Direction, Node, Where
from ._answers import SURE, Pair, answer, labels_of
from ._intervals import interval, ratio
from ._terms import ScaledTrainee, numbers

_RATE = 1e-3  # of Adam: small enough that no step overshoots where any training works
_PASSES, _STEPS = 8, 32
_NONNEGATIVE = frozenset({"cross_entropy", "binary_cross_entropy", "binary_cross_entropy_with_logits", "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"})  # fmt: skip
_SURER = 10.0  # times as sure


def direction_of(
    trainee: ScaledTrainee, pairs: Sequence[Pair], *, maximize: bool, deadline: float
) -> Direction | None:
    """The loss with right, blind and wrong answers, and what training does to the answers; ``None`` where the target has no right answers or all are the same."""
    if any(_rewarded(c, p) for c, p in zip(trainee.captures, pairs, strict=True)):
        return None
    trainee.reset()
    trainee.scale(1.0, [])
    losses: dict[float, list[float]] = {SURE: [], 0.0: [], -SURE: []}
    least: list[float] = []
    answers: list[torch.Tensor] = []
    for index, pair in enumerate(pairs):
        _, scores, target = trainee.run(index, pair.scores, pair.target, grad=False)
        labels = labels_of(pair, scores, target)
        if labels is None or not labels.numel():
            return None
        answers.append(labels)
        for sure in (*losses, SURE * _SURER):
            given = {pair.scores: answer(pair, scores, labels, sure)}
            loss, term = (float(t.double().sum()) for t in trainee.put(index, given, pair.value))
            if sure in losses:
                losses[sure].append(loss)
            if sure > 0:
                least.append(term)
    every = torch.cat([a.reshape(-1) for a in answers])
    if bool((every == every[0]).all()):
        return None
    first = _costs(trainee, pairs, answers)
    copies = torch.optim.Adam(trainee.trained, lr=_RATE, maximize=maximize)
    # No more than every batch a few times over, whatever the number of batches.
    planned, steps = min(_STEPS, _PASSES * len(pairs)), 0
    before = trainee.mean_loss()
    while steps < planned and (steps < len(pairs) or time.perf_counter() < deadline):
        if not math.isfinite(trainee.step(copies, steps % len(pairs))):
            return None
        steps += 1
    after, last = trainee.mean_loss(), _costs(trainee, pairs, answers)
    trainee.reset()
    grown = [b - a for a, b in zip(first.costs, last.costs, strict=True)]
    mean, error, count = ratio(grown, [1.0] * len(grown))
    ends = interval(mean, error, count)
    numbers = (before, after, *(sum(v) for v in losses.values()), *least)
    if ends is None or not all(math.isfinite(v) for v in numbers):
        return None
    right, blind, wrong = (sum(v) / len(v) for v in losses.values())
    graph = trainee.captures[0].graph
    return Direction(
        op=pairs[0].op,
        right=right,
        blind=blind,
        wrong=wrong,
        maximize=maximize,
        steps=steps,
        samples=count,
        loss_before=before,
        loss_after=after,
        cost_before=sum(first.costs) / count,
        cost_after=sum(last.costs) / count,
        cost_low=ends[0],
        cost_high=ends[1],
        accuracy_before=first.accuracy,
        accuracy_after=last.accuracy,
        least=min(least),
        nonnegative=pairs[0].op in _NONNEGATIVE,
        where=graph.nodes[pairs[0].node].where,
        turned=_turned_at(trainee.captures[0], pairs[0].node),
    )


class _Costs:
    """Costs of the answers by sample, and the share that is right."""

    def __init__(self) -> None:
        self.costs: list[float] = []
        self.right = 0
        self.total = 0

    @property
    def accuracy(self) -> float | None:
        return self.right / self.total if self.total else None


def _costs(trainee: ScaledTrainee, pairs: Sequence[Pair], answers: Sequence[torch.Tensor]) -> _Costs:
    found = _Costs()
    for index, (pair, labels) in enumerate(zip(pairs, answers, strict=True)):
        scores = trainee.run(index, pair.scores, grad=False)[1].detach().double()
        if pair.task == "classes":
            dim = 1 if scores.dim() > 1 else 0
            logs = scores.clamp_min(1e-30).log() if pair.form == "probability" else scores
            flat = logs.movedim(dim, -1).reshape(-1, logs.shape[dim])
            known = labels.reshape(-1) >= 0
            cost = functional.cross_entropy(flat, labels.reshape(-1), ignore_index=-1, reduction="none")
            hits = (flat.argmax(1) == labels.reshape(-1))[known]
            cost, weight = cost.reshape(labels.shape), known.reshape(labels.shape).double()
        elif pair.task == "labels":
            logits = scores.clamp(1e-12, 1 - 1e-12).logit() if pair.form == "probability" else scores
            cost = functional.binary_cross_entropy_with_logits(logits, labels.double(), reduction="none")
            hits, weight = (logits > 0) == (labels > 0.5), torch.ones_like(cost)
        else:
            cost = (scores - labels.double()).square()
            hits, weight = torch.zeros(0, dtype=torch.bool), torch.ones_like(cost)
        sums, counts = trainee.by_row(index, cost, weight)
        found.costs.extend(numbers(sums / counts.clamp_min(1)))
        found.right += int(hits.sum())
        found.total += hits.numel()
    return found


def _after(capture: GraphCapture, node: int) -> list[Node]:
    """The calls from a term to the loss, as far as only one way leads there; with the first one each call's own input is the one before."""
    graph = capture.graph
    consumers = graph.consumer_index()
    found: list[Node] = [graph.nodes[node]]
    while len(found) < 60:
        following = [n for n in consumers[found[-1].index] if n.tainted]
        if len(following) != 1:
            break
        found.append(following[0])
    return found


def _turned_at(capture: GraphCapture, node: int) -> Where:
    """The line between the term and the loss that turns its sign; nowhere if there is none."""
    for before, call in itertools.pairwise(_after(capture, node)):
        second = call.op == "sub" and len(call.refs) > 1 and call.refs[1].node == before.index
        if call.op in ("neg", "rsub") or second or (call.op in ("mul", "div") and _negative(call)):
            return call.where
    return NOWHERE


def _negative(call: Node) -> bool:
    return any(isinstance(a, int | float) and a < 0 for a in call.args)


def _rewarded(capture: GraphCapture, pair: Pair) -> bool:
    """Whether the likelihood of chosen classes is multiplied by a negative number that may be a return or an advantage: actions that are to become rarer."""
    if pair.task != "classes":
        return False
    calls = _after(capture, pair.node)[1:]
    return any(c.op in ("mul", "div") and _negative(c) and -1 not in _whole(c) for c in calls)


def _whole(call: Node) -> list[int]:
    return [a for a in call.args if isinstance(a, int) and not isinstance(a, bool)]
