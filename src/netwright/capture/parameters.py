"""Keeps an eye on every parameter during the captured steps: values when first seen, gradients, changes."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import torch

from ..evidence import NOWHERE, Stats, Where
from .facts import storage_of
from .measure import has_values, is_imagined, sample_of, stats_of

_SAMPLE = 4096
_FULL_STATS = 2000


@dataclass(slots=True, eq=False)
class Tracked:
    """One parameter. ``last`` is a sample of its values after the last optimizer step, ``step_began`` of those before it.

    ``outside_scales`` holds for each change between steps the factor that all values were multiplied with (None: no such factor),
    ``restored`` counts the changes that undid the step before.
    """

    tensor: torch.Tensor
    initial: Stats | None
    duplicate_rows: bool
    storage: int | None
    grads: list[float | None] = field(default_factory=list[float | None])
    last: torch.Tensor | None = None
    changed: bool | None = None
    changed_outside: Where | None = None
    outside_line: Where | None = None
    outside_op: str | None = None
    outside_gradient: bool = False
    outside_gaps: int = 0
    outside_scales: list[float | None] = field(default_factory=list[float | None])
    restored: int = 0
    step_began: torch.Tensor | None = None
    changed_while_frozen: bool = False
    consumed: set[int] = field(default_factory=set[int])
    mixed: set[int] = field(default_factory=set[int])
    update_ratio: float | None = None
    filled: bool = False
    stepped_since_fill: bool = False
    reached: bool = False
    on_path: bool = False
    used: bool = False
    where: Where = NOWHERE


class ParameterWatch:
    """All parameters of the networks and optimizers of the program."""

    def __init__(self) -> None:
        self.tracked: dict[int, Tracked] = {}

    def track(self, tensor: torch.Tensor, where: Where = NOWHERE) -> Tracked:
        """Begin to watch a parameter (once)."""
        known = self.tracked.get(id(tensor))
        if known is None:
            full = len(self.tracked) < _FULL_STATS
            known = self.tracked[id(tensor)] = Tracked(
                tensor,
                stats_of(tensor, limit=200_000) if full else None,
                full and _equal_rows(tensor),
                storage_of(tensor),
                last=_sample(tensor),
                where=where,
            )
        return known

    def find(self, tensor: torch.Tensor) -> Tracked | None:
        """The record of a parameter."""
        return self.tracked.get(id(tensor))

    def norms(self, tensors: Iterable[torch.Tensor]) -> list[float | None]:
        """Norms of the gradients, None where there is none."""
        tensors = list(tensors)
        grads = [t.grad for t in tensors]
        dense = [g.detach() for g in grads if g is not None and g.is_floating_point() and has_values(g)]
        values = iter(_foreach_norms(dense))
        found: list[float | None] = []
        for grad in grads:
            if grad is None or is_imagined(grad):
                found.append(None)
            elif grad.layout is not torch.strided or not grad.is_floating_point():
                found.append(float(grad.detach().coalesce().values().abs().sum()) if grad.is_sparse else 1.0)
            else:
                found.append(next(values))
        return found

    def before_step(self, parameters: Iterable[torch.Tensor]) -> list[float | None]:
        """Note gradients and changes since the last step; the norms of the gradients."""
        parameters = list(parameters)
        norms = self.norms(parameters)
        for tensor, norm in zip(parameters, norms, strict=True):
            tracked = self.track(tensor)
            tracked.grads.append(norm)
            now = _sample(tensor)
            if tracked.last is not None and now is not None and not _equal(tracked.last, now):
                tracked.changed_outside = tracked.outside_line or NOWHERE
                tracked.outside_gaps += 1
                tracked.outside_scales.append(_scale(tracked.last, now))
                tracked.restored += tracked.step_began is not None and _equal(tracked.step_began, now)
            tracked.last = tracked.step_began = now
        return norms

    def written_unseen(self) -> bool:
        """Whether a parameter is not as it was when it was last looked at."""
        return any(
            t.last is not None and (now := _sample(t.tensor)) is not None and not _equal(t.last, now)
            for t in self.tracked.values()
        )

    def after_backward(
        self, reached: Iterable[Tracked], before: list[float | None], after: list[float | None]
    ) -> None:
        """Note which gradients were added to although a step had used them already."""
        norms = {id(t): pair for t, *pair in zip(list(self.tracked.values()), before, after, strict=False)}
        for tracked in reached:
            was, now = norms.get(id(tracked), (None, None))
            if not was:
                tracked.consumed.clear()
                tracked.mixed.clear()
            elif was != now:
                tracked.mixed |= tracked.consumed

    def uncleared(
        self, parameters: Iterable[torch.Tensor], norms: list[float | None], optimizer: int
    ) -> float:
        """Share of the parameters whose gradient still holds what an earlier step of this optimizer has used."""
        old = [optimizer in self.track(t).mixed for t, n in zip(parameters, norms, strict=True) if n]
        return sum(old) / max(len(norms), 1)

    def after_step(self, parameters: Iterable[torch.Tensor], optimizer: int | None = None) -> float:
        """Note what the step changed; the share of parameters that changed."""
        changed = total = 0
        for tensor in parameters:
            tracked = self.track(tensor)
            now = _sample(tensor)
            total += 1
            moved = tracked.last is not None and now is not None and not _equal(tracked.last, now)
            if moved and tracked.last is not None and now is not None:
                changed += 1
                if tracked.update_ratio is None:
                    norm = float(tracked.last.double().norm())
                    tracked.update_ratio = (
                        float((now.double() - tracked.last.double()).norm()) / norm if norm else None
                    )
            tracked.changed = bool(tracked.changed) or moved
            tracked.changed_while_frozen |= moved and not tensor.requires_grad
            if optimizer is not None:
                tracked.consumed.add(optimizer)
            tracked.last = now
            tracked.stepped_since_fill = True
            tracked.outside_line = None
        return changed / total if total else 0.0


def held(optimizer: torch.optim.Optimizer) -> list[torch.Tensor]:
    """Every parameter of an optimizer, once."""
    seen: dict[int, torch.Tensor] = {}
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            seen[id(parameter)] = parameter
    return list(seen.values())


def _foreach_norms(grads: list[torch.Tensor]) -> list[float]:
    if not grads:
        return []
    try:
        return [float(n) for n in torch.stack([n.float() for n in torch._foreach_norm(grads)]).tolist()]  # pyright: ignore
    except RuntimeError:
        return [float(g.float().norm()) for g in grads]


def _sample(tensor: torch.Tensor) -> torch.Tensor | None:
    if tensor.numel() == 0 or not has_values(tensor):
        return None
    return sample_of(tensor, _SAMPLE).clone()


def _equal(first: torch.Tensor, second: torch.Tensor) -> bool:
    if first.is_floating_point():
        return torch.equal(first.nan_to_num(), second.nan_to_num())
    return torch.equal(first, second)


def _scale(before: torch.Tensor, after: torch.Tensor) -> float | None:
    """The factor between two samples of values, if there is one for all of them."""
    old, new = before.double(), after.double()
    size = float(old.square().sum())
    if not before.is_floating_point() or size == 0 or not math.isfinite(size):
        return None
    factor = float((old * new).sum()) / size
    return factor if torch.allclose(new, factor * old, rtol=1e-3, atol=1e-6) else None


def _equal_rows(tensor: torch.Tensor) -> bool:
    if tensor.dim() < 2 or tensor.shape[0] < 2 or not has_values(tensor):
        return False
    rows = tensor.detach().reshape(tensor.shape[0], -1)[:, :4096]
    return bool((rows == rows[:1]).all())
