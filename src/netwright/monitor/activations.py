"""Statistics of the outputs of modules: copied where a module returns, and worked out later for many at once."""

import math
import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch

from .packet import Moment

MOST_VALUES = 1 << 15
_PLACES = 16
_MOST_VIEWS = 4096
_SATURATING: dict[type, tuple[float, float]] = {
    torch.nn.Sigmoid: (0.01, 0.99),
    torch.nn.Tanh: (-0.99, 0.99),
    torch.nn.Softsign: (-0.99, 0.99),
    torch.nn.Hardsigmoid: (0.01, 0.99),
    torch.nn.Hardtanh: (-0.99, 0.99),
}
_RECTIFIERS = (torch.nn.ReLU, torch.nn.ReLU6, torch.nn.Threshold, torch.nn.Hardshrink, torch.nn.Softshrink)


@dataclass(slots=True, eq=False)
class Kept:
    """A copy of (a part of) an output; of what came into a batch normalization, with its running mean and variance, too."""

    name: str
    module: torch.nn.Module
    axis: int
    values: torch.Tensor
    moment: Moment
    given: torch.Tensor | None = None
    running: torch.Tensor | None = None


class Shelf:
    """Where copies of outputs are kept until there are enough of them.

    Between two layers of a program the processor has nothing of our code in its caches, and the first operation of a kind takes ten times as long as the next ones. So no more is done
    there than to copy; all else is done for many outputs in one go. On a CPU the copies lie in memory that is there already: new memory, page by page, would take longer than the copying.
    """

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        self._next = 0
        self._memory: dict[tuple[int, torch.dtype], torch.Tensor] = {}
        self._views: dict[tuple[int, torch.dtype, torch.Size], torch.Tensor] = {}

    @property
    def full(self) -> bool:
        """Whether it should be emptied."""
        return self._next >= _PLACES

    def put(self, tensor: torch.Tensor, axis: int) -> torch.Tensor:
        """A copy of a subset of a tensor's values, in single or double precision, side by side."""
        size, stride = _subset(tensor.shape, tensor.stride(), axis)
        kind = torch.float64 if tensor.dtype is torch.float64 else torch.float32
        if tensor.is_cpu and threading.get_ident() == self._thread:
            there = self._view(self._next, kind, size)
        else:
            there = torch.empty(size, dtype=kind, device=tensor.device)
        self._next += 1
        return there.copy_(tensor.detach().as_strided(size, stride))

    def clear(self) -> None:
        """Nothing of what was put here is needed any more."""
        self._next = 0

    def spare(self, values: torch.Tensor) -> torch.Tensor:
        """Memory like that of values that were put here, for numbers on the way to others."""
        if values.is_cpu and threading.get_ident() == self._thread:
            return self._view(-1, values.dtype, values.shape)
        return torch.empty_like(values)

    def _view(self, place: int, kind: torch.dtype, size: torch.Size) -> torch.Tensor:
        view = self._views.get((place, kind, size))
        if view is not None:
            return view
        count = size.numel()
        if count > MOST_VALUES:
            return torch.empty(size, dtype=kind, device="cpu")
        memory = self._memory.get((place, kind))
        if memory is None:
            memory = self._memory[place, kind] = torch.empty(MOST_VALUES, dtype=kind, device="cpu")
        if len(self._views) >= _MOST_VIEWS:  # of a program whose outputs have ever new shapes
            self._views.clear()
        view = self._views[place, kind, size] = memory[:count].view(size)
        return view


@lru_cache(maxsize=_MOST_VIEWS)
def _subset(shape: torch.Size, strides: tuple[int, ...], axis: int) -> tuple[torch.Size, tuple[int, ...]]:
    """At most about 32,768 values: every unit and sample at evenly taken places in between; of samples the first, when that is still too many.

    The longest dimension is thinned until there are few enough. What is left, by sizes and strides.
    """
    left, steps = list(shape), list(strides)
    inner = [d for d in range(1, len(left)) if d != axis]
    while math.prod(left) > MOST_VALUES and any(left[d] > 1 for d in inner):
        longest = max(inner, key=lambda d: left[d])
        stride = max(2, min(left[longest], -(-math.prod(left) // MOST_VALUES), 4))
        left[longest], steps[longest] = -(-left[longest] // stride), steps[longest] * stride
    if math.prod(left) > MOST_VALUES and axis:
        left[0] = max(1, MOST_VALUES * left[0] // math.prod(left))
    return torch.Size(left), tuple(steps)


def work_out(kept: Kept, shelf: Shelf, *, rank: bool) -> None:
    """Hold all numbers about an output in its moment."""
    name, moment = kept.name, kept.moment
    names, numbers = statistics(kept.values, kept.axis, kept.module, shelf.spare(kept.values))
    if kept.given is not None and kept.running is not None:
        names.append("running_distance")
        numbers.append(_distance(kept.given, kept.running, kept.module))
    if rank and kept.values.shape[kept.axis] > 1:
        names.append("rank")
        numbers.append(effective_rank(kept.values.movedim(kept.axis, -1)))
    moment.hold([name + n for n in names], torch.stack(numbers))


def statistics(
    values: torch.Tensor, axis: int, module: torch.nn.Module, spare: torch.Tensor
) -> tuple[list[str], list[torch.Tensor]]:
    """Mean, spread, extremes and shares of a module's output, as numbers that still lie on the device. Writes to ``spare``."""
    low, high = torch.aminmax(values)
    mean, count = values.mean(), values.numel()
    spread = torch.linalg.vector_norm(torch.sub(values, mean, out=spare)) / count**0.5
    # Ones and zeros of the values' own kind: on a CPU a comparison into truth values takes four times as long, and so does counting those.
    there = torch.ne(values, 0, out=spare)
    names = ["mean", "std", "min", "max", "zero_share"]
    numbers = [mean, spread, low, high, 1 - there.mean()]
    if isinstance(module, _RECTIFIERS):
        names.append("dead_share")
        numbers.append((_sums(there, axis) == 0).to(values.dtype).mean())
    flat = _SATURATING.get(type(module))
    if flat is not None:
        names.append("saturated_share")
        numbers.append(((values < flat[0]) | (values > flat[1])).to(values.dtype).mean())
    return names, numbers


def _sums(values: torch.Tensor, axis: int) -> torch.Tensor:
    """Sums over all dimensions but one of values that lie side by side, the outer ones first: so it takes the least time."""
    units = values.shape[axis] if values.dim() else 1
    return values.view(math.prod(values.shape[:axis]), units, -1).sum(0).sum(1)


def effective_rank(values: torch.Tensor) -> torch.Tensor:
    """Exponential of the entropy of the normalized singular values of the centered outputs, rows of at most 512 x 512 (Roy & Vetterli 2007)."""
    rows = values.reshape(-1, values.shape[-1])[:512, :512]
    rows = rows - rows.mean(0)
    shares = torch.linalg.svdvals(rows.nan_to_num())
    shares = shares / shares.sum().clamp_min(1e-30)
    return torch.exp(-(shares * shares.clamp_min(1e-30).log()).sum())


def _distance(given: torch.Tensor, running: torch.Tensor, module: Any) -> torch.Tensor:
    """Root mean square over the channels of (mean of the batch - running mean) in running standard deviations."""
    mean = _sums(given, 1) * (given.shape[1] / given.numel())
    distance = (mean - running[0]) / (running[1] + module.eps).sqrt()
    return distance.square().mean().sqrt()
