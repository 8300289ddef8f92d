"""Runs a recorded step again: with the same values it gives the same loss to the last bit, with others what the program would have given."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

import torch

from .calls import plain_name
from .clock import in_time
from .facts import MUTATES, storage_of, write_target
from .flatten import tensors
from .tape import Call, Slot, Tape, Value, replace

_TO_FLOAT = frozenset(["float", "half", "bfloat16"])
Watch = Callable[[Call, list[torch.Tensor]], None]


class CannotReplay(Exception):
    """The step cannot be run again; the message says why, in words for the user."""


def written_by(call: Call, args: tuple[object, ...], kwargs: dict[str, object]) -> list[torch.Tensor]:
    """Tensors that a call writes to."""
    found = [t for _, t in tensors(write_target(args, kwargs))] if call.inplace else []
    positions = MUTATES.get(plain_name(call.name), ())
    for position, name in zip(positions, ("running_mean", "running_var"), strict=False):
        item = args[position] if position < len(args) else kwargs.get(name)
        if isinstance(item, torch.Tensor) and _updates_statistics(call, args, kwargs):
            found.append(item)
    return found


def _updates_statistics(call: Call, args: tuple[object, ...], kwargs: dict[str, object]) -> bool:
    name, position = ("training", 5) if "batch" in call.name else ("use_input_stats", 5)
    value = args[position] if position < len(args) else kwargs.get(name, call.name != "batch_norm")
    return bool(value)


class Replay:
    """One run of recorded calls on aliases and copies: no tensor of the program is written to.

    Args:
        tape: the recording.
        goals: indices of the values wanted.
        given: tensors to use in place of recorded values, by value index (inputs, targets, parameters).
        fresh_random: draw new random numbers instead of the recorded ones.
        grad: whether parameters take part in autograd.
        omit: plain names of calls that hand on their first argument instead (dropout).
        dtype: run in this floating-point type instead of the recorded one.
        from_data: make again what was made of data alone, instead of taking the recorded tensors.
    """

    def __init__(
        self,
        tape: Tape,
        goals: Iterable[int],
        *,
        given: Mapping[int, torch.Tensor] | None = None,
        fresh_random: bool = False,
        grad: bool = True,
        omit: frozenset[str] = frozenset(),
        dtype: torch.dtype | None = None,
        from_data: bool = False,
    ) -> None:
        self.tape = tape
        self.goals = list(goals)
        self.env: dict[int, torch.Tensor] = dict(given or {})
        self.fresh_random = fresh_random
        self.grad = grad
        self.omit = omit
        self.dtype = dtype
        crossing = (v.index for v in tape.values if v.held is not None and v.maker is not None)
        self.stop = frozenset[int]() if from_data else frozenset(crossing)
        self.calls = tape.slice(self.goals, self.stop | frozenset(self.env))
        held = [v.held for v in tape.values if v.held is not None]
        self.protected = {s for t in [*held, *self.env.values()] if (s := storage_of(t)) is not None}

    def run(self, watch: Watch | None = None) -> list[torch.Tensor]:
        """The goal tensors. Call inside :func:`netwright.capture.sandbox.untouched`.

        Raises:
            CannotReplay: a part of the step is opaque, or a value is gone.
        """
        before, kind = torch.is_grad_enabled(), torch.get_default_dtype()
        try:
            if self.dtype is not None:
                torch.set_default_dtype(self.dtype)
            for call in self.calls:
                outputs = self._run(call)
                if watch is not None:
                    watch(call, outputs)
        finally:
            torch.set_grad_enabled(before)
            torch.set_default_dtype(kind)
        return [self._resolve(goal) for goal in self.goals]

    def advance(self, call: Call) -> list[torch.Tensor]:
        """Run one of :attr:`calls` alone: for whoever runs several replays in step. The autograd mode is left as the call had it."""
        return self._run(call)

    def value(self, index: int) -> torch.Tensor:
        """What a value is at this point of the run.

        Raises:
            CannotReplay: it is gone.
        """
        return self._resolve(index)

    def _run(self, call: Call) -> list[torch.Tensor]:
        in_time()
        if call.opaque:
            raise CannotReplay(f"{call.name} ran outside what can be recorded (scripted, compiled or fused)")
        if call.kwargs.get("generator") is not None:
            raise CannotReplay(f"{call.name} draws from a random generator of the program's own")
        args = replace(call.args, self._fill)
        kwargs = replace(call.kwargs, self._fill)
        assert isinstance(args, tuple) and isinstance(kwargs, dict)
        self._refuse_writes(call, args, kwargs)
        if call.rng is not None and not self.fresh_random:
            torch.set_rng_state(call.rng)
        torch.set_grad_enabled(call.grad_enabled and self.grad)
        if self.omit and plain_name(call.name) in self.omit:
            out: object = args[0]
        elif self.dtype is not None:
            out = self._in_other_type(call, args, kwargs)
        elif call.autocast is not None:
            with torch.autocast(call.autocast[0], dtype=call.autocast[1], cache_enabled=False):
                out = call.func(*args, **kwargs)
        else:
            out = call.func(*args, **kwargs)
        target = write_target(args, kwargs) if call.inplace else None
        made = [target] if isinstance(target, torch.Tensor) else [t for _, t in tensors(out)]
        for index, tensor in zip(call.outputs, made, strict=False):
            self.env[index] = tensor
        return made

    def _in_other_type(self, call: Call, args: tuple[object, ...], kwargs: dict[str, object]) -> object:
        """A call with every floating-point type in it replaced, and without autocast."""
        change = self._replaced
        function = torch.Tensor.double if plain_name(call.name) in _TO_FLOAT else call.func
        out = function(
            *cast("tuple[Any, ...]", replace(args, change)), **cast("dict[str, Any]", replace(kwargs, change))
        )
        if isinstance(out, torch.Tensor) and out.is_floating_point() and not call.inplace:
            return out.to(self.dtype)
        return out

    def _replaced(self, item: object) -> object:
        return self.dtype if isinstance(item, torch.dtype) and item.is_floating_point else item

    def _refuse_writes(self, call: Call, args: tuple[object, ...], kwargs: dict[str, object]) -> None:
        """A call that writes must write to a copy: the program's own memory is never written to."""
        written = written_by(call, args, kwargs)
        if any(storage_of(t) in self.protected for t in written):
            raise CannotReplay(f"{call.name} at {call.where.at} writes to memory of the program")

    def _fill(self, item: object) -> object:
        if not isinstance(item, Slot):
            return item
        tensor = self._resolve(item.value)
        return tensor if item.change is None else item.change(tensor)

    def _resolve(self, index: int) -> torch.Tensor:
        known = self.env.get(index)
        if known is None:
            known = self.env[index] = self._leaf(self.tape.values[index])
        return known

    def _leaf(self, value: Value) -> torch.Tensor:
        if value.held is None and value.saved is None:
            raise CannotReplay("a value that the step needs was made before the recording began and is gone")
        if value.saved is not None:
            tensor = value.saved.clone()
        else:
            assert value.held is not None
            tensor = value.held.detach()
        if self.dtype is not None and tensor.is_floating_point():
            tensor = tensor.to(self.dtype)
        wants = value.info.requires_grad or value.parameter
        if wants and self.grad and (tensor.is_floating_point() or tensor.is_complex()):
            tensor.requires_grad_(True)
        return tensor
