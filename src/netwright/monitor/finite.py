"""Waits for the first loss or gradient that is not finite, and finds out where it began while batch and weights are there."""

import math
import sys
import weakref
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from ..capture.measure import has_values
from ..capture.origin import parameter_names
from ..capture.parameters import held
from ..evidence import NOWHERE, NonFinite

if TYPE_CHECKING:
    from ..capture.session import Session
    from .watcher import Watcher

_NEAR = 4  # parameters at either end among which the smallest is looked at
_LARGEST = 1 << 16  # numbers in it


class FiniteWatch:
    """Looks at the loss whenever the watcher reads it, and before an optimizer's step at the gradients of two small parameters, one among the first and one among the last.

    A gradient that is not finite spoils all that come after it on the way back from the loss, so that the first parameters, whose gradients come last, tell of nearly all. On an accelerator
    nobody waits for a value: only the loss is looked at, when it arrives.

    Args:
        session: knows the recorded step.
        found: told of the first value that is not finite; it may raise to end the program.
        thorough: look at the gradients of all parameters, whatever it costs.
    """

    def __init__(
        self, session: "Session", found: Callable[[NonFinite], None], *, thorough: bool = False
    ) -> None:
        self.session = session
        self.found = found
        self.thorough = thorough
        self._over = session.recording.nonfinite is not None
        self._spoilt: int | None = None  # a step whose gradients were not finite, when no call was found
        self._chosen: dict[int, list[weakref.ref[torch.Tensor]]] = {}
        self._watcher: Watcher | None = None

    def join(self, watcher: "Watcher") -> None:
        """Be called by a watcher."""
        self._watcher = watcher
        if not self._over:
            watcher.on_nonfinite.append(self.loss)
            watcher.before_step.append(self.gradients)
            watcher.glance.wanted = True
            if (
                self.session.recording.losses
            ):  # all finite, as are the gradients: else it would have been noted
                watcher.glance.finite = self.session.recording.steps - 1

    def loss(self, root: torch.Tensor | None) -> None:
        """A loss is not finite; ``None`` where that was only known later."""
        if self._over:
            return
        self._over = True
        if self._watcher is not None:
            self._watcher.glance.over()
        self._look(math.nan if root is None else float(root.detach().double().mean()))

    def gradients(self, optimizer: torch.optim.Optimizer) -> None:
        """An optimizer is about to make a step."""
        if self._over or self._spoilt is not None:
            return
        for grad in self._gradients(optimizer):
            if not math.isfinite(float(grad.sum())) and not bool(grad.isfinite().all()):
                self._spoilt = self.session.recording.steps
                self._look(None)
                return

    def at_end(self) -> None:
        """The run is over: weights that are not finite, where no step told of it."""
        recording = self.session.recording
        if self._over or recording.nonfinite is not None:
            return
        self._over = True
        parameters = {id(p): p for o in recording.living() for p in held(o) if has_values(p)}
        broken = [p for p in parameters.values() if not bool(p.detach().isfinite().all())]
        if broken:
            names = parameter_names(self.session.recorder.modules.networks.values())
            first = NonFinite(
                phase="update",
                steps=recording.steps,
                loss=None,
                nan=any(bool(p.detach().isnan().any()) for p in broken),
                parameters=tuple(names.get(id(p), "a parameter of no network") for p in broken),
                backward=recording.captures[0].graph.backward if recording.captures else NOWHERE,
                at_end=True,
            )
            recording.nonfinite = self._dated(first)

    def _look(self, loss: float | None) -> None:
        if self._watcher is not None:
            # From now on no step has to come here; what this one takes is work, and no interruption.
            self._watcher.before_step = [f for f in self._watcher.before_step if f != self.gradients]
            self._watcher.labours()
        first = self.session.look_back(sys._getframe(2), loss)
        if first is None:
            return  # gradients that the replay does not show: the loss will tell whether they do harm
        self._over = True
        self.session.recording.nonfinite = first = self._dated(first)
        self.found(first)

    def _dated(self, first: NonFinite) -> NonFinite:
        """With what is known of the steps before."""
        glance = self._watcher.glance if self._watcher is not None else None
        if glance is None:
            return first
        gradients = None
        if glance.finite is not None and glance.finite == self._spoilt:
            gradients = False
        elif self.thorough and self._spoilt is None:
            gradients = True
        return replace(first, finite=glance.finite, broken=glance.broken, gradients=gradients)

    def _gradients(self, optimizer: torch.optim.Optimizer) -> list[torch.Tensor]:
        known = self._chosen.get(id(optimizer))
        if known is None or any(ref() is None for ref in known):
            chosen = self._choose(optimizer)
            if not chosen:
                return []
            known = self._chosen[id(optimizer)] = [weakref.ref(p) for p in chosen]
        grads = [p.grad for ref in known if (p := ref()) is not None and p.grad is not None]
        return [g.detach() for g in grads if g.layout is torch.strided]

    def _choose(self, optimizer: torch.optim.Optimizer) -> list[torch.Tensor]:
        there = [
            p for p in held(optimizer) if p.grad is not None and p.device.type == "cpu" and has_values(p)
        ]
        if self.thorough:
            return there
        small = [p for p in there if p.numel() <= _LARGEST]
        ends = [small[:_NEAR], small[: -_NEAR - 1 : -1]]
        return list({id(p): p for end in ends if end for p in [min(end, key=lambda p: p.numel())]}.values())
