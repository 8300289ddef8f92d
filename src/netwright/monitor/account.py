"""What watching costs, measured by itself, and what it may cost."""

import functools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median

import torch

from ..capture.sandbox import Unseen
from ..options import allowance

# What is read at every step is done in microseconds. Where the clock shows more, another program had the processor, and that time is not ours.
INTERRUPTED_S = 1e-3
_TRIALS = 61
_CACHE = 2 << 20  # bytes, about those of a core's own caches
# What is done for a while displaces the program's code and data from those caches. What that costs the program no clock inside can see: up to half as much again
# as was done, and no more than it takes to fetch the caches' contents again (at 10 GB/s). `python -m bench.overhead.account` measures it.
_DISPLACES = 0.5
_REFILL_S = _CACHE / 1e10
# Of the budget so much is planned for. Steps of a millisecond are slower for longer after a sample than is charged for: by a tenth of it, measured step by step within a run.
_PLANNED = 0.8


class Account:
    """Seconds of our own work against the seconds of the run.

    ``budget`` is the share of the run time that may be spent, ``spent`` what is charged to us: what :meth:`took` and :meth:`entered` are told. ``entry_s`` is what it takes to come into a hook of ours and out again, which no clock inside of it
    can see: it is added for every entry. ``fixed`` is the part of what was spent that no plan makes less, since hooks stay in place. Time begins with :meth:`begin`.
    """

    def __init__(self, budget: float, *, clock: Callable[[], float] = time.perf_counter) -> None:
        self.budget = budget
        self.clock = clock
        self.spent = 0.0
        self.fixed = 0.0
        self.began = clock()
        self.ended: float | None = None
        self.paused: float | None = None
        self.entry_s = _entry(clock)

    def begin(self) -> None:
        """The run begins now."""
        self.began, self.spent, self.fixed, self.ended = self.clock(), 0.0, 0.0, None

    def end(self) -> None:
        """The run is over: what comes after is none of its time."""
        if self.ended is None:
            self.resume()
            self.ended = self.clock()

    def pause(self) -> None:
        """Time stands still until :meth:`resume`."""
        self.paused = self.clock()

    def resume(self) -> None:
        """Time goes on."""
        if self.paused is not None:
            self.began += self.clock() - self.paused
            self.paused = None

    def took(self, seconds: float, *, times: int = 1) -> None:
        """Something of ours was done for so long, so often: that counts, and what it displaced, and coming in and out."""
        self.spent += times * self.cost(seconds)

    def cost(self, seconds: float) -> float:
        """What is charged for something that takes so long."""
        return seconds + min(_DISPLACES * seconds, _REFILL_S) + self.entry_s

    def entered(self, times: int = 1) -> None:
        """Hooks were entered that do next to nothing."""
        seconds = times * self.entry_s
        self.spent += seconds
        self.fixed += seconds

    @property
    def elapsed(self) -> float:
        """Seconds of the run so far."""
        now = next((t for t in (self.ended, self.paused) if t is not None), None)
        return (self.clock() if now is None else now) - self.began

    @property
    def share(self) -> float:
        """Share of the run that was ours."""
        elapsed = self.elapsed
        return min(self.spent / elapsed, 1.0) if elapsed > 0 else 0.0

    def affords(self, cost: float, now: float) -> bool:
        """Whether ``cost`` seconds more stay within what may be spent until ``now``."""
        return self.spent + cost <= self.allowance(now)

    def allowance(self, now: float) -> float:
        """Seconds that may be spent until ``now``: four fifths of the budget of the time that has passed, and in the first seconds some of the next ones' as well."""
        return allowance(_PLANNED * self.budget, now - self.began)

    @contextmanager
    def charged(self) -> Iterator[None]:
        """What is done inside is ours."""
        start = self.clock()
        try:
            yield
        finally:
            self.took(self.clock() - start)


@functools.cache
def _entry(clock: Callable[[], float]) -> float:
    """Seconds to call a function with the arguments of a hook, as torch does, and to read the clock twice.

    Between two hooks of ours the program computes, and nothing of them is in the processor's caches any more: so something is computed here between them, too (no random number is drawn).
    Hot, an entry takes a fifth of that. The median of many.
    """

    def hook(owner: object, args: object, kwargs: object) -> None:
        start = clock()
        spent[0] += clock() - start

    def wrapper(*args: object, **kwargs: object) -> None:
        hook(*args, **kwargs)

    spent = [0.0]
    hooks: dict[int, Callable[..., None]] = {0: wrapper}
    found: list[float] = []
    beside = bytearray(_CACHE)
    with Unseen(), torch.no_grad():
        weights = torch.ones(64, 64, device="cpu")
        for _ in range(_TRIALS):
            _compute(weights)
            bytes(beside)
            spent[0] = 0.0
            start = clock()
            for each in hooks.values():
                each(None, (), {})
            found.append(max(clock() - start - spent[0], 0.0))
    return median(found)


def _compute(values: torch.Tensor) -> None:
    for _ in range(2):
        values = torch.relu(torch.mm(values, values)).t().contiguous()
        values = values / (values.norm() + 1) + values.mean()
