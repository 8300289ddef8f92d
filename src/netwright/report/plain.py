"""Records to plain JSON values and back, by their type annotations. Strict JSON: NaN and infinities become words."""

import dataclasses
import math
import types
from collections.abc import Mapping
from enum import Enum
from functools import cache
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

_WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def to_plain(value: object) -> object:
    """A value made of records, tuples, mappings and numbers, as JSON knows it."""
    if value is None or isinstance(value, bool | int | str):
        return value.value if isinstance(value, Enum) else value
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, Enum):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value).items()
        return {key if isinstance(key, str) else str(key): to_plain(item) for key, item in items}
    if isinstance(value, tuple | list | set | frozenset):
        return [to_plain(item) for item in cast("tuple[object, ...]", value)]
    return str(value)


def _float(value: float) -> float | str:
    if math.isfinite(value):
        return float(value)
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def number(value: object) -> object:
    """The words for NaN and infinities as numbers again; other values as they are, containers included."""
    if isinstance(value, str):
        return _WORDS.get(value, value)
    if isinstance(value, list):
        return tuple(number(item) for item in cast("list[object]", value))
    if isinstance(value, dict):
        return {key: number(item) for key, item in cast("dict[str, object]", value).items()}
    return value


def from_plain(kind: Any, value: Any) -> Any:
    """The inverse of :func:`to_plain` for a value of an annotated type."""
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _union(get_args(kind), value)
    if dataclasses.is_dataclass(kind):
        hints = _hints(cast("type", kind))
        known = {name: from_plain(hints[name], item) for name, item in value.items() if name in hints}
        return cast("type", kind)(**known)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(value)
    if origin is tuple:
        item, *_rest = get_args(kind)
        kinds = [item] * len(value) if _rest in ([], [...]) else get_args(kind)
        return tuple(from_plain(k, v) for k, v in zip(kinds, value, strict=True))
    if origin is not None and issubclass(origin, Mapping):
        key, item = get_args(kind)
        return {_key(key, k): from_plain(item, v) for k, v in value.items()}
    if kind is float:
        return float(cast("float", number(value)))
    return number(value)


def _union(kinds: tuple[Any, ...], value: Any) -> Any:
    if value is None:
        return None
    (kind,) = [k for k in kinds if k is not type(None)][:1]
    return from_plain(kind, value)


def _key(kind: Any, text: str) -> Any:
    return text if kind is str else from_plain(kind, text) if kind is float else kind(text)


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)
