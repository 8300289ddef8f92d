"""Which value of the tape a tensor is, and what is kept of it so that the step can be run again."""

import weakref
from dataclasses import replace
from typing import Any

import torch

from .facts import LONG, has_history, is_parameter, shorten, storage_of, write_target
from .flatten import tensors
from .measure import info_of
from .tape import Call, Slot, Tape, Value


class Values:
    """The values on the tape of the running iteration, by the program's tensors and the memory they lie in."""

    def __init__(self) -> None:
        self.tape = Tape()
        self._storages: dict[int, list[Value]] = {}
        # What networks gave back in all iterations: met again, it was carried over from an earlier one.
        self._produced: dict[int, weakref.ref[torch.Tensor]] = {}

    def next_tape(self) -> None:
        """An iteration is over: begin a new tape."""
        self.tape = Tape(self.tape.limit)
        self._storages = {}

    def value_of(self, tensor: torch.Tensor) -> Value:
        """The tape's value of a tensor; a leaf if it was not seen before."""
        known = self.tape.find(tensor)
        if known is not None:
            if not known.parameter and not known.tainted and tensor.requires_grad and is_parameter(tensor):
                # Told to take part in autograd after it was made (``w.requires_grad = True``): a parameter from now on.
                known.parameter, known.maker, known.held = True, None, tensor
                known.info = replace(known.info, requires_grad=True)
                self.tape.forget_writes(storage_of(tensor))
            return known
        value = self.tape.leaf(tensor, info_of(tensor))
        value.parameter = is_parameter(tensor)
        mark = self._produced.get(id(tensor))
        value.carried = (mark is not None and mark() is tensor) or has_history(tensor)
        value.tainted = value.carried and tensor.requires_grad
        storage = storage_of(tensor)
        if storage is not None:
            self._storages.setdefault(storage, []).append(value)
        return value

    def slotted(self, value: object, found: list[tuple[torch.Tensor, Value]]) -> object:
        """The arguments of a call with slots in place of tensors, which are added to ``found``."""
        if isinstance(value, torch.Tensor):
            known = self.value_of(value)
            found.append((value, known))
            return Slot(known.index)
        if isinstance(value, tuple):
            fields = hasattr(type(value), "_fields")
            items = [self.slotted(v, found) for v in value]
            return type(value)(*items) if fields else tuple(items)  # pyright: ignore[reportArgumentType]
        if isinstance(value, list):
            if len(value) > LONG and not isinstance(value[0], torch.Tensor):
                return value
            return [self.slotted(v, found) for v in value]
        if isinstance(value, dict):
            return {k: self.slotted(v, found) for k, v in value.items()}
        if isinstance(value, slice):
            return slice(*(self.slotted(v, found) for v in (value.start, value.stop, value.step)))
        return value

    def keep(self, tensor: torch.Tensor, value: Value) -> None:
        """Data crosses into computation: kept, so that the step can be run again."""
        if value.held is None:
            value.held = tensor
            storage = storage_of(tensor)
            if storage is not None:
                self._storages.setdefault(storage, []).append(value)
                self.tape.forget_data_writes(storage)

    def save(self, storage: int) -> None:
        """A call is about to write to a piece of memory: copy what is kept there as it is now, once."""
        for value in self._storages.get(storage, ()):
            if value.saved is None and value.held is not None:
                value.saved = value.held.detach().clone()

    def returned(self, call: Call, out: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """A call came back: what it made or wrote to has new values."""
        target = write_target(args, kwargs) if call.inplace else None
        made = [target] if isinstance(target, torch.Tensor) else [t for _, t in tensors(out)]
        for position, tensor in enumerate(made):
            value = self.tape.made(tensor, info_of(tensor), call.index, position, call.tainted)
            call.outputs.append(value.index)
            if (
                is_parameter(tensor)
                and (call.inplace or not call.tainted)
                and not self._asks_gradient(call, tensor)
            ):
                value.parameter, value.maker, value.held = True, None, tensor  # initialized, not computed
                self.tape.forget_writes(storage_of(tensor))
            if not call.tainted:
                storage = storage_of(tensor)
                if storage is not None and call.inplace:
                    self._storages.setdefault(storage, []).append(value)
        if not call.tainted:
            call.args = shorten(call.args)  # type: ignore[assignment]
            call.kwargs = shorten(call.kwargs)  # type: ignore[assignment]

    def _asks_gradient(self, call: Call, tensor: torch.Tensor) -> bool:
        """Whether a result of the step (a loss that lost its way to the network, too) is only told to take part in autograd."""
        if call.name != "requires_grad_" or call.tainted:
            return call.name == "requires_grad_"
        made = self.tape.values[call.reads[0]].maker if call.reads else None
        return tensor.dim() == 0 and any(c.index == made and c.reads for c in reversed(self.tape.calls[-64:]))

    def produced(self, tensor: torch.Tensor) -> Value:
        """A network gave back a tensor."""
        value = self.value_of(tensor)
        self._produced[id(tensor)] = weakref.ref(tensor)
        return value

    def initialized_in_part(self, storage: int) -> None:
        """A view of a parameter was written to before any step (the padding row of an embedding): what it holds now is its content."""
        owners = [v for v in self._storages.get(storage, ()) if v.parameter]
        for value in owners:
            value.saved = None
        if owners:
            self.tape.forget_writes(storage)

    def filled(self, storage: int) -> None:
        """Data written element by element before any step: what is there now is data that came in, not a chain of writes."""
        for old in self._storages.pop(storage, ()):
            if old.filled:
                old.held = old.saved = None
        for tensor, value in self.tape.living():
            if storage_of(tensor) == storage:
                value.maker, value.held, value.filled = None, tensor, True
                self._storages.setdefault(storage, []).append(value)
        self.tape.forget_writes(storage)
