"""What is gathered of one layer while batches run forward and backward, and its plain numbers."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch

from ..evidence import LayerFlow
from ._layer_calls import CUTTING, SATURATING, Site


def norm_of(tensor: torch.Tensor) -> float:
    """The norm, in float64 so that no square overflows; not finite only where an element is not."""
    if tensor.layout is not torch.strided:
        tensor = tensor.coalesce().values()
    norm: torch.Tensor = torch.linalg.vector_norm(tensor.detach(), dtype=torch.float64)  # pyright: ignore
    return float(norm)  # pyright: ignore[reportUnknownArgumentType]


def slice_norms(tensor: torch.Tensor, dim: int) -> list[float]:
    """The norm of each slice along a dimension."""
    moved = tensor.detach().movedim(dim, 0).reshape(tensor.shape[dim], -1)
    return [norm_of(slice_) for slice_ in moved]


def listen(tensor: torch.Tensor, hook: Callable[[torch.Tensor], None]) -> None:
    """Be told the gradient of the values that the tensor has now: what is written over it later does not matter."""
    tensor.register_hook(hook)  # pyright: ignore[reportUnknownMemberType]


def real(tensor: torch.Tensor | None) -> bool:
    """Whether a tensor holds numbers of which a size can be told."""
    return (
        tensor is not None
        and tensor.is_floating_point()
        and tensor.layout is torch.strided
        and bool(tensor.numel())
    )


@dataclass(slots=True)
class _Size:
    """Running root mean square."""

    squares: float = 0.0
    count: int = 0

    def add(self, norm: float, count: int) -> None:
        self.squares += norm * norm
        self.count += count

    @property
    def rms(self) -> float | None:
        return math.sqrt(self.squares / self.count) if self.count else None


@dataclass(slots=True)
class Tally:
    """What is gathered of one layer. ``norms`` are those of the gradient at its input, ``steps`` at each of its time steps, by batch and call."""

    site: Site
    output: _Size = field(default_factory=_Size)
    taken: _Size = field(default_factory=_Size)
    given: _Size = field(default_factory=_Size)
    back: _Size = field(default_factory=_Size)
    finite: bool = True
    gradient_finite: bool = True
    rows: int = 0
    alive: torch.Tensor | None = None
    flat: int = 0
    norms: dict[int, list[float]] = field(default_factory=dict[int, list[float]])
    steps: dict[int, dict[int, float]] = field(default_factory=dict[int, dict[int, float]])

    def forward(self, data: torch.Tensor | None, out: torch.Tensor) -> None:
        """Take the size of a call's output and of its input."""
        norm = norm_of(out)
        self.finite = self.finite and math.isfinite(norm)
        self.output.add(norm, out.numel())
        # What a call wrote over is gone.
        if data is not None and real(data) and data.data_ptr() != out.data_ptr():
            self.taken.add(norm_of(data), data.numel())
        op, values = self.site.node.op, out.detach()
        if op in CUTTING and values.dim() >= 2:
            units = values.movedim(self.site.channels, -1)
            active = (units != 0).reshape(-1, units.shape[-1]).any(dim=0)
            same = self.alive is not None and self.alive.shape == active.shape
            self.alive = active if self.alive is None else (self.alive | active if same else self.alive)
        if op in SATURATING:
            low, high = SATURATING[op]
            self.flat += int(((values < low) | (values > high)).sum())

    def backward(self, norm: float, count: int) -> None:
        """Take the size of the gradient at an output."""
        self.gradient_finite = self.gradient_finite and math.isfinite(norm)
        self.given.add(norm, count)


def at_output(tally: Tally, batch: int, number: int, listening: list[int]) -> Callable[[torch.Tensor], None]:
    """Takes the gradient at the output of a layer's call, in the backward pass that is listened to."""

    def hook(grad: torch.Tensor) -> None:
        if listening and real(grad):
            norm = norm_of(grad)
            tally.backward(norm, grad.numel())
            if tally.site.time is None:
                tally.steps.setdefault(batch, {})[number] = norm

    return hook


def at_input(tally: Tally, batch: int, listening: list[int]) -> Callable[[torch.Tensor], None]:
    """Takes the gradient at the input of a layer's call, and at each time step where the call runs over them."""

    def hook(grad: torch.Tensor) -> None:
        if not listening or not real(grad):
            return
        norm = norm_of(grad)
        tally.back.add(norm, grad.numel())
        tally.norms.setdefault(batch, []).append(norm)
        tally.gradient_finite = tally.gradient_finite and math.isfinite(norm)
        dim = tally.site.time
        if dim is not None and grad.dim() > dim:
            tally.steps[batch] = dict(enumerate(slice_norms(grad, dim)))

    return hook


def as_layer(tally: Tally, before: tuple[int, ...], batches: int) -> LayerFlow:
    """The plain numbers. ``before`` are the positions of the layers it depends on."""
    node, norms = tally.site.node, tally.norms
    forward, taken, given, back = tally.output.rms, tally.taken.rms, tally.given.rms, tally.back.rms
    measured = forward is not None and tally.output.count
    return LayerFlow(
        name=node.module or node.op,
        op=node.op,
        graph=0,
        node=node.index,
        weighted=tally.site.weighted,
        before=before,
        where=node.where,
        made=node.made,
        samples=tally.rows,
        forward=forward,
        forward_gain=forward / taken if forward is not None and taken else None,
        backward=given,
        backward_gain=back / given if back is not None and given else None,
        gradients=tuple(_root(norms.get(i, [0.0])) for i in range(batches)) if norms else (),
        finite=tally.finite,
        gradient_finite=tally.gradient_finite,
        units=tally.alive.numel() if tally.alive is not None else None,
        dead=1 - float(tally.alive.double().mean()) if tally.alive is not None else None,
        saturated=tally.flat / tally.output.count if node.op in SATURATING and measured else None,
        steps=max((len(s) for s in tally.steps.values()), default=1),
        over_time=tuple(g for s in tally.steps.values() if (g := _growth(s)) is not None),
    )


def _root(norms: Sequence[float]) -> float:
    return math.sqrt(sum(n * n for n in norms) / len(norms))


def _growth(steps: Mapping[int, float]) -> float | None:
    """The largest norm at any time step over that at the last one that has a gradient."""
    present = [steps[i] for i in sorted(steps) if steps[i] != 0]
    return max(present) / present[-1] if len(present) > 1 and all(map(math.isfinite, present)) else None
