"""What is read at every step: the loss, what was clipped, the scale of gradients, the learning rates. Nothing here waits for an accelerator."""

import math
import sys
import weakref
from collections.abc import Callable
from types import CodeType
from typing import Any

import torch

from ..capture.frames import is_user, where_of
from ..capture.measure import has_values
from ..evidence import NOWHERE, Where
from .glance import Glance
from .packet import Moment

_MANY_GROUPS = 8


class StepReader:
    """Writes into the moment it is given.

    Args:
        places: where to note the lines of the backward calls.
        on_nonfinite: called with a loss that is not finite, before backward runs.
        glance: told of the last step whose loss is finite.
    """

    def __init__(
        self,
        places: dict[str, Where],
        on_nonfinite: list[Callable[[torch.Tensor | None], None]],
        glance: Glance,
    ) -> None:
        self.places = places
        self.on_nonfinite = on_nonfinite
        self._glance = glance
        self.moment: Moment | None = None
        self.scaled: tuple[weakref.ref[torch.Tensor], torch.Tensor] | None = None
        self.in_step = False
        self._lines: dict[tuple[CodeType | None, int], str] = {}
        self._rates: dict[int, list[tuple[str, float | None]]] = {}
        self._scalers: list[weakref.ref[Any]] = []
        self._clips = 0

    def begin(self, moment: Moment) -> None:
        """A step begins."""
        self.moment = moment
        self._clips = 0

    def loss(self, roots: Any) -> None:
        """Backward is called on these tensors."""
        moment = self.moment
        root = roots if isinstance(roots, torch.Tensor) else next(iter(roots or ()), None)
        if moment is None or root is None or not root.numel() or not has_values(root):
            return
        if self.scaled is not None:
            root = self.scaled[1] if self.scaled[0]() is root else root
            self.scaled = None
        name = self._line()
        if root.is_complex():
            return
        if root.device.type != "cpu":
            moment.late = [*(moment.late or ()), name]
            # A copy: the program may write to its loss.
            moment.hold([name], root.detach().double().mean().reshape(1))
            return
        value = float(root.item() if root.numel() == 1 else root.detach().double().mean().item())
        if name not in moment.values:
            moment.values[name] = value
        elif (
            not self.in_step
        ):  # within a closure the first counts: that of the weights that the step began with
            moment.again(name, value)
        if math.isfinite(value):
            self._glance.finite = moment.step
        else:
            for each in tuple(self.on_nonfinite):
                each(root)

    def _line(self) -> str:
        frame = sys._getframe(3)
        while frame is not None and not is_user(frame.f_code):
            frame = frame.f_back
        key = (frame.f_code, frame.f_lineno) if frame is not None else (None, 0)
        name = self._lines.get(key)
        if name is None:
            where = where_of(frame.f_code, frame.f_lineno) if frame is not None else NOWHERE
            known = [n for n, place in self.places.items() if n.startswith("loss/") and place == where]
            taken = {*self._lines.values(), *(n for n in self.places if n.startswith("loss/"))}
            name = self._lines[key] = known[0] if known else f"loss/{len(taken)}"
            self.places[name] = where
        return name

    def clipped(self, norm: Any, limit: Any) -> None:
        """Gradients are clipped by their norm."""
        moment = self.moment
        if moment is None:
            return
        name, self._clips = f"clip/{self._clips}/", self._clips + 1
        if isinstance(norm, torch.Tensor) and norm.device.type != "cpu":
            norm = norm.detach().reshape(1)
            moment.hold([name + "norm", name + "active"], torch.cat([norm, (norm > limit).to(norm.dtype)]))
        else:
            value = float(norm)
            moment.values[name + "norm"] = value
            moment.values[name + "active"] = float(value > float(limit))

    def clips_values(self, parameters: Any, limit: Any) -> None:
        """Gradients are about to be clipped by value, on a sampled step."""
        if self.moment is None:
            return
        given = [parameters] if isinstance(parameters, torch.Tensor) else parameters
        grads = [p.grad.detach() for p in given if p.grad is not None]
        if grads:
            largest = torch.stack([n.float() for n in torch._foreach_norm(grads, math.inf)]).max()
            self.moment.hold([f"clip/{self._clips}/active"], (largest > limit).float().reshape(1))
        self._clips += 1

    def scaler_steps(self, scaler: Any) -> None:
        """A gradient scaler is about to step."""
        moment = self.moment
        if moment is None or not scaler.is_enabled():
            return
        name = self._scaler(scaler)
        moment.values.setdefault(name + "skipped", 0.0)
        scale = getattr(scaler, "_scale", None)
        if isinstance(scale, torch.Tensor):
            moment.hold([name + "scale"], scale.detach().clone().reshape(1))

    def scaler_skipped(self, scaler: Any) -> None:
        """The scaler has left the step out."""
        if self.moment is not None and scaler.is_enabled():
            self.moment.values[self._scaler(scaler) + "skipped"] = 1.0

    def _scaler(self, scaler: Any) -> str:
        for index, ref in enumerate(self._scalers):
            if ref() is scaler:
                return f"scaler/{index}/"
        self._scalers.append(weakref.ref(scaler))
        return f"scaler/{len(self._scalers) - 1}/"

    def rates(self, optimizer: torch.optim.Optimizer, index: int) -> None:
        """Learning rates: on sampled steps, and when they have changed."""
        moment, groups = self.moment, optimizer.param_groups
        if moment is None or (len(groups) > _MANY_GROUPS and not moment.sampled):
            return
        known = self._rates.setdefault(index, [])
        while len(known) < len(groups):
            known.append((f"rate/{index}/{len(known)}", None))
        for position, group in enumerate(groups):
            rate = group.get("lr")
            name, last = known[position]
            if isinstance(rate, torch.Tensor):
                if moment.sampled:
                    moment.hold([name], rate.detach().clone().reshape(1))
            elif rate is not None and (rate != last or moment.sampled):
                moment.values[name] = float(rate)
                known[position] = (name, rate)
