"""Finds the tensors in whatever a program passes around: tuples, dicts, dataclasses, model outputs, plain objects."""

import dataclasses
from collections import UserDict
from collections.abc import Iterator
from itertools import islice
from types import MemberDescriptorType

import torch

_DEPTH = 5


def tensors(value: object, name: str = "", depth: int = 0) -> Iterator[tuple[str, torch.Tensor]]:
    """Every tensor in a structure with a dotted name. Nothing of the program's own is called to find them."""
    if isinstance(value, torch.Tensor):
        yield name, value
        return
    if depth >= _DEPTH or value is None or isinstance(value, str | int | float | bool | bytes):
        return
    if isinstance(value, torch.nn.Module):
        return
    if isinstance(value, dict):
        for key, item in list(dict.items(value)):
            yield from tensors(item, f"{name}.{key}" if name else str(key), depth + 1)
    elif isinstance(value, UserDict):
        yield from tensors(_held(value).get("data"), name, depth + 1)
    elif isinstance(value, tuple | list):
        fields = getattr(type(value), "_fields", None)
        items = tuple.__iter__(value) if isinstance(value, tuple) else list.__iter__(value)
        for position, item in enumerate(islice(items, 64)):
            part = fields[position] if fields and position < len(fields) else str(position)
            yield from tensors(item, f"{name}.{part}" if name else part, depth + 1)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for item in dataclasses.fields(value):
            held = _held(value)
            inner = held[item.name] if item.name in held else _slot(value, item.name)
            yield from tensors(inner, f"{name}.{item.name}" if name else item.name, depth + 1)
    else:
        held = _held(value) if type(value).__module__ != "builtins" else {}
        for key, item in list(held.items())[:32]:
            yield from tensors(item, f"{name}.{key}" if name else str(key), depth + 2)


def _held(value: object) -> dict[str, object]:
    """What an object holds, without asking it."""
    try:
        found = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return {}
    return found if type(found) is dict else {}


def _slot(value: object, name: str) -> object:
    """What an object holds in one of its ``__slots__``."""
    try:
        slot = getattr(type(value), name)
        return slot.__get__(value) if type(slot) is MemberDescriptorType else None
    except AttributeError:
        return None
