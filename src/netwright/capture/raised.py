"""What an exception left behind: the modules on its way, the batch that the program held, and what of the step is still in memory."""

import math
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any

import torch

from ..evidence import ModuleCall
from .facts import plain_attributes, storage_of
from .flatten import tensors
from .frames import is_user
from .graphs import GraphCapture
from .measure import info_of
from .modules import Modules
from .recording import Recording
from .spots import fetch, inside

_CALL: CodeType = torch.nn.Module._call_impl.__code__  # pyright: ignore
_TENSORS = 8  # of a call
_NODES = 200_000  # of a graph that is walked


@dataclass(frozen=True, slots=True)
class Raised:
    """A module call that an exception went through."""

    module: torch.nn.Module
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


def module_calls(error: BaseException) -> list[Raised]:
    """The module calls that an exception went through, outermost first."""
    found: list[Raised] = []
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if frame.f_code is not _CALL:
            continue
        known = frame.f_locals
        module, args, kwargs = known.get("self"), known.get("args"), known.get("kwargs")
        if isinstance(module, torch.nn.Module) and isinstance(args, tuple) and isinstance(kwargs, dict):
            found.append(Raised(module, args, kwargs))  # pyright: ignore[reportUnknownArgumentType]
    return found


def as_calls(error: BaseException, modules: Modules) -> list[ModuleCall]:
    """The module calls that an exception went through, as the table of a recorded iteration would have them."""
    return [
        ModuleCall(
            module=str(id(call.module)),
            type=type(call.module).__name__,
            inputs=tuple(info_of(t) for _, t in tensors((call.args, call.kwargs)))[:_TENSORS],
            outputs=(),
            failed=True,
            made=modules.made_where(call.module),
            depth=depth,
            config=plain_attributes(call.module) if type(call.module).__module__.startswith("torch.") else {},
        )
        for depth, call in enumerate(module_calls(error))
    ]


def given_to(
    error: BaseException, modules: Modules
) -> tuple[torch.nn.Module, dict[str, torch.Tensor]] | None:
    """The network that an exception went through, and the tensors that it was given, by the names of its arguments."""
    for call in module_calls(error):
        if modules.has_parameters(call.module):
            names = modules.argument_names(type(call.module))
            named = {names[i] if i < len(names) else f"arg{i}": a for i, a in enumerate(call.args)}
            pairs = [(n, t) for k, v in {**named, **call.kwargs}.items() for n, t in tensors(v, k)]
            return call.module, dict(pairs)
    return None


def held_for(
    error: BaseException, capture: GraphCapture
) -> tuple[torch.nn.Module, dict[str, torch.Tensor]] | None:
    """The network of a recorded step, and the tensors that stand now in the variables where those that it was given then stood.

    Where that is not known (the data were no variables, or another function holds them now), those of the same type and form but for the number of samples.
    """
    root = capture.tape.trained
    network = root.module() if root is not None else None
    if root is None or network is None:
        return None
    last = innermost(error)
    found: dict[str, torch.Tensor] = {}
    for name, index in root.inputs:
        value = capture.tape.values[index]
        spot = capture.spots.get(index)
        now = fetch(spot, last) if spot is not None else None
        if now is None:
            shape, dtype = value.info.shape, value.info.dtype
            now = next((t for t in _variables(last) if _alike(t, shape, dtype)), None)
        if now is None:
            return None
        found[name] = now
    return (network, found) if found else None


def innermost(error: BaseException) -> FrameType | None:
    """The frame that raised."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return frames[-1] if frames else None


def _alike(tensor: torch.Tensor, shape: tuple[int, ...], dtype: str) -> bool:
    same = tensor.dim() == len(shape) > 0 and tuple(tensor.shape[1:]) == tuple(shape[1:])
    return same and str(tensor.dtype) == f"torch.{dtype}" and not tensor.requires_grad


def _variables(frame: FrameType | None) -> Iterator[torch.Tensor]:
    """The tensors in the variables of the user's functions at or above a frame, innermost first and the last set first."""
    while frame is not None:
        if is_user(frame.f_code):
            for value in reversed(list(frame.f_locals.values())):
                yield from (tensor for _, tensor in inside(value))
        frame = frame.f_back


def left_of_step(error: BaseException, but: frozenset[int]) -> int:
    """Bytes that variables of the program's modules still hold of the step: what it gave, and what its graph keeps for a backward pass that comes no more.

    Variables of functions are let go with their frames. Those of a module stay, and so do they in a program that goes on: but its next step takes their place. What a list has gathered does not count.
    ``but`` are pieces of memory that are no part of a step (parameters; see :func:`netwright.capture.facts.storage_of`).
    """
    found: dict[int, int] = {}
    todo: list[Any] = []
    frame = innermost(error)
    seen: set[int] = set()
    while frame is not None:
        if frame.f_code.co_name == "<module>" and is_user(frame.f_code):
            for value in list(frame.f_locals.values()):
                for path, tensor in inside(value):
                    if tensor.grad_fn is None or any(isinstance(p, int) for p in path):
                        continue
                    _add(found, tensor)
                    todo.append(tensor.grad_fn)
        frame = frame.f_back
    while todo and len(seen) < _NODES:
        node = todo.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        for tensor in _saved(node):
            _add(found, tensor)
        todo += [n for n, _ in node.next_functions]
    return sum(size for storage, size in found.items() if storage not in but)


def _add(found: dict[int, int], tensor: torch.Tensor) -> None:
    storage = storage_of(tensor)
    if storage is not None:
        found[storage] = tensor.untyped_storage().nbytes()


def _saved(node: Any) -> Iterator[torch.Tensor]:
    """What a node of autograd keeps for the backward pass, as it is kept: unpacking it could run code of the program's."""
    for name in dir(node):
        if not name.startswith("_raw_saved_"):
            continue
        try:
            kept = getattr(node, name)
        except RuntimeError:  # given back already
            continue
        for one in kept if isinstance(kept, list | tuple) else (kept,):  # pyright: ignore[reportUnknownVariableType]
            data = getattr(one, "data", None)  # pyright: ignore[reportUnknownArgumentType]
            if isinstance(data, torch.Tensor):
                yield data


def most_that_ran(recording: Recording, shape: tuple[int, ...], dim: int) -> int:
    """The most samples along ``dim`` that a step which came to its end was seen to be given at once, each with as many numbers as those of a tensor of this form, or more (0: none was seen)."""
    forms = list(recording.ran)
    for capture in [*recording.captures, *recording.later]:
        if capture.graph.step < recording.steps:  # the last one may have died after its backward pass
            roots = [r for r in capture.tape.roots if r.grad_enabled and r.inputs]
            forms += [capture.tape.values[r.inputs[0][1]].info.shape for r in roots]
    each = _numbers(shape, dim)
    return max((f[dim] for f in forms if len(f) > dim and _numbers(f, dim) >= each), default=0)


def _numbers(shape: tuple[int, ...], dim: int) -> int:
    return math.prod(size for position, size in enumerate(shape) if position != dim)
