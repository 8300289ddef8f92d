"""Norms of weights, gradients and updates of every parameter of an optimizer, by batched reductions around its step."""

import math
from dataclasses import dataclass, field
from itertools import pairwise

import torch

from ..capture.measure import has_values, sample_of
from .packet import Moment

_CHUNK_BYTES = 64 << 20
_LOOKED_AT = (
    1 << 14
)  # entries of a gradient among which zeros are counted, where counting is slow: a share's standard error is at most 0.4 %
_PLAIN = (torch.Tensor, torch.nn.Parameter)


@dataclass(slots=True, eq=False)
class _Group:
    """The parameters of one optimizer on one device, with their names."""

    names: list[str] = field(default_factory=list[str])
    tensors: list[torch.Tensor] = field(default_factory=list[torch.Tensor])
    before: list[torch.Tensor] = field(default_factory=list[torch.Tensor])


class ParameterReader:
    """Measures the parameters of optimizers around one sampled step of each.

    Args:
        quantiles: also quantiles of weights and gradients.
        keeps: keep the memory for copies of the weights from one sample to the next.
    """

    def __init__(self, *, quantiles: bool = False, keeps: bool = False) -> None:
        self.names: dict[int, str] = {}
        self.quantiles = quantiles
        self.keeps = keeps
        self._groups: dict[int, list[_Group]] = {}
        self._kept: dict[int, torch.Tensor] = {}

    def name(self, tensor: torch.Tensor, optimizer: int, position: int) -> str:
        """A parameter's name in its network; of one that no network knows, its place in the optimizer."""
        return self.names.get(id(tensor)) or f"optimizer {optimizer}, tensor {position}"

    def before(
        self, optimizer: torch.optim.Optimizer, index: int, moment: Moment, *, gradients: bool
    ) -> None:
        """Before the step: keep a copy of the weights, measure them, and the gradients unless they come within the step."""
        groups = self._groups[id(optimizer)] = self._collect(optimizer, index, moment)
        for group in groups:
            group.before = self._copies(group.tensors)
            moment.hold(_named(group.names, "weight_norm"), _norms(group.before))
            if self.quantiles:
                _quantiles(group.names, group.before, "weight", moment)
        if gradients:
            self._gradients(groups, moment, _scale(optimizer))

    def after(self, optimizer: torch.optim.Optimizer, moment: Moment, *, gradients: bool) -> None:
        """After the step: how far the weights moved."""
        groups = self._groups.pop(id(optimizer), [])
        if gradients:
            self._gradients(groups, moment, None)
        for group in groups:
            torch._foreach_sub_(group.before, [t.detach() for t in group.tensors])
            moment.hold(_named(group.names, "update_norm"), _norms(group.before))
            if self.keeps:
                self._kept.update({id(t): b for t, b in zip(group.tensors, group.before, strict=True)})

    def forget(self) -> None:
        """Let go of copies of a step that never ended."""
        self._groups.clear()
        self._kept.clear()

    def _copies(self, tensors: list[torch.Tensor]) -> list[torch.Tensor]:
        """Copies of the weights, in the memory of the last ones where that was kept."""
        if not self._kept:
            return [t.detach().clone() for t in tensors]
        copies = [self._room(t) for t in tensors]
        torch._foreach_copy_(copies, [t.detach() for t in tensors])
        return copies

    def _room(self, tensor: torch.Tensor) -> torch.Tensor:
        kept = self._kept.get(id(tensor))
        if (
            kept is None
            or kept.shape != tensor.shape
            or kept.dtype is not tensor.dtype
            or kept.device != tensor.device
        ):
            return torch.empty_like(tensor)
        return kept

    def _collect(self, optimizer: torch.optim.Optimizer, index: int, moment: Moment) -> list[_Group]:
        groups: dict[torch.device, _Group] = {}
        counts = moment.counts = moment.counts if moment.counts is not None else {}
        position = 0
        for options in optimizer.param_groups:
            for tensor in options["params"]:
                if (
                    type(tensor) in _PLAIN
                    and tensor.is_floating_point()
                    and tensor.numel()
                    and has_values(tensor)
                ):
                    group = groups.setdefault(tensor.device, _Group())
                    name = f"parameter/{self.name(tensor, index, position)}/"
                    group.names.append(name)
                    group.tensors.append(tensor)
                    counts[name] = tensor.numel()
                position += 1
        return list(groups.values())

    def _gradients(self, groups: list[_Group], moment: Moment, scale: torch.Tensor | None) -> None:
        for group in groups:
            names: list[str] = []
            grads: list[torch.Tensor] = []
            for name, tensor in zip(group.names, group.tensors, strict=True):
                grad = tensor.grad
                if grad is None or type(grad) not in _PLAIN:
                    continue
                grad = grad.detach()
                names.append(name)
                grads.append(grad.coalesce().values() if grad.is_sparse else grad)
            if not grads:
                continue
            norms = _norms(grads)
            moment.hold(_named(names, "grad_norm"), norms / scale if scale is not None else norms)
            self._zeros(names, grads, moment)
            self._nonfinite(names, grads, norms, moment)
            if self.quantiles:
                _quantiles(names, grads, "grad", moment)

    def _zeros(self, names: list[str], grads: list[torch.Tensor], moment: Moment) -> None:
        if grads[0].device.type == "cpu":
            seen = [sample_of(g, _LOOKED_AT) for g in grads]
            shares = [g.numel() / max(s.numel(), 1) for g, s in zip(grads, seen, strict=True)]
            counts = _norms(seen, 0) * torch.tensor(shares)
        else:
            counts = _norms(grads, 0)
        moment.hold(_named(names, "nonzero"), counts)

    def _nonfinite(
        self, names: list[str], grads: list[torch.Tensor], norms: torch.Tensor, moment: Moment
    ) -> None:
        """Counts of gradients that are not finite. On a CPU only those are looked at whose norm says that there are any."""
        if norms.device.type == "cpu":
            good = norms.isfinite().tolist()
            if all(good):
                moment.values.update(dict.fromkeys(_named(names, "nonfinite"), 0.0))
                return
            counts = [0 if fine else int((~g.isfinite()).sum()) for fine, g in zip(good, grads, strict=True)]
            moment.values.update(zip(_named(names, "nonfinite"), map(float, counts), strict=True))
            return
        for start, end in _chunks(grads):
            # Nothing times zero is zero, but for what is not finite; what is not zero is then counted.
            counts = _norms(list(torch._foreach_mul(grads[start:end], 0.0)), 0)
            moment.hold(_named(names[start:end], "nonfinite"), counts)


