"""What the program writes into tensors: the initialization of parameters, updates by hand; and the lines that freeze them."""

import weakref
from collections.abc import Callable
from typing import Any

import torch

from ..evidence import Where
from .calls import FuncInfo
from .frames import applied_where, user_where
from .stage import Stage
from .tape import Call


class Writes:
    """Notes of the writes before the first step, in order; later ones are told to ``on_manual``.

    ``applied`` are the lines that called ``Module.apply``, by the number of the write that it led to, ``frozen`` those that froze a tensor, by its ``id``.
    """

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.applied: dict[int, Where] = {}
        self.frozen: dict[int, tuple[weakref.ref[torch.Tensor], Where]] = {}
        self.on_manual: Callable[[Where, torch.Tensor, str, Call], None] = lambda where, tensor, op, call: (
            None
        )
        self._first: dict[int, list[tuple[str, Where, int]]] = {}
        self._number = 0

    def number(self) -> int:
        """That of the next write, or of what else gives tensors new contents (a state that is loaded)."""
        self._number += 1
        return self._number

    def first_to(self, storage: int) -> list[tuple[str, Where, int]]:
        """The writes to a piece of memory before the first step: the call, its line, its number."""
        return self._first.get(storage, [])

    def note(self, call: Call, info: FuncInfo, tensor: torch.Tensor, storage: int) -> None:
        """A call is about to write to a tensor."""
        number = self.number()
        if not self.stage.seen_forward:
            self._first.setdefault(storage, []).append((info.plain, call.where, number))
            applied = applied_where()
            if applied is not None:
                self.applied[number] = applied
        elif not call.grad_enabled or not tensor.requires_grad or info.name == "set_data":
            self.on_manual(call.where, tensor, info.plain, call)

    def freezing(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Remember the line that freezes a tensor, forget it when the tensor is released."""
        tensor = args[0]
        wanted = args[1] if len(args) > 1 else kwargs.get("requires_grad", True)
        if wanted:
            self.frozen.pop(id(tensor), None)
        else:
            self.frozen[id(tensor)] = (weakref.ref(tensor), user_where(3))
