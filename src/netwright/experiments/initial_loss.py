"""The loss before training: against what blind guesses cost, part by part, with its penalties stronger and weaker, and whether lower means better."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import torch

from ..capture.graphs import GraphCapture
from ..capture.sandbox import untouched
from ..capture.step import Step
from ..evidence import NOWHERE, Direction, FirstLoss, InitialLoss, Strength, TermShare, Where
from ..rule import NotApplicable
from ._answers import TURNED, Pair, at_the_network, blind, constant, elements, pair_of, picked_of, settings_of
from ._direction import direction_of
from ._intervals import interval, ratio
from ._terms import ScaledTrainee, numbers, weigh
from .experiment import Experiment, Work, on_batches
from .progress import Progress, unseen
from .trainee import ERRORS

T = TypeVar("T")
_FACTORS = (0.0, 0.1, 1.0, 10.0)
_STEPS = 20
_PASSES = (
    20  # over each batch, in forward passes: answers put in place, costs before and after, a training step
)
_SMALL = 0.01  # of the gradient: a part below it is also trained alone


def initial_loss(
    step: Step,
    optimizer: torch.optim.Optimizer | None = None,
    *,
    others: Sequence[Step] = (),
    seconds: float = 10.0,
    where: Where = NOWHERE,
    progress: Progress = unseen,
) -> InitialLoss:
    """Look at the loss of copies of the parameters as they were in the first step, without dropout, on all batches given.

    Four things are tried. The data term against blind guesses put in place of the network's output (chance, and the best constant answer). Every additive part's share of the value and of
    the gradient. Penalties on parameters switched off and made stronger, and the loss without them after a few steps of training. Right and wrong answers in place of the network's,
    and what a few steps of training do to the answers.

    Args:
        step: the captured step.
        optimizer: the program's optimizer, for its kind, settings and direction; without it nothing is trained with parts scaled.
        others: further steps of the program, each with its own batch.
        seconds: time for everything.
        where: the line that made the optimizer.
        progress: called with the share that is done.

    Raises:
        NotApplicable: the step cannot be run again; the message says why.
    """
    began = time.perf_counter()
    with untouched():
        try:
            trainee = _trainee(_distinct([step.capture, *(s.capture for s in others)]), seconds)
            first = _first(trainee)
            progress(0.2)
            terms = _tried(lambda: weigh(trainee, began + 0.4 * seconds)) or []
            progress(0.4)
            direction = _tried(lambda: _direction(trainee, optimizer, began + 0.6 * seconds))
            progress(0.6)
            strengths: list[Strength] = []
            if optimizer is not None and terms:
                weighed = terms
                terms = _tried(lambda: _alone(trainee, optimizer, weighed, began + 0.8 * seconds)) or terms
                progress(0.8)
                strengths = _tried(lambda: _strengths(trainee, optimizer, terms, began + seconds)) or []
        except ERRORS as error:
            raise NotApplicable(f"the step could not be run again: {type(error).__name__}: {error}") from None
    return InitialLoss(
        batches=len(trainee.captures),
        first=first,
        terms=tuple(terms),
        strengths=tuple(strengths),
        direction=direction,
        optimizer_at=where,
        seconds=time.perf_counter() - began,
    )


def _trainee(captures: list[GraphCapture], seconds: float) -> ScaledTrainee:
    """On as many of the batches as there is time for, two at least: large vocabularies make every pass over a batch slow."""
    trainee = ScaledTrainee(captures)
    once = math.inf
    for _ in range(2):  # the first pass is slower
        began = time.perf_counter()
        trainee.run(0, grad=False)
        once = min(once, time.perf_counter() - began)
    count = max(2, int(seconds / (_PASSES * once)))
    return trainee if count >= len(captures) else ScaledTrainee(captures[:count])


def _distinct(captures: Sequence[GraphCapture]) -> list[GraphCapture]:
    """Without those on the same data as an earlier one (training on the whole set, a closure that is asked many times): they are no further samples."""
    found: list[GraphCapture] = []
    known: list[list[torch.Tensor]] = []
    for capture in captures:
        # Single numbers (a loss of before that the program prints) are no samples.
        data = [t for n, t in capture.data.items() if capture.graph.nodes[n].kind != "buffer" and t.dim()]
        if not data or not any(_same(data, earlier) for earlier in known):
            found.append(capture)
            known.append(data)
    return found


def _same(first: Sequence[torch.Tensor], second: Sequence[torch.Tensor]) -> bool:
    return len(first) == len(second) and all(
        a is b or (a.dtype == b.dtype and a.device == b.device and torch.equal(a, b))
        for a, b in zip(first, second, strict=True)
    )


def _tried(measure: Callable[[], T]) -> T | None:
    """What a measurement gives; nothing where answers do not fit into the step (a loss that is not what it looks like), or the optimizer cannot be built anew."""
    try:
        return measure()
    except (*ERRORS, NotApplicable):
        return None


def _direction(
    trainee: ScaledTrainee, optimizer: torch.optim.Optimizer | None, deadline: float
) -> Direction | None:
    pairs: list[Pair] = []
    for capture in trainee.captures:
        pair = pair_of(capture) or picked_of(capture)
        if pair is None:
            return None
        pairs.append(at_the_network(capture, pair))
        if pairs[-1].form == TURNED:
            return None
    groups = optimizer.param_groups if optimizer is not None else []
    return direction_of(
        trainee, pairs, maximize=any(g.get("maximize", False) for g in groups), deadline=deadline
    )


def _first(trainee: ScaledTrainee) -> FirstLoss | None:
    pairs = [pair_of(c) for c in trainee.captures]
    known = [p for p in pairs if p is not None and p.form != TURNED]
    if len(known) < len(pairs):
        return None
    try:
        found = _by_sample(trainee, known)
        return found if found is not None else _by_batch(trainee, known)
    except ERRORS:  # shapes that do not fit each other: other rules' to judge
        return None


def _by_sample(trainee: ScaledTrainee, pairs: Sequence[Pair]) -> FirstLoss | None:
    """From the loss function without its reduction."""
    settings = [settings_of(p) for p in pairs]
    known = [s for s in settings if s is not None]
    if len(known) < len(pairs):
        return None
    sums: list[tuple[torch.Tensor, torch.Tensor]] = []
    chances: list[tuple[torch.Tensor, torch.Tensor]] = []
    batches: list[tuple[torch.Tensor, torch.Tensor]] = []
    tensors: list[dict[int, torch.Tensor]] = []
    for index, (pair, setting) in enumerate(zip(pairs, known, strict=True)):
        goals = [pair.scores, pair.target, *setting.wanted]
        found = trainee.run(index, *goals, grad=False)[1:]
        batches.append((found[0].detach(), found[1].detach()))
        tensors.append(dict(zip(setting.wanted, found[2:], strict=True)))
        sums.append(trainee.by_row(index, *elements(setting, tensors[-1], *batches[-1])))
        guess = blind(pair, batches[-1][0])
        chances.append(elements(setting, tensors[-1], guess, batches[-1][1]))
    losses, weights = (torch.cat([s[i] for s in sums]) for i in (0, 1))
    value, error, count = ratio(numbers(losses), numbers(weights))
    chance = float(sum(c[0].sum() for c in chances) / sum(c[1].sum() for c in chances))
    guess = constant(pairs[0], known[0], tensors[0], batches)
    prior = None
    if guess is not None:
        costs = [
            elements(own, held, guess(scores), target)
            for own, held, (scores, target) in zip(known, tensors, batches, strict=True)
        ]
        prior = float(sum(c[0].sum() for c in costs) / sum(c[1].sum() for c in costs))
    return _judged(trainee, pairs[0], value, error, count, chance, prior)


def _by_batch(trainee: ScaledTrainee, pairs: Sequence[Pair]) -> FirstLoss | None:
    """From the values of a loss by hand, batch by batch; the blind guess goes through the program's own calls."""
    losses: list[float] = []
    chances: list[float] = []
    for index, pair in enumerate(pairs):
        _, value, scores = trainee.run(index, pair.value, pair.scores, grad=False)
        if value.numel() != 1:
            return None
        losses.append(float(value))
        chances.append(float(trainee.put(index, {pair.scores: blind(pair, scores.detach())}, pair.value)[1]))
    value, error, count = ratio(losses, [1.0] * len(losses))
    return _judged(trainee, pairs[0], value, error, count, sum(chances) / len(chances), None)


