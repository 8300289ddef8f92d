"""Waits for the first loss or gradient that is not finite, and finds out where it began while batch and weights are there."""

import math
import sys
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

from ..evidence import NonFinite

if TYPE_CHECKING:
    from ..capture.session import Session
    from .watcher import Watcher

_FIRST = 4  # parameters of an optimizer among which the smallest is looked at
_LARGEST = 1 << 16  # numbers in it


class FiniteWatch:
    """Looks at the loss whenever the watcher reads it, and before an optimizer's step at the gradient of one small parameter near the input.

    A gradient that is not finite spoils all that come after it on the way back from the loss, so that the one that comes last tells of nearly all. On an accelerator
    nobody waits for a value: only the loss is looked at, when it arrives.

    Args:
        session: knows the recorded step.
        found: told of the first value that is not finite; it may raise to end the program.
    """

    def __init__(self, session: "Session", found: Callable[[NonFinite], None]) -> None:
        self.session = session
        self.found = found
        self._over = session.recording.nonfinite is not None
        self._chosen: dict[int, weakref.ref[torch.Tensor]] = {}

    def join(self, watcher: "Watcher") -> None:
        """Be called by a watcher."""
        watcher.on_nonfinite.append(self.loss)
        watcher.before_step.append(self.gradients)

    def loss(self, root: torch.Tensor | None) -> None:
        """A loss is not finite; ``None`` where that was only known later."""
        if not self._over:
            self._look(math.nan if root is None else float(root.detach()))

    def gradients(self, optimizer: torch.optim.Optimizer) -> None:
        """An optimizer is about to make a step."""
        if self._over:
            return
        grad = self._gradient(optimizer)
        if grad is not None and not math.isfinite(float(grad.sum())) and not bool(grad.isfinite().all()):
            self._look(None)

    def _look(self, loss: float | None) -> None:
        self._over = True
        first = self.session.look_back(sys._getframe(2), loss)
        if first is not None:
            self.found(first)

    def _gradient(self, optimizer: torch.optim.Optimizer) -> torch.Tensor | None:
        known = self._chosen.get(id(optimizer))
        parameter = known() if known is not None else None
        if parameter is None:
            parameter = self._choose(optimizer)
            if parameter is None:
                return None
            self._chosen[id(optimizer)] = weakref.ref(parameter)
        grad = parameter.grad
        return grad.detach() if grad is not None and grad.layout is torch.strided else None

    def _choose(self, optimizer: torch.optim.Optimizer) -> torch.Tensor | None:
        held = (p for group in optimizer.param_groups for p in group["params"])
        fit = [p for p in held if p.grad is not None and p.device.type == "cpu" and p.numel() <= _LARGEST]
        return min(fit[:_FIRST], key=lambda p: p.numel(), default=None)
