"""At the door of a network: what comes in, what goes out of its layers, and its mode."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from types import FrameType
from typing import Any

import torch

from ..plan import Setting
from .hooks import At, Hooks, words

ACTIVATION = torch.relu


@dataclass(frozen=True, slots=True)
class Door:
    """Stands before a network's pass. No closure: a network that is copied or written whole takes it along."""

    input: Setting
    centre: Setting
    width: Setting

    @staticmethod
    def of(settings: Mapping[str, Setting]) -> "Door":
        """As the settings of :func:`scale_inputs` say."""
        return Door(settings.get("input"), settings.get("centre"), settings["width"])

    def __call__(self, module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Between the caller and the network."""
        name = self.input
        if isinstance(name, str) and name in kwargs:
            return args, {**kwargs, name: self.scaled(kwargs[name])}
        names = list(inspect.signature(module.forward).parameters)
        index = names.index(name) if isinstance(name, str) and name in names else 0
        return (*args[:index], self.scaled(args[index]), *args[index + 1 :]), kwargs

    def scaled(self, x: Any) -> Any:
        """What the network gets."""
        centre, width = self.centre, self.width
        if isinstance(centre, list):
            return (x - x.new_tensor(centre)) / x.new_tensor(width)
        return x / width if centre is None else (x - centre) / width


def _relu(module: torch.nn.Module, args: Any, out: torch.Tensor) -> torch.Tensor:
    return ACTIVATION(out)


def scale_inputs(hooks: Hooks, settings: Mapping[str, Setting]) -> None:
    """Shifts and divides what a network gets that is called at ``file`` and ``line``, there and everywhere from then on.

    Settings: ``input`` (the parameter of ``forward``; default: the first), ``centre`` (missing: 0) and ``width``, numbers or one for each column.
    """
    at = At.of(hooks, settings)
    known: set[int] = set()
    door = Door.of(settings)

    def comes(module: torch.nn.Module, frame: FrameType | None) -> None:
        if id(module) not in known and at.here(frame):
            known.add(id(module))
            module.register_forward_pre_hook(door, with_kwargs=True)

    hooks.network.append(comes)


def activate(hooks: Hooks, settings: Mapping[str, Setting]) -> None:
    """A ReLU on what comes out of layers.

    Settings: ``layers``, their paths in the network, with spaces between them.
    """
    known: set[int] = set()

    def comes(module: torch.nn.Module, frame: FrameType | None) -> None:
        inside = dict(module.named_modules())
        layers = [inside[name] for name in words(settings, "layers") if name in inside]
        if id(module) not in known and len(layers) == len(words(settings, "layers")):
            known.add(id(module))
            for layer in layers:
                layer.register_forward_hook(_relu)

    hooks.network.append(comes)


def evaluate(hooks: Hooks, settings: Mapping[str, Setting]) -> None:
    """A network called at ``file`` and ``line`` is in evaluation mode there, and in training mode when it is called next from elsewhere."""
    at = At.of(hooks, settings)
    switched: set[int] = set()

    def comes(module: torch.nn.Module, frame: FrameType | None) -> None:
        if at.here(frame):
            if id(module) not in switched:
                module.eval()
            switched.add(id(module))
        elif id(module) in switched:
            switched.discard(id(module))
            module.train()

    hooks.network.append(comes)
