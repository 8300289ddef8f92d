"""The program's modules: where they were constructed, how they are used, which of them are its networks."""

import inspect
import weakref
from dataclasses import dataclass, field
from typing import Any

import torch

from ..evidence import Where
from .flatten import tensors


@dataclass(slots=True)
class ModuleUse:
    """How one module was used: calls with and without autograd, the training flags seen, shapes of the first call."""

    module: "weakref.ref[torch.nn.Module]"
    order: int
    train: int = 0
    evaluation: int = 0
    flags_train: set[bool] = field(default_factory=set[bool])
    flags_eval: set[bool] = field(default_factory=set[bool])
    input_shape: tuple[int, ...] | None = None
    output_shape: tuple[int, ...] | None = None


class Modules:
    """What is known of them. ``networks`` are those that the user's own code calls and that hold parameters."""

    def __init__(self) -> None:
        self.uses: dict[int, ModuleUse] = {}
        self.made_at: dict[int, tuple[weakref.ref[torch.nn.Module], Where]] = {}
        self.networks: dict[int, torch.nn.Module] = {}
        self._signatures: dict[type, list[str]] = {}
        self._has_parameters: dict[int, tuple[weakref.ref[torch.nn.Module], bool]] = {}

    def used(
        self, module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], *, evaluating: bool
    ) -> ModuleUse:
        """A module is called."""
        use = self.uses.get(id(module))
        if use is None or use.module() is not module:
            use = self.uses[id(module)] = ModuleUse(weakref.ref(module), len(self.uses))
        if evaluating:
            use.evaluation += 1
            use.flags_eval.add(module.training)
        else:
            use.train += 1
            use.flags_train.add(module.training)
        first = next(tensors(args), None) or next(tensors(kwargs), None)
        if use.input_shape is None and first is not None:
            use.input_shape = tuple(first[1].shape)
        return use

    def has_parameters(self, module: torch.nn.Module) -> bool:
        """Whether a module holds parameters, itself or below (cached)."""
        known = self._has_parameters.get(id(module))
        if known is None or known[0]() is not module:
            known = (weakref.ref(module), next(module.parameters(), None) is not None)
            self._has_parameters[id(module)] = known
        return known[1]

    def made_where(self, module: torch.nn.Module) -> Where | None:
        """The line that constructed a module, if it was seen."""
        known = self.made_at.get(id(module))
        return known[1] if known is not None and known[0]() is module and known[1].known else None

    def argument_names(self, kind: type) -> list[str]:
        """Names of the arguments of a class's ``forward``."""
        names = self._signatures.get(kind)
        if names is None:
            try:
                names = list(inspect.signature(kind.forward).parameters)[1:]  # type: ignore[attr-defined]
            except (TypeError, ValueError, AttributeError):
                names = []
            self._signatures[kind] = names
        return names
