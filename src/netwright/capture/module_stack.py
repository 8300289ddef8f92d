"""The module calls that are under way, and what goes into a network and comes out of it."""

import sys
from collections.abc import Callable
from typing import Any

import torch

from .facts import has_history, sensitive_modules
from .flatten import tensors
from .frames import user_frames, user_where
from .measure import info_of
from .module_calls import ModuleCalls
from .modules import Modules
from .stage import Stage
from .tape import Call, ModuleFrame, RootCall, Slot
from .values import Values

_LOOKED_AT = 8  # passes of one iteration of which it is noted in which modes and by whom they are made


class ModuleStack:
    """Running module calls; ``top`` is the innermost one."""

    def __init__(self, values: Values, modules: Modules, stage: Stage) -> None:
        self.values, self.modules, self.stage = values, modules, stage
        self.top: ModuleFrame | None = None
        self.table = ModuleCalls()
        self.on_network: Callable[[torch.nn.Module, RootCall], None] = lambda module, root: None

    def enter(self, module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> ModuleFrame:
        """A module call begins."""
        evaluating = self.stage.evaluating or not torch.is_grad_enabled()
        use = self.modules.used(module, args, kwargs, evaluating=evaluating)
        kind = type(module)
        frame = ModuleFrame(
            use.module,
            id(module),
            kind.__name__,
            kind.__module__.startswith("torch."),
            self.top,
            self.values.tape.next_index,
        )
        self.table.begun(module, frame, args, kwargs, self.modules.made_where(module))
        if self._network() is None and self.modules.has_parameters(module):
            self._door(module, frame, args, kwargs)
        self.top = frame
        return frame

    def _network(self) -> ModuleFrame | None:
        """The outermost running module with parameters: the network as the user's code called it (None outside)."""
        found = None
        frame = self.top
        while frame is not None:
            module = frame.module()
            if module is not None and self.modules.has_parameters(module):
                found = frame
            frame = frame.parent
        return found

    def _door(
        self, module: torch.nn.Module, frame: ModuleFrame, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        tape = self.values.tape
        names = self.modules.argument_names(type(module))
        root = RootCall(
            frame.module,
            frame.key,
            user_where(3),
            [],
            start=frame.start,
            grad_enabled=torch.is_grad_enabled(),
            training=module.training,
        )
        self.modules.networks.setdefault(frame.key, module)
        if (self.stage.evaluating or not root.grad_enabled) and len(tape.roots) < _LOOKED_AT:
            root.sensitive = sensitive_modules(module)
            root.callers = user_frames(sys._getframe(3))
        self.on_network(module, root)
        given: list[tuple[str, object]] = [
            (names[i] if i < len(names) else f"arg{i}", a) for i, a in enumerate(args)
        ]
        for name, value in [*given, *kwargs.items()]:
            for inner, tensor in tensors(value, name):
                known = self.values.value_of(tensor)
                if known.tainted or known.carried or isinstance(tensor, torch.nn.Parameter):
                    continue
                known.parameter = False  # data that asks for a gradient (an attack, a penalty) is still data
                root.inputs.append((inner, known.index))
                self.values.keep(tensor, known)
                known.tainted = True
        self.stage.seen_forward = True
        if tape.first_tainted is None:
            tape.first_tainted = frame.start
        tape.roots.append(root)

    def leave(self, frame: ModuleFrame, out: object) -> None:
        """A module call returned."""
        self.top = frame.parent
        tape = self.values.tape
        use = self.modules.uses.get(frame.key)
        made = [t for _, t in tensors(out)]
        if use is not None and use.output_shape is None and made:
            use.output_shape = tuple(made[0].shape)
        self.table.returned(frame, made)
        root = next((r for r in reversed(tape.roots) if r.key == frame.key and not r.end), None)
        unknown = [t for t in made if has_history(t) and tape.find(t) is None]
        if unknown:
            self._opaque(frame, root, made)
        if root is not None and (frame.parent is None or self._network() is None):
            root.end = tape.next_index
            for tensor in made:
                root.outputs.append(self.values.produced(tensor).index)

    def _opaque(self, frame: ModuleFrame, root: RootCall | None, made: list[torch.Tensor]) -> None:
        tape = self.values.tape
        index = tape.next_index
        reads = tuple(v for _, v in root.inputs) if root is not None else ()
        module = frame.module()
        owned = [self.values.value_of(p).index for p in module.parameters()] if module is not None else []
        call = Call(
            index,
            lambda: None,
            "opaque",
            tuple(Slot(v) for v in (*reads, *owned)),
            {},
            user_where(3),
            (),
            frame,
        )
        call.opaque = call.tainted = True
        call.reads = (*reads, *owned)
        tape.calls.append(call)
        for position, tensor in enumerate(made):
            value = tape.made(tensor, info_of(tensor), index, position, True)
            call.outputs.append(value.index)