def _judged(
    trainee: ScaledTrainee,
    pair: Pair,
    value: float,
    error: float,
    count: int,
    chance: float,
    prior: float | None,
) -> FirstLoss | None:
    ends = interval(value, error, count)
    if ends is None or not all(math.isfinite(v) for v in (value, error, chance)):
        return None
    where = trainee.captures[0].graph.nodes[pair.node].where
    return FirstLoss(
        op=pair.op,
        value=value,
        error=error,
        low=ends[0],
        high=ends[1],
        samples=count,
        chance=chance,
        prior=prior if prior is not None and math.isfinite(prior) else None,
        where=where,
    )


def _alone(
    trainee: ScaledTrainee, optimizer: torch.optim.Optimizer, terms: list[TermShare], deadline: float
) -> list[TermShare]:
    """Known losses with a very small share of the gradient, trained alone and in the sum."""
    found = list(terms)
    for number, term in enumerate(terms):
        small = term.gradient_share is not None and term.gradient_share[1] < _SMALL
        if not (small and term.supervised) or time.perf_counter() > deadline:
            continue
        trainee.reset()
        trainee.scale(1.0, [])
        before = trainee.part_value(number)
        if not before > 0:
            continue
        after: list[float] = []
        for rest in (0.0, 1.0):
            trainee.reset()
            trainee.scale(1.0, [number], rest)
            _train(trainee, optimizer, _STEPS)
            trainee.scale(1.0, [])
            after.append(trainee.part_value(number) / before)
        if all(math.isfinite(a) for a in after):
            found[number] = replace(term, alone=after[0], together=after[1], steps=_STEPS)
    trainee.reset()
    return found


