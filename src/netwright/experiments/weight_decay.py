"""What weight decay does to the first steps: the same ones with it and without it, from the same start on the same batches."""

import math
import statistics
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import torch

from ..capture.sandbox import untouched
from ..capture.step import Step
from ..evidence import NOWHERE, WeightDecay, Where
from ..rule import NotApplicable
from .experiment import Experiment, Work, on_batches
from .progress import Progress, unseen
from .trainee import ERRORS, Trainee

_MOST = 192
_LEAST = 32
_COUPLED = frozenset(("SGD", "Adam", "NAdam", "RAdam", "Adamax", "RMSprop", "Adagrad", "Adadelta", "ASGD"))
_APART = frozenset(("AdamW",))


@dataclass(slots=True)
class _Run:
    losses: dict[int, float] = field(default_factory=dict[int, float])
    shares: list[float] = field(default_factory=list[float])
    shrunk: float = 1.0


def weight_decay(
    step: Step,
    optimizer: torch.optim.Optimizer | None,
    *,
    others: Sequence[Step] = (),
    seconds: float = 10.0,
    where: Where = NOWHERE,
    progress: Progress = unseen,
) -> WeightDecay:
    """Train copies of the step's parameters with the program's optimizer and with the same one without weight decay.

    Args:
        step: the captured step.
        optimizer: the program's optimizer, for its kind, settings and rates.
        others: further steps of the program, each with its own batch; the steps go round over all of them.
        seconds: time for everything.
        where: the line that made the optimizer.
        progress: called with the share that is done.

    Raises:
        NotApplicable: no optimizer made a step, nothing decays, the optimizer's decay is not known, or the step cannot be run again.
    """
    if optimizer is None:
        raise NotApplicable("no optimizer made a step")
    decays = tuple(float(g.get("weight_decay", 0.0) or 0.0) for g in optimizer.param_groups)
    if not any(d > 0 for d in decays):
        raise NotApplicable("the optimizer has no weight decay")
    if type(optimizer).__name__ not in _COUPLED | _APART:
        raise NotApplicable(f"how {type(optimizer).__name__} decays weights is not known")
    began = time.perf_counter()
    with untouched():
        try:
            trainee = Trainee([step.capture, *(s.capture for s in others)])
            before = trainee.mean_loss()
            if not math.isfinite(before) or before <= 0:
                raise NotApplicable("the loss is not above 0 before the first step")
            decaying = _decaying(trainee, optimizer)
            if not decaying:
                raise NotApplicable("no decaying parameter takes part in the step")
            # As many steps as half of the time allows, so that the other half is enough for the second run.
            one = _Run()
            steps = _run(trainee, optimizer, True, decaying, one, _MOST, seconds * 0.45)
            progress(0.5)
            two = _Run()
            _run(trainee, optimizer, False, decaying, two, steps, math.inf)
        except ERRORS as error:
            raise NotApplicable(f"the step could not be trained: {type(error).__name__}: {error}") from None
    half = steps // 2

    def share(run: _Run, at: int) -> float | None:
        value = run.losses.get(at, math.nan)
        return value / before if math.isfinite(value) else None

    return WeightDecay(
        decays=tuple(sorted({d for d in decays if d > 0})),
        share=statistics.median(one.shares[len(one.shares) // 2 :]) if one.shares else 0.0,
        steps=steps,
        middle=(share(one, half), share(two, half)),
        end=(share(one, steps), share(two, steps)),
        shrunk=(one.shrunk, two.shrunk),
        optimizer=type(optimizer).__name__,
        where=where,
        seconds=time.perf_counter() - began,
    )


def _decaying(trainee: Trainee, optimizer: torch.optim.Optimizer) -> list[tuple[torch.Tensor, float]]:
    """Copies of the parameters that decay, each with its decay."""
    return [
        (trainee.weights[id(p)], float(g["weight_decay"]))
        for g in optimizer.param_groups
        if g.get("weight_decay")
        for p in g["params"]
        if id(p) in trainee.weights and p.requires_grad
    ]


def _run(
    trainee: Trainee,
    optimizer: torch.optim.Optimizer,
    decay: bool,
    decaying: Sequence[tuple[torch.Tensor, float]],
    into: _Run,
    steps: int,
    seconds: float,
) -> int:
    """Make up to ``steps`` steps; how many there was time for (an even number). The loss is asked for after half of them and after all."""
    trainee.reset()
    copy = trainee.like(optimizer, decay=decay)
    start = _norm(w for w, _ in decaying)
    began = time.perf_counter()
    for done in range(steps):
        before = [w.detach().clone() for w, _ in decaying] if decay else []
        loss = trainee.step(copy, done % len(trainee.captures))
        if decay:
            into.shares.append(_share(copy, decaying, before))
            # The half is not known before the end, so that every place at which it may lie is noted.
            if (done + 1) % 8 == 0 or done + 1 == steps:
                into.losses[done + 1] = trainee.mean_loss()
        elif done + 1 in (steps // 2, steps):
            into.losses[done + 1] = trainee.mean_loss()
        if not math.isfinite(loss):
            break
        # Always whole sixteens, so that half of the steps is one of the places noted.
        if (done + 1) % 16 == 0 and done + 1 >= _LEAST and time.perf_counter() - began > seconds:
            steps = done + 1
            break
    into.shrunk = _norm(w for w, _ in decaying) / start if start > 0 else 1.0
    return steps


def _norm(tensors: Iterable[torch.Tensor]) -> float:
    return math.sqrt(sum(float(t.detach().double().square().sum()) for t in tensors))


def _share(
    optimizer: torch.optim.Optimizer,
    decaying: Sequence[tuple[torch.Tensor, float]],
    before: Sequence[torch.Tensor],
) -> float:
    """Norm of the decay's part over that of the gradient's, in the step just made."""
    rates = {id(p): g for g in optimizer.param_groups for p in g["params"]}
    decay: list[torch.Tensor] = []
    rest: list[torch.Tensor] = []
    for (weight, value), old in zip(decaying, before, strict=True):
        group = rates[id(weight)]
        apart = type(optimizer).__name__ in _APART or group.get("decoupled_weight_decay")
        if apart:
            part = float(group["lr"]) * value * old
            decay.append(part)
            rest.append(weight.detach() - old + part)
        elif weight.grad is not None:
            decay.append(value * old)
            # Optimizers of torch leave the gradient as it is when they add the decay.
            rest.append(weight.grad.detach())
    below = _norm(rest)
    return _norm(decay) / below if below > 0 else math.inf if decay else 0.0


EXPERIMENT = Experiment(
    WeightDecay, 0.2, 12.0, on_batches(weight_decay), work=Work(copies=5, trains=True, steps=64, passes=8)
)
