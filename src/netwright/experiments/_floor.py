"""What no network can learn of a batch: the same context with different answers."""

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import cast

import torch

from ..capture.doors import door_tensors
from ..capture.graphs import GraphCapture
from ..evidence import LossTerm, Objective, Ref, TaskKind
from ..inference import origin
from .trainee import Trainee

_MOST = 100_000  # positions that are counted
_SAME = 1e-4  # of the largest output


@dataclass(frozen=True, slots=True)
class Floor:
    """The smallest mean cross entropy in nats (None where the loss is no plain mean of it), and the largest share of right answers."""

    nats: float | None
    ceiling: float


def floor_of(trainee: Trainee, objective: Objective, indices: Sequence[int]) -> Floor | None:
    """Count the answers by their context, over the batches of ``indices``; None where contexts are not known.

    The context of a token is all that stands before it, of a sample its whole input. That of tokens is believed only where predictions were seen to change with
    earlier tokens alone, and to be the same in every row of a batch with the same tokens.
    """
    term = objective.term
    if term is None or term.op not in ("cross_entropy", "nll_loss") or term.target is None:
        return None
    tokens = objective.kind is TaskKind.LANGUAGE_MODEL
    if not tokens and objective.kind is not TaskKind.CLASSIFICATION:
        return None
    memory = _memory(trainee, term) if tokens else None
    if tokens and memory is None:
        return None
    pairs: list[tuple[Hashable, int]] = []
    for index in indices:
        found = (
            _token_pairs(trainee.captures[index], term, memory or "")
            if tokens
            else _rows(trainee.captures[index], term)
        )
        if found is None or len(pairs) + len(found) > _MOST:
            return None
        pairs.extend(found)
    nats, ceiling = entropy(pairs)
    return Floor(nats if plain_mean(trainee.captures[0], objective, term) else None, ceiling)


def entropy(pairs: Sequence[tuple[Hashable, int]]) -> tuple[float, float]:
    """Mean conditional entropy in nats of the answers given their context, and the share that the most frequent answers make right."""
    contexts: dict[Hashable, Counter[int]] = {}
    for context, answer in pairs:
        contexts.setdefault(context, Counter())[answer] += 1
    nats, right = 0.0, 0
    for answers in contexts.values():
        total = answers.total()
        nats -= sum(n * math.log(n / total) for n in answers.values())
        right += max(answers.values())
    return (nats / len(pairs), right / len(pairs)) if pairs else (0.0, 1.0)


def plain_mean(capture: GraphCapture, objective: Objective, term: LossTerm) -> bool:
    """Whether the loss is the mean of what the term says of each answer, and nothing else."""
    node = capture.graph.nodes[term.node]
    plain = (
        not node.kwargs.get("label_smoothing") and not term.class_weights and node.arg(2, "weight") is None
    )
    return plain and len(objective.terms) == 1 and term.weight == 1 and term.reduction == "mean"


def _target(capture: GraphCapture, term: LossTerm) -> torch.Tensor | None:
    target = capture.data.get(term.target) if term.target is not None else None
    return target if target is not None and not target.is_floating_point() else None


def _token_door(capture: GraphCapture, term: LossTerm) -> tuple[int, torch.Tensor, bool] | None:
    """The node and values of the tokens, and whether time is their first dimension: targets are the tokens one place later."""
    target = _target(capture, term)
    if target is None:
        return None
    for node in capture.doors:
        tokens = capture.data.get(node)
        if (
            tokens is None
            or tokens.dim() != 2
            or tokens.is_floating_point()
            or tokens.numel() != target.numel()
        ):
            continue
        after = target.reshape(tokens.shape)
        for time_first in (False, True):
            x, y = (tokens.T, after.T) if time_first else (tokens, after)
            if x.shape[1] > 1 and float((x[:, 1:] == y[:, :-1]).double().mean()) > 0.9:
                return node, tokens, time_first
    return None


