"""The loss after a few steps from the same start at given rates, and the largest rates that do not make it grow."""

import math
import time
from collections.abc import Callable, Mapping, Sequence

import torch

from ..capture.replay import CannotReplay
from ..rule import NotApplicable
from .trainee import Trainee

STEPS = 16
GROWN = 1.0
COARSE = 10.0**0.5
_FINE = 1.1  # between a rate that trains and one that does not
_RAMP = 32
_TRAINING = 3  # forward passes


class Trial:
    """Trains the copies of a :class:`Trainee` anew for every question.

    Args:
        trainee: the copies.
        optimizers: the program's optimizers that step together on this loss; their groups are counted one after the other.

    Raises:
        NotApplicable: the loss is 0 or not finite before the first step.
    """

    def __init__(self, trainee: Trainee, optimizers: Sequence[torch.optim.Optimizer]) -> None:
        self.trainee = trainee
        self.optimizers = [*optimizers]
        self.groups = sum(len(o.param_groups) for o in optimizers)
        trainee.reset()
        began = time.perf_counter()
        self.before = trainee.mean_loss()
        # One question in seconds: a training step takes about three times as long as the forward pass alone.
        once = (time.perf_counter() - began) / len(trainee.captures)
        self.cost = once * (_TRAINING * STEPS + len(trainee.captures))
        if not math.isfinite(self.before) or self.before == 0:
            raise NotApplicable("the loss is 0 or not finite before the first step")

    def at(self, factors: Sequence[float], *, end: Sequence[float] | None = None) -> float:
        """The mean loss after the steps, as a share of the one before; infinite where it is not finite, or where a rate above the one in use leads to values that torch refuses
        (``binary_cross_entropy`` of what is not a number, a normal distribution without a mean).

        Args:
            factors: times the rate in use, for each group.
            end: the rates rise to these factors over 32 steps, before the steps are made at them.
        """
        self.trainee.reset()
        copies: list[torch.optim.Optimizer] = []
        position = 0
        for optimizer in self.optimizers:
            count = len(optimizer.param_groups)
            mine = factors[position : position + count]
            copies.append(self.trainee.like(optimizer, factor=mine, decay=True))
            position += count
        rise = self._rise(copies, factors, end) if end is not None else []
        index = 0
        try:
            for index in range(len(rise) + STEPS):
                if index < len(rise):
                    rise[index]()
                if not math.isfinite(self.trainee.step(copies, index % len(self.trainee.captures))):
                    return math.inf
            after = self.trainee.mean_loss()
        except (torch.OutOfMemoryError, CannotReplay):
            raise
        except (RuntimeError, ValueError) as error:
            # The step ran with the first weights, so that what is refused now is what the rate made of them. At rates that are no higher than the program's own this is not believed.
            if end is not None:
                raise NotApplicable(f"{type(error).__name__}: {error}") from None
            if index == 0 or max(factors) <= 1.0:
                raise
            return math.inf
        if not math.isfinite(after):
            return math.inf
        return after / self.before if self.before > 0 else 1.0 + (after - self.before) / abs(self.before)

    def _rise(
        self, copies: Sequence[torch.optim.Optimizer], start: Sequence[float], end: Sequence[float]
    ) -> list[Callable[[], None]]:
        """What sets the rates before each step of the rise. Only where all groups hold parameters of the step."""
        groups = [g for o in copies for g in o.param_groups]
        if len(groups) != len(start):
            raise NotApplicable("a parameter group takes no part in the step")
        used = [float(g["lr"]) / f for g, f in zip(groups, start, strict=True)]

        def put(share: float) -> None:
            for group, rate, low, high in zip(groups, used, start, end, strict=True):
                group["lr"] = rate * (low + (high - low) * share)

        return [lambda i=i: put((i + 1) / _RAMP) for i in range(_RAMP)]


def grows(share: float, bar: float = GROWN) -> bool:
    """Whether a loss has grown."""
    return not share <= bar


def bisect(
    found: dict[float, float],
    ask: Callable[[float], float],
    time_left: Callable[[], bool],
    bar: float = GROWN,
) -> None:
    """Ask for rates between the largest one that does not make the loss grow and the next one that does, halving their distance in logarithms."""
    while time_left():
        low, high = edge(found, bar)
        if low is None or high is None or high / low <= _FINE:
            return
        middle = math.sqrt(low * high)
        found[middle] = ask(middle)


def edge(found: Mapping[float, float], bar: float = GROWN) -> tuple[float | None, float | None]:
    """The largest rate at which the loss does not grow, and the smallest one above it."""
    low = max((r for r, s in found.items() if not grows(s, bar)), default=None)
    high = min((r for r in found if low is None or r > low), default=None)
    return low, high


def largest_alone(
    ask: Callable[[float], float],
    begin: float,
    bounds: tuple[float, float],
    time_left: Callable[[], bool],
    bar: float = GROWN,
) -> dict[float, float]:
    """Shares by rate around the edge of one group: from ``begin`` up by half decades until the loss grows, or down until it does not, then between the two."""
    found = {begin: ask(begin)}
    up = not grows(found[begin], bar)
    rate = begin
    while time_left():
        rate = rate * COARSE if up else rate / COARSE
        if not bounds[0] <= rate <= bounds[1]:
            break
        found[rate] = ask(rate)
        if grows(found[rate], bar) == up:
            break
    bisect(found, ask, time_left, bar)
    return found
