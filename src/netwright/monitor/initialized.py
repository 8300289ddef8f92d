"""Trained weights that are initialized again, and used without having been trained after that."""

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import init

from ..capture.frames import applied_where, user_where
from ..capture.patches import Patches
from ..evidence import InitializedAgain, Where

if TYPE_CHECKING:
    from .watcher import Watcher

Original = Callable[..., Any]


@dataclass(slots=True)
class _Noted:
    """A trained tensor into which an initializer wrote after ``step`` steps."""

    tensor: weakref.ref[torch.Tensor]
    where: Where
    step: int


class Initializations:
    """Wraps torch's initializers, which are called seldom: while a network is made, and hardly ever after its first step."""

    def __init__(self, watcher: "Watcher") -> None:
        self._watcher = watcher
        self._noted: dict[int, _Noted] = {}
        self._handle: Any = None
        self._used = False

    def install(self, patches: Patches) -> None:
        """Put the wrappers in place."""
        for name in [n for n in vars(init) if n.endswith("_") and not n.startswith("_")]:
            patches.wrap(init, name, self._initializer)

    def take_out(self) -> None:
        """Look at no forward pass any more."""
        if self._handle is not None:
            self._handle.remove()
            self._handle = None

    def found(self, steps: int) -> InitializedAgain | None:
        """What is used as it was initialized after the last step.

        Args:
            steps: how many have been made.
        """
        again = [n for n in self._noted.values() if n.step == steps and n.tensor() is not None]
        if not self._used or not again:
            return None
        trained = self._trained()
        tensors = {id(t): t for n in again if (t := n.tensor()) is not None}
        names = self._watcher.parameters.names
        total = sum(t.numel() for t in trained.values())
        return InitializedAgain(
            names=tuple(names.get(i, "?") for i in tensors),
            share=sum(t.numel() for t in tensors.values()) / max(total, 1),
            where=again[0].where,
            steps=steps,
        )

    def _initializer(self, original: Original) -> Original:
        watcher = self._watcher

        def initializer(*args: Any, **kwargs: Any) -> Any:
            result = original(*args, **kwargs)
            if watcher.watched:
                watcher.work(self._note, args[0] if args else kwargs.get("tensor"))
            return result

        return initializer

    def _note(self, tensor: Any) -> None:
        if not isinstance(tensor, torch.Tensor) or id(tensor) not in self._trained():
            return
        steps = self._watcher.steps
        if any(n.step != steps for n in self._noted.values()):
            self._noted.clear()
            self._used = False
        where = applied_where() or user_where()
        self._noted[id(tensor)] = _Noted(weakref.ref(tensor), where, steps)
        if self._handle is None:
            self._handle = torch.nn.modules.module.register_module_forward_pre_hook(self._called)

    def _called(self, module: torch.nn.Module, args: Any) -> None:
        self._watcher.work(self._look, module)

    def _look(self, module: torch.nn.Module) -> None:
        steps = self._watcher.steps
        if any(n.step != steps for n in self._noted.values()):  # it is trained again
            self._noted.clear()
        self._used = any(id(p) in self._noted for p in module._parameters.values())
        if self._used or not self._noted:
            self.take_out()

    def _trained(self) -> dict[int, torch.Tensor]:
        """What optimizers hold that have made a step."""
        return {id(p): p for o in self._watcher.stepped for g in o.param_groups for p in g["params"]}
