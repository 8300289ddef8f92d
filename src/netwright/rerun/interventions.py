"""Named changes of a re-run. Each is a function of :class:`Hooks` and its settings, which asks to be called where it wants to change something."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import torch
from torch.utils.data.dataloader import _MultiProcessingDataLoaderIter, _SingleProcessDataLoaderIter

from ..capture.patches import Patches
from .plan import Intervention, Setting


@dataclass(slots=True)
class Hooks:
    """Where an intervention can take hold of the program.

    ``optimizer`` is called with every optimizer right after it was made, ``loader`` with every DataLoader, ``network`` with every outermost module before its first call, ``loss`` with every loss before it
    is differentiated (what it returns is differentiated instead), ``gradients`` with every optimizer before each of its steps. ``patches`` replaces attributes of torch by wrappers, for what has no hook here.
    """

    patches: Patches
    optimizer: list[Callable[[torch.optim.Optimizer], None]] = field(
        default_factory=list[Callable[[torch.optim.Optimizer], None]]
    )
    loader: list[Callable[[Any], None]] = field(default_factory=list[Callable[[Any], None]])
    network: list[Callable[[torch.nn.Module], None]] = field(
        default_factory=list[Callable[[torch.nn.Module], None]]
    )
    loss: list[Callable[[torch.Tensor], torch.Tensor]] = field(
        default_factory=list[Callable[[torch.Tensor], torch.Tensor]]
    )
    gradients: list[Callable[[torch.optim.Optimizer], None]] = field(
        default_factory=list[Callable[[torch.optim.Optimizer], None]]
    )


Apply = Callable[[Hooks, Mapping[str, Setting]], None]


def _scale_rate(hooks: Hooks, settings: Mapping[str, Setting]) -> None:
    """``factor`` times the learning rate of every parameter group, before any scheduler sees it."""
    factor = float(settings["factor"] or 0.0)

    def made(optimizer: torch.optim.Optimizer) -> None:
        for group in optimizer.param_groups:
            group["lr"] = group["lr"] * factor
        if "lr" in optimizer.defaults:
            optimizer.defaults["lr"] = optimizer.defaults["lr"] * factor

    hooks.optimizer.append(made)


def _clip(hooks: Hooks, settings: Mapping[str, Setting]) -> None:
    """The norm of all gradients of an optimizer is brought down to ``norm`` where it is larger."""
    norm = float(settings["norm"] or 0.0)

    def clip(optimizer: torch.optim.Optimizer) -> None:
        parameters = [p for g in optimizer.param_groups for p in g["params"]]
        torch.nn.utils.clip_grad_norm_(parameters, norm)

    hooks.gradients.append(clip)


def _repeat_batch(hooks: Hooks, settings: Mapping[str, Setting]) -> None:
    """Every DataLoader of a data set hands out the first batch of it, again and again."""
    first: dict[int, tuple[object, Any]] = {}  # the data set is held, so that its id stays its own

    def again(original: Callable[..., Any]) -> Callable[..., Any]:
        def _next_data(iterator: Any) -> Any:
            batch = original(iterator)
            data = iterator._dataset
            _, kept = first.setdefault(id(data), (data, copy.deepcopy(batch)))
            return copy.deepcopy(kept)  # the program may write to what it is given

        return _next_data

    for kind in (_SingleProcessDataLoaderIter, _MultiProcessingDataLoaderIter):
        hooks.patches.wrap(kind, "_next_data", again)


def _without_regularization(hooks: Hooks, settings: Mapping[str, Setting]) -> None:
    """No dropout in modules, no weight decay in optimizers."""

    def network(module: torch.nn.Module) -> None:
        for part in module.modules():
            if isinstance(part, torch.nn.modules.dropout._DropoutNd):
                part.p = 0.0

    def optimizer(made: torch.optim.Optimizer) -> None:
        for group in (*made.param_groups, made.defaults):
            if group.get("weight_decay"):
                group["weight_decay"] = 0.0

    hooks.network.append(network)
    hooks.optimizer.append(optimizer)


INTERVENTIONS: dict[str, Apply] = {
    "scale-learning-rate": _scale_rate,
    "clip-gradients": _clip,
    "repeat-first-batch": _repeat_batch,
    "without-regularization": _without_regularization,
}


def apply(interventions: tuple[Intervention, ...], hooks: Hooks) -> None:
    """Put interventions in place. A name with a colon is a function of another module: ``package.module:function``.

    Raises:
        ValueError: there is none of that name.
    """
    for wanted in interventions:
        module, colon, name = wanted.name.partition(":")
        function: Apply | None = (
            getattr(import_module(module), name, None) if colon else INTERVENTIONS.get(wanted.name)
        )
        if function is None:
            raise ValueError(f"there is no intervention {wanted.name!r}")
        function(hooks, wanted.settings)