def derived(moment: Moment) -> None:
    """What follows from the numbers once they have come: ratios and shares in place of counts."""
    values = moment.values
    for name, count in (moment.counts or {}).items():
        update, weight = values.get(name + "update_norm"), values.get(name + "weight_norm")
        if update is not None and weight is not None:
            values[name + "update_ratio"] = update / weight if weight else (0.0 if update == 0 else math.inf)
        nonzero = values.pop(name + "nonzero", None)
        if nonzero is not None:
            values[name + "zero_share"] = max(0.0, 1 - nonzero / count)
        nonfinite = values.pop(name + "nonfinite", None)
        if nonfinite is not None:
            values[name + "nonfinite_share"] = nonfinite / count


def _named(names: list[str], quantity: str) -> list[str]:
    return [name + quantity for name in names]


def _norms(tensors: list[torch.Tensor], order: float = 2) -> torch.Tensor:
    """Norms of tensors on one device, as one flat tensor. Half precision is summed in float32."""
    kind = torch.float64 if any(t.dtype is torch.float64 for t in tensors) else torch.float32
    return torch.stack(torch._foreach_norm(tensors, order, dtype=kind))


def _chunks(tensors: list[torch.Tensor]) -> list[tuple[int, int]]:
    bounds, size = [0], 0
    for index, tensor in enumerate(tensors):
        size += tensor.numel() * tensor.element_size()
        if size > _CHUNK_BYTES:
            bounds.append(index + 1)
            size = 0
    if bounds[-1] != len(tensors):
        bounds.append(len(tensors))
    return list(pairwise(bounds))


def _scale(optimizer: torch.optim.Optimizer) -> torch.Tensor | None:
    """The factor that a gradient scaler leaves in the gradients for an optimizer that takes it out itself."""
    scale = getattr(optimizer, "grad_scale", None)
    return scale if isinstance(scale, torch.Tensor) else None


_SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)
_SAMPLE = 1 << 14


def _quantiles(names: list[str], tensors: list[torch.Tensor], of: str, moment: Moment) -> None:
    for name, tensor in zip(names, tensors, strict=True):
        flat = tensor.reshape(-1)
        flat = flat[:: max(1, flat.numel() // _SAMPLE)].float()
        shares = torch.tensor(_SHARES, device=flat.device)
        moment.hold([f"{name}{of}_q{int(100 * s):02d}" for s in _SHARES], torch.quantile(flat, shares))