def _predictions(
    trainee: Trainee, term: LossTerm, node: int, tokens: torch.Tensor, time_first: bool
) -> torch.Tensor | None:
    """Outputs of the first batch with other tokens, (rows, times, classes)."""
    capture = trainee.captures[0]
    assert term.prediction is not None
    value = capture.value_of_node.get((term.prediction, term.prediction_output))
    if value is None:
        return None
    source = origin(capture.graph, Ref(node)).index
    alike = [n for n in (node, source) if (t := capture.data.get(n)) is not None and t.shape == tokens.shape]
    trainee.given = {p: tokens for n in alike if (p := capture.value_of_node.get((n, 0))) is not None}
    try:
        out = trainee.run(0, value, grad=False)[1].detach()
    finally:
        trainee.given = {}
    out = out.movedim(1, -1) if out.dim() > 2 else out
    if out.numel() % tokens.numel():
        return None
    out = out.reshape(*tokens.shape, -1)
    return out.transpose(0, 1) if time_first else out


def _memory(trainee: Trainee, term: LossTerm) -> str | None:
    """What predictions depend on, by trying: ``"prefix"`` (earlier tokens and the present one), ``"token"`` (the present one alone); None: on other things."""
    door = _token_door(trainee.captures[0], term)
    if door is None:
        return None
    node, tokens, time_first = door

    def ask(rows: torch.Tensor) -> torch.Tensor | None:
        given = rows.T.contiguous() if time_first else rows
        return _predictions(trainee, term, node, given, time_first)

    rows = tokens.T if time_first else tokens
    base = ask(rows.clone())
    last, first, same = rows.clone(), rows.clone(), rows[:1].expand_as(rows).clone()
    last[:, -1] = rows[:, 0].roll(1)
    first[:, :-1] = rows[:, 1:].roll(1, 0)
    changed, earlier, equal = ask(last), ask(first), ask(same)
    if base is None or changed is None or earlier is None or equal is None:
        return None
    bar = _SAME * float(base.abs().max())
    if float((changed[:, :-1] - base[:, :-1]).abs().max()) > bar:
        return None  # it looks ahead
    if float((equal - equal[:1]).abs().max()) > bar:
        return None  # something else tells the rows apart: a state that was carried over
    alone = (
        torch.equal(first[:, -1], rows[:, -1]) and float((earlier[:, -1] - base[:, -1]).abs().max()) <= bar
    )
    return "token" if alone else "prefix"


def _token_pairs(capture: GraphCapture, term: LossTerm, memory: str) -> list[tuple[Hashable, int]] | None:
    door, target = _token_door(capture, term), _target(capture, term)
    if door is None or target is None or target.numel() > _MOST:
        return None
    _, tokens, time_first = door
    after = target.reshape(tokens.shape)
    x, y = (tokens.T, after.T) if time_first else (tokens, after)
    found: list[tuple[Hashable, int]] = []
    for row, answers in zip(_lists(x), _lists(y), strict=True):
        context = 0
        for place, (token, answer) in enumerate(zip(row, answers, strict=True)):
            context = hash((context, place, token))
            if answer >= 0:  # ignore_index is -100 by default
                found.append((token if memory == "token" else context, answer))
    return found


def _rows(capture: GraphCapture, term: LossTerm) -> list[tuple[Hashable, int]] | None:
    target = _target(capture, term)
    doors = [t for t in door_tensors(capture) if t.dim()]
    if target is None or target.dim() != 1 or not doors or any(t.shape[0] != len(target) for t in doors):
        return None
    if target.numel() > _MOST:
        return None
    arrays = [t.detach().cpu().contiguous() for t in doors]
    answers = cast("list[int]", target.tolist())  # pyright: ignore[reportUnknownMemberType]
    keys = list(zip(*(_numbered(t, len(answers)) for t in arrays), strict=True))
    return [(k, a) for k, a in zip(keys, answers, strict=True) if a >= 0]


def _numbered(rows: torch.Tensor, count: int) -> list[int]:
    """A number for each row, the same one for equal rows."""
    flat = rows.reshape(count, -1)
    _, numbers = cast("tuple[torch.Tensor, torch.Tensor]", torch.unique(flat, dim=0, return_inverse=True))  # pyright: ignore[reportUnknownMemberType]
    return cast("list[int]", numbers.tolist())  # pyright: ignore[reportUnknownMemberType]


def _lists(tokens: torch.Tensor) -> list[list[int]]:
    return cast("list[list[int]]", tokens.tolist())  # pyright: ignore[reportUnknownMemberType]
