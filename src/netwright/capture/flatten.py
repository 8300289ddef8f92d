"""Finds the tensors in whatever a program passes around: tuples, dicts, dataclasses, model outputs, plain objects."""

import dataclasses
from collections.abc import Iterator, Mapping

import torch

_DEPTH = 5


def tensors(value: object, name: str = "", depth: int = 0) -> Iterator[tuple[str, torch.Tensor]]:
    """Every tensor in a structure with a dotted name. Objects with a surprising ``__getattr__`` are not looked into."""
    if isinstance(value, torch.Tensor):
        yield name, value
        return
    if depth >= _DEPTH or value is None or isinstance(value, str | int | float | bool | bytes):
        return
    if isinstance(value, torch.nn.Module):
        return
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from tensors(item, f"{name}.{key}" if name else str(key), depth + 1)
    elif isinstance(value, tuple | list):
        fields = getattr(type(value), "_fields", None)
        for position, item in enumerate(value[:64]):
            part = fields[position] if fields and position < len(fields) else str(position)
            yield from tensors(item, f"{name}.{part}" if name else part, depth + 1)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for item in dataclasses.fields(value):
            held = (
                value.__dict__.get(item.name)
                if hasattr(value, "__dict__")
                else getattr(value, item.name, None)
            )
            yield from tensors(held, f"{name}.{item.name}" if name else item.name, depth + 1)
    else:
        held = (
            vars(value)
            if type(value).__module__ != "builtins" and hasattr(type(value), "__dict__") and _plain(value)
            else {}
        )
        for key, item in list(held.items())[:32]:
            yield from tensors(item, f"{name}.{key}" if name else str(key), depth + 2)


def _plain(value: object) -> bool:
    try:
        return isinstance(object.__getattribute__(value, "__dict__"), dict)
    except AttributeError:
        return False
