"""What happens between a backward pass and the next: gradients cleared and clipped, steps made, parameters that the optimizer has."""

import gc
import sys
import weakref
from collections.abc import Mapping
from types import FrameType
from typing import Any

import torch

from ..plan import Setting
from .hooks import Act, At, Hooks, number
from .names import owners


def scale_rate(hooks: Hooks, settings: Mapping[str, Setting]) -> None:
    """``factor`` times the learning rate of every parameter group, before any scheduler sees it."""
    factor = number(settings, "factor")

    def made(optimizer: torch.optim.Optimizer) -> None:
        for group in optimizer.param_groups:
            group["lr"] = group["lr"] * factor
        if "lr" in optimizer.defaults:
            optimizer.defaults["lr"] = optimizer.defaults["lr"] * factor

    hooks.optimizer.append(made)


def clip(hooks: Hooks, settings: Mapping[str, Setting]) -> None:
    """The norm of all gradients of an optimizer is brought down to ``norm`` where it is larger."""
    norm = number(settings, "norm")

    def before(optimizer: torch.optim.Optimizer) -> None:
        parameters = [p for g in optimizer.param_groups for p in g["params"]]
        torch.nn.utils.clip_grad_norm_(parameters, norm)

    hooks.gradients.append(before)


def clear(hooks: Hooks, settings: Mapping[str, Setting]) -> None:
    """The optimizer whose step follows a backward pass at ``file`` and ``line`` clears its gradients after that step."""
    at = At.of(hooks, settings)
    waiting: list[bool] = []

    def differentiated(frame: FrameType | None) -> None:
        if at.here(frame):
            waiting[:] = [True]

    def stepped(optimizer: torch.optim.Optimizer) -> None:
        if waiting:
            waiting.clear()
            optimizer.zero_grad()

    hooks.differentiated.append(differentiated)
    hooks.stepped.append(stepped)


def step(hooks: Hooks, settings: Mapping[str, Setting]) -> None:
    """The one optimizer of the program makes a step after each backward pass at ``file`` and ``line``. Where there are several nothing is done: which is meant is not known."""
    at = At.of(hooks, settings)
    made: list[weakref.ref[torch.optim.Optimizer]] = []
    hooks.optimizer.append(lambda optimizer: made.append(weakref.ref(optimizer)))

    def differentiated(frame: FrameType | None) -> None:
        held = [o for r in made if (o := r()) is not None]
        if len(held) == 1 and at.here(frame):
            held[0].step()

    hooks.differentiated.append(differentiated)


def optimize_all(hooks: Hooks, settings: Mapping[str, Setting]) -> None:
    """An optimizer made at ``file`` and ``line`` gets the parameters of the whole network that those it was given belong to. Parameters in groups stay as they are."""

    def act(original: Act, instance: Any, params: Any = (), *args: Any, **kwargs: Any) -> Any:
        given = list(params)
        if given and all(isinstance(p, torch.Tensor) for p in given):
            networks = _holding({id(p) for p in given})
            if len(networks) == 1:
                given = list(networks[0].parameters())
        return original(instance, given, *args, **kwargs)

    at = At.of(hooks, settings)
    for owner, name in owners("optimizer"):
        hooks.calls.change(owner, name, at, act)


def _holding(wanted: set[int]) -> list[torch.nn.Module]:
    """The outermost modules that have all of these parameters."""
    every = [m for m in gc.get_objects() if issubclass(type(m), torch.nn.Module) and "_modules" in vars(m)]
    inner = {id(child) for m in every for child in m.children()}
    outer = [m for m in every if id(m) not in inner]
    return [m for m in outer if wanted <= {id(p) for p in m.parameters()}]


def unfreeze(hooks: Hooks, settings: Mapping[str, Setting]) -> None:
    """``requires_grad = False`` and ``requires_grad_(False)`` at ``file`` and ``line`` change nothing."""
    at = At.of(hooks, settings)
    there: Any = torch.Tensor.requires_grad

    def keep(tensor: torch.Tensor, value: bool) -> None:
        if value or not at.here(sys._getframe(1)):
            there.__set__(tensor, value)

    # Reads and writes of torch's own code, which is no Python, go past this.
    torch.Tensor.requires_grad = property(there.__get__, keep)  # type: ignore[assignment]  # pyright: ignore

    def act(original: Act, owner: Any, requires_grad: bool = True) -> Any:
        return original(owner, requires_grad) if requires_grad else owner

    for owner in (torch.Tensor, torch.nn.Module):
        hooks.calls.change(owner, "requires_grad_", at, act)
