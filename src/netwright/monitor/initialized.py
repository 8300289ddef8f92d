"""Weights that are initialized again, and used as they are then: trained ones after their last step, loaded ones before they were used at all."""

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import init

from ..capture.compiling import something_compiled
from ..capture.frames import applied_where, user_where
from ..capture.patches import Patches
from ..evidence import InitializedAgain, Where

if TYPE_CHECKING:
    from .watcher import Watcher

Original = Callable[..., Any]
_LOADS = 8  # in a run, after which the next forward pass is looked at: what is initialized after loading is so from the first time on


@dataclass(slots=True)
class _Noted:
    """A trained or loaded tensor into which an initializer wrote after ``step`` steps."""

    tensor: weakref.ref[torch.Tensor]
    where: Where
    step: int


class Initializations:
    """Wraps torch's initializers, which are called seldom: while a network is made, and hardly ever after its first step."""

    def __init__(self, watcher: "Watcher") -> None:
        self._watcher = watcher
        self._noted: dict[int, _Noted] = {}
        self._loaded: dict[int, weakref.ref[torch.Tensor]] = {}  # and not used since
        self._undone: dict[int, _Noted] = {}  # of these, those initialized again
        self._after_loading: InitializedAgain | None = None
        self._loads_seen = self._loaded_at = 0
        self._handle: Any = None
        self._used = False

    def install(self, patches: Patches) -> None:
        """Put the wrappers in place."""
        for name in [n for n in vars(init) if n.endswith("_") and not n.startswith("_")]:
            patches.wrap(init, name, self._initializer)
        patches.wrap(torch.nn.Module, "load_state_dict", self._load_state_dict)

    def take_out(self) -> None:
        """Look at no forward pass any more."""
        if self._handle is not None:
            self._handle.remove()
            self._handle = None

    def found(self, steps: int) -> InitializedAgain | None:
        """What is used as it was initialized after the last step, or after it was loaded.

        Args:
            steps: how many have been made.
        """
        if self._after_loading is not None:
            return self._after_loading
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

    def _load_state_dict(self, original: Original) -> Original:
        watcher = self._watcher

        def load_state_dict(module: torch.nn.Module, *args: Any, **kwargs: Any) -> Any:
            result = original(module, *args, **kwargs)
            watcher.work(self._loads, module)
            return result

        return load_state_dict

    def _loads(self, module: torch.nn.Module) -> None:
        self._loads_seen += 1
        if (
            self._loads_seen > _LOADS or something_compiled()
        ):  # a compiled network would be compiled anew for a hook
            return
        self._loaded_at = self._watcher.steps
        self._loaded = {id(p): weakref.ref(p) for p in module.parameters()}
        self._undone.clear()
        for key in self._loaded:
            self._noted.pop(key, None)
        self._look_out()

    def _look_out(self) -> None:
        """See the next forward pass."""
        if self._handle is None:
            self._handle = torch.nn.modules.module.register_module_forward_pre_hook(self._called)

    def _note(self, tensor: Any) -> None:
        if not isinstance(tensor, torch.Tensor):
            return
        steps = self._watcher.steps
        if id(tensor) in self._loaded:
            self._undone[id(tensor)] = _Noted(weakref.ref(tensor), applied_where() or user_where(), steps)
        if id(tensor) not in self._trained():
            return
        if any(n.step != steps for n in self._noted.values()):
            self._noted.clear()
            self._used = False
        where = applied_where() or user_where()
        self._noted[id(tensor)] = _Noted(weakref.ref(tensor), where, steps)
        self._look_out()

    def _called(self, module: torch.nn.Module, args: Any) -> None:
        self._watcher.work(self._look, module)

    def _look(self, module: torch.nn.Module) -> None:
        steps = self._watcher.steps
        used = {id(p) for p in module._parameters.values()}
        if used & self._loaded.keys():
            self._loaded_is_used()
        elif steps != self._loaded_at and not self._undone:  # it is for later
            self._loaded.clear()
        if any(n.step != steps for n in self._noted.values()):  # it is trained again
            self._noted.clear()
        self._used = bool(used & self._noted.keys())
        if self._used or not (self._noted or self._loaded):
            self.take_out()

    def _loaded_is_used(self) -> None:
        """What was loaded is used for the first time, as it was loaded or as it was initialized since."""
        sizes = {key: t.numel() for key, ref in self._loaded.items() if (t := ref()) is not None}
        again = [key for key in self._undone if key in sizes]
        if again and self._after_loading is None:
            first = self._undone[again[0]]
            self._after_loading = InitializedAgain(
                names=tuple(self._watcher.parameters.names.get(key, "?") for key in again),
                share=sum(sizes[key] for key in again) / max(sum(sizes.values()), 1),
                where=first.where,
                steps=first.step,
                loaded=True,
            )
        self._loaded.clear()
        self._undone.clear()

    def _trained(self) -> dict[int, torch.Tensor]:
        """What optimizers hold that have made a step."""
        return {id(p): p for o in self._watcher.turns.active for g in o.param_groups for p in g["params"]}
