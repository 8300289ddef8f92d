"""The settings of a program, found without being told: what its command line was parsed to, its configuration objects, the constants of its main file."""

import argparse
import dataclasses
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from inspect import CO_OPTIMIZED
from pathlib import PurePath
from types import FrameType, ModuleType
from typing import Any, cast

from .code import is_own

MASK = "***"
_SECRET = re.compile(
    r"(^|[-_])(secret|token|password|passwd|passphrase|credentials?|(api|access|private|secret)[-_]?key)$",
    re.IGNORECASE,
)
_PUBLIC = 8  # a shorter text (`pad_token="<pad>"`) is no secret
_MOST = 300  # settings of one kind
_LONGEST = 500  # characters of a text
_TABLES = re.compile(
    r"(cfg|config|conf|args|params|hparams|hyper_?params|settings|options|opts?)", re.IGNORECASE
)
_HELD_BY_FRAME = 3  # the frame, the name here, the argument of getrefcount

Settings = dict[str, object]


class Arguments:
    """Hears of every command line that :mod:`argparse` parses. What it gives to the program is untouched."""

    def __init__(self) -> None:
        self.parsed: list[argparse.Namespace] = []
        self._original: Callable[..., Any] | None = None
        self._depth = 0

    def start(self) -> None:
        """Begin to hear."""
        parsers: Any = argparse.ArgumentParser
        original = parsers.parse_known_args

        def parse_known_args(parser: Any, *args: Any, **kwargs: Any) -> Any:
            self._depth += 1
            try:
                result = original(parser, *args, **kwargs)
            finally:
                self._depth -= 1
            self._hear(result)
            return result

        self._original = original
        parsers.parse_known_args = parse_known_args

    def _hear(self, result: Any) -> None:
        """Keep what came out; commands of a parser within it hand theirs on to it."""
        found = cast("tuple[object, ...]", result)[0] if isinstance(result, tuple) else None
        if self._depth == 0 and isinstance(found, argparse.Namespace) and len(self.parsed) < 8:
            self.parsed.append(found)

    def stop(self) -> None:
        """Take it away again."""
        parsers: Any = argparse.ArgumentParser
        if self._original is not None:
            parsers.parse_known_args = self._original
            self._original = None

    def found(self) -> Settings:
        """The values as they are now; of a name that was parsed several times, the last."""
        values: Settings = {}
        for namespace in self.parsed:
            values.update(simple_values(vars(namespace)))
        return values


def constants(main: ModuleType | None) -> Settings:
    """Plain values in CAPITALS at the top of the main file."""
    known = vars(main) if main is not None else {}
    return simple_values(
        {
            k: v
            for k, v in known.items()
            if k.isupper() and not k.startswith("_") and not isinstance(v, ModuleType)
        }
    )


def configurations(main: ModuleType | None, frame: FrameType | None) -> dict[str, Settings]:
    """Settings that the program holds otherwise: configuration objects (dataclasses, namespaces, OmegaConf) by the name of their type, tables of the main file by their
    own, plain arguments of the program's functions that run now by the function's."""
    found: dict[str, Settings] = {}
    known = dict(vars(main)) if main is not None else {}
    for name, value in known.items():
        if _TABLES.fullmatch(name) and isinstance(value, dict):
            table = cast("dict[object, object]", value)
            found[name] = simple_values({k: v for k, v in table.items() if isinstance(k, str)})
    _add_objects(found, known.values())
    while frame is not None:
        if frame.f_code.co_flags & CO_OPTIMIZED and is_own(frame.f_code.co_filename):
            _add_function(found, frame)
        frame = frame.f_back
    return {name: values for name, values in found.items() if values}


def _add_objects(found: dict[str, Settings], values: Iterable[object]) -> None:
    for value in list(values):
        values_of = _of_object(value)
        if values_of and len(found) < 20:
            found[type(value).__name__] = values_of


def _add_function(found: dict[str, Settings], frame: FrameType) -> None:
    code = frame.f_code
    known = frame.f_locals
    _add_objects(found, known.values())
    given = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    values = simple_values({name: known[name] for name in given if name in known})
    if values and len(found) < 20:
        found[f"{code.co_name}()"] = values
    # Before Python 3.13 these are copies that stay with the frame, and would keep the program's tensors alive. Whoever else holds them asked for them.
    if sys.version_info < (3, 13) and sys.getrefcount(known) == _HELD_BY_FRAME:
        cast("dict[str, object]", known).clear()


def _of_object(value: object) -> Settings:
    kind = type(value)
    if issubclass(kind, argparse.Namespace):
        return {}  # heard of when it was parsed
    if kind.__name__ == "DictConfig" and kind.__module__.startswith("omegaconf"):
        plain: Any = sys.modules["omegaconf"].OmegaConf.to_container(value, resolve=False)
        return simple_values(cast("dict[str, object]", plain)) if isinstance(plain, dict) else {}
    if (
        dataclasses.is_dataclass(value)
        and not isinstance(value, type)
        and not kind.__module__.startswith("netwright.")
    ):
        names = [f.name for f in dataclasses.fields(value)]
        return simple_values({n: value.__dict__[n] for n in names if n in getattr(value, "__dict__", {})})
    if kind.__module__ == "types" and kind.__name__ == "SimpleNamespace":
        return simple_values(vars(value))
    return {}


def simple_values(values: Mapping[str, object]) -> Settings:
    """Of some values those that a record can hold; secrets by their names are masked."""
    found: Settings = {}
    for name, value in list(values.items())[:_MOST]:
        plain = _plain(value)
        if plain is not NOTHING:
            found[name] = MASK if is_secret(name, plain) else plain
    return found


NOTHING = object()


def _plain(value: object, depth: int = 0) -> object:
    """A value as JSON can hold it, or ``NOTHING``."""
    if value is None or isinstance(value, bool | int | float):
        return value.value if isinstance(value, Enum) else value
    if isinstance(value, str):
        return value if len(value) <= _LONGEST else NOTHING
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, PurePath) or type(value).__module__ == "torch":
        text = str(value)  # paths, devices, dtypes; a tensor is longer than its settings
        return text if len(text) <= 40 or isinstance(value, PurePath) else NOTHING
    if depth < 3 and isinstance(value, list | tuple | set | frozenset):
        items = cast("Iterable[object]", value)
        listed = [_plain(item, depth + 1) for item in list(items)[:50]]
        return NOTHING if any(item is NOTHING for item in listed) else listed
    if depth < 3 and isinstance(value, dict):
        named = {str(k): v for k, v in cast("dict[object, object]", value).items()}
        return simple_values(named) or NOTHING
    return NOTHING


def is_secret(name: str, value: object) -> bool:
    """Whether a text goes by a name that says that it is nobody's business."""
    return isinstance(value, str) and len(value) >= _PUBLIC and _SECRET.search(name) is not None


def masked(argv: Iterable[str]) -> list[str]:
    """A command line without its secrets."""
    found: list[str] = []
    for argument in argv:
        name, equals, value = argument.partition("=")
        before = found[-1] if found else ""
        if equals and is_secret(name, value):
            argument = f"{name}={MASK}"
        elif before.startswith("-") and "=" not in before and is_secret(before, argument):
            argument = MASK
        found.append(argument)
    return found
