"""Which learning rates train, by a few steps from the same start at each (Smith's range test, with a fresh start for every rate)."""

import math
import time
from collections.abc import Iterator, Sequence

import torch

from ..capture.sandbox import untouched
from ..capture.step import Step
from ..evidence import NOWHERE, RangeTest, Where
from ..rule import NotApplicable
from .experiment import Experiment, Material
from .progress import Progress, unseen
from .trainee import ERRORS, Trainee

_LOWEST, _HIGHEST = 1e-6, 100.0  # times 1: rates beyond are used by no one
_COARSE = 10.0**0.5
_STEPS = 16
_GROWN = 1.0


def range_test(
    step: Step,
    optimizer: torch.optim.Optimizer,
    *,
    others: Sequence[Step] = (),
    constant: bool = True,
    seconds: float = 15.0,
    where: Where = NOWHERE,
    progress: Progress = unseen,
) -> RangeTest:
    """Train copies of the step's parameters a few steps at each of a range of rates, without clipping, and look where the loss ends.

    The sweep goes up from a thousandth of the rate in use by half decades until the loss grows, then down as far as time allows, then three rates around the best
    one are added. All parameter groups keep their ratio.

    Args:
        step: the captured step.
        optimizer: the program's optimizer, for its kind, settings and rates.
        others: further steps of the program, each with its own batch; the steps go round over all of them.
        constant: whether the program keeps its rate (no scheduler, no warm-up).
        seconds: time for everything.
        where: the line that made the optimizer.
        progress: called with the share that is done.

    Raises:
        NotApplicable: the step cannot be run again, the optimizer cannot be built anew, or has no rate.
    """
    used = [float(g["lr"]) for g in optimizer.param_groups if "lr" in g]
    if not used or not used[0] > 0:
        raise NotApplicable("the optimizer has no learning rate above 0 to compare with")
    began = time.perf_counter()
    found: dict[float, float] = {}
    with untouched():
        try:
            trainee = Trainee([step.capture, *(s.capture for s in others)])
            before = trainee.mean_loss()
            if not math.isfinite(before) or before == 0:
                raise NotApplicable("the loss is 0 or not finite before the first step")
            for done, rate in enumerate(_sweep(found, used[0])):
                if time.perf_counter() - began > seconds and len(found) > 4:
                    break
                found[rate] = _after(trainee, optimizer, rate / used[0], before)
                progress(min(0.99, done / 18))
        except ERRORS as error:
            raise NotApplicable(f"the step could not be trained: {type(error).__name__}: {error}") from None
    rates = sorted(found)
    stable = [r for r in rates if math.isfinite(found[r]) and found[r] <= _GROWN]
    return RangeTest(
        rates=tuple(rates),
        losses=tuple(found[r] if math.isfinite(found[r]) else None for r in rates),
        steps=_STEPS,
        best=min(stable, key=lambda r: found[r]) if stable else None,
        largest=max(stable) if stable else None,
        in_use=used[0],
        constant=constant,
        optimizer=type(optimizer).__name__,
        where=where,
        seconds=time.perf_counter() - began,
    )


def _sweep(found: dict[float, float], in_use: float) -> Iterator[float]:
    """Rates in the order in which they tell most: the one in use, upwards until the loss grows, downwards until it hardly moves, around the best."""
    yield in_use
    rate, bad = in_use, 0
    while bad < 2 and rate * _COARSE <= _HIGHEST:
        rate *= _COARSE
        yield rate
        bad = bad + 1 if not found[rate] <= _GROWN else 0
    rate, still = in_use, 0
    while still < 2 and rate / _COARSE >= _LOWEST:
        rate /= _COARSE
        yield rate
        still = still + 1 if abs(1 - found[rate]) < 1e-3 else 0
    best = min(found, key=lambda r: found[r] if math.isfinite(found[r]) else math.inf)
    for factor in (_COARSE**-0.5, _COARSE**0.5):
        yield best * factor


def _after(trainee: Trainee, optimizer: torch.optim.Optimizer, factor: float, before: float) -> float:
    """The mean loss after the steps at a rate, as a share of the one before; infinite where it is not finite."""
    trainee.reset()
    copy = trainee.like(optimizer, factor=factor, decay=True)
    for index in range(_STEPS):
        if not math.isfinite(trainee.step(copy, index % len(trainee.captures))):
            return math.inf
    after = trainee.mean_loss()
    if not math.isfinite(after):
        return math.inf
    return after / before if before > 0 else 1.0 + (after - before) / abs(before)


def _of(material: Material, seconds: float, progress: Progress) -> RangeTest:
    if material.optimizer is None:
        raise NotApplicable("no optimizer made a step, so there is no rate to compare with")
    return range_test(
        material.step,
        material.optimizer,
        others=material.others,
        constant=material.constant,
        seconds=seconds,
        where=material.where,
        progress=progress,
    )


EXPERIMENT = Experiment(RangeTest, 0.45, 25.0, _of)