def _strengths(
    trainee: ScaledTrainee, optimizer: torch.optim.Optimizer, terms: list[TermShare], deadline: float
) -> list[Strength]:
    """The whole loss with the penalties scaled, and the loss without them after training with them."""
    chosen = [i for i, t in enumerate(terms) if t.penalty]
    if not chosen or len(chosen) == len(terms) or len(trainee.same()) < len(trainee.captures):
        return []
    found: list[Strength] = []
    for factor in sorted(_FACTORS, key=lambda f: abs(f - 0.5)):  # in use and off first
        if len(found) > 1 and time.perf_counter() > deadline:
            break
        trainee.reset()
        trainee.scale(factor, chosen)
        loss = trainee.mean_loss()
        _train(trainee, optimizer, _STEPS)
        trainee.scale(0.0, chosen)
        found.append(Strength(factor=factor, loss=loss, data=trainee.mean_loss(), steps=_STEPS))
    trainee.reset()
    trainee.scale(1.0, [])
    return sorted((s for s in found if math.isfinite(s.loss)), key=lambda s: s.factor)


def _train(trainee: ScaledTrainee, optimizer: torch.optim.Optimizer, steps: int) -> None:
    copy = trainee.like(optimizer, decay=True)
    for index in range(steps):
        if not math.isfinite(trainee.step(copy, index % len(trainee.captures))):
            break


EXPERIMENT = Experiment(
    InitialLoss, 0.3, 15.0, on_batches(initial_loss), work=Work(copies=4, trains=True, steps=14, few=True)
)
