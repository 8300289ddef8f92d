"""Where the data of a step stand in the program's own variables, so that a later step can be run again with its own batch.

Nothing of a batch is kept for this: when something went wrong, it is read from the variables of the functions that are running.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any, cast

import torch

from .frames import is_user

_DEPTH = 24
_WIDTH = 64


class _Attribute(str):
    """The name of an attribute, as a step on the way to a tensor."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Spot:
    """A variable of a running function, and the way from it to a tensor: keys of containers, names of attributes."""

    code: CodeType
    name: str
    path: tuple[object, ...] = ()

    @property
    def words(self) -> str:
        """As the program would write it: ``batch['x']``, ``self.x``."""
        return self.name + "".join(f".{p}" if isinstance(p, _Attribute) else f"[{p!r}]" for p in self.path)


def spots(wanted: Mapping[int, torch.Tensor], frame: FrameType | None) -> dict[int, Spot]:
    """The first variable in which each of some tensors stands, innermost function first. Keys are those of ``wanted``."""
    keys = {id(tensor): key for key, tensor in wanted.items()}
    found: dict[int, Spot] = {}
    for user in user_stack(frame):
        for name, value in list(user.f_locals.items()):
            for path, tensor in inside(value):
                key = keys.get(id(tensor))
                if key is not None and key not in found:
                    found[key] = Spot(user.f_code, name, path)
        if len(found) == len(wanted):
            break
    return found


def fetch(spot: Spot, frame: FrameType | None) -> torch.Tensor | None:
    """The tensor that stands there now, ``None`` where there is none."""
    for user in user_stack(frame):
        if user.f_code is spot.code and spot.name in user.f_locals:
            value: Any = user.f_locals[spot.name]
            for step in spot.path:
                value = _step(value, step)
            return value if isinstance(value, torch.Tensor) else None
    return None


def user_stack(frame: FrameType | None) -> Iterator[FrameType]:
    """The frames of the user's own functions at or above one, innermost first."""
    seen = 0
    while frame is not None and seen < _DEPTH:
        if is_user(frame.f_code):
            yield frame
        frame, seen = frame.f_back, seen + 1


def inside(value: object) -> Iterator[tuple[tuple[object, ...], torch.Tensor]]:
    """The tensors of a variable: itself, those of a list, tuple or mapping, those of an object's attributes; two levels."""
    if isinstance(value, torch.Tensor):
        yield (), value
        return
    for key, inner in _members(value):
        if isinstance(inner, torch.Tensor):
            yield (key,), inner
        elif isinstance(inner, list | tuple | dict):
            for last, tensor in _members(cast("object", inner)):
                if isinstance(tensor, torch.Tensor):
                    yield (key, last), tensor


def _members(value: object) -> Iterator[tuple[object, object]]:
    if isinstance(value, dict):
        items = cast("dict[object, object]", value)
        if len(items) <= _WIDTH:
            yield from items.items()
    elif isinstance(value, list | tuple):
        sequence = cast("list[object] | tuple[object, ...]", value)
        if len(sequence) <= _WIDTH:
            yield from enumerate(sequence)
    elif not isinstance(value, type | torch.nn.Module):
        attributes: object = getattr(value, "__dict__", None)
        if isinstance(attributes, dict) and len(cast("dict[str, object]", attributes)) <= _WIDTH:
            for name, inner in list(cast("dict[str, object]", attributes).items()):
                yield _Attribute(name), inner


def _step(value: Any, step: object) -> Any:
    try:
        if isinstance(value, dict | list | tuple):
            return cast("Any", value)[step]
        return vars(value).get(step)
    except (KeyError, IndexError, TypeError):
        return None
