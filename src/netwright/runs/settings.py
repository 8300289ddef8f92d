"""The settings of a program, found without being told: what its command line was parsed to, its configuration objects, the constants of its main file."""

import argparse
import dataclasses
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from inspect import CO_OPTIMIZED, getattr_static
from pathlib import PurePath
from types import FrameType, MemberDescriptorType, ModuleType, SimpleNamespace
from typing import Any, cast

from ..masking import hidden
from .code import is_own

_MOST = 300  # settings of one kind
_MOST_OBJECTS = 20
_DEEPEST = 4  # tables within tables
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

    def objects(self) -> list[object]:
        """What was parsed, as the program holds it: the namespaces, and the tables of their values (``vars(args)``)."""
        return [*self.parsed, *map(vars, self.parsed)]

    def found(self) -> Settings:
        """The values as they are now; of a name that was parsed several times, the last."""
        values: Settings = {}
        for namespace in self.parsed:
            values.update(simple_values(vars(namespace)))
        return values


def constants(main: ModuleType | None) -> Settings:
    """Plain values in CAPITALS at the top of the main file; tables of settings (``CFG = {...}``) are :func:`configurations`."""
    known = vars(main) if main is not None else {}
    return simple_values(
        {
            k: v
            for k, v in known.items()
            if k.isupper()
            and not k.startswith("_")
            and not isinstance(v, ModuleType)
            and not _is_table(k, v)
            and _fields(v) is None
        }
    )


def configurations(
    main: ModuleType | None, frame: FrameType | None, heard: Iterable[object] = ()
) -> dict[str, Settings]:
    """Settings that the program holds otherwise, in its main file, in its functions that run now, and on the objects whose methods run.

    Configuration objects (dataclasses, namespaces, OmegaConf and its like) go by the name of their type, tables by their own, plain arguments of functions by the
    function's, those that an object was made with by its type's.

    Args:
        main: the main file.
        frame: the innermost function that runs.
        heard: objects that are known otherwise (:class:`Arguments`).
    """
    found = _Found(heard)
    found.look(dict(vars(main)) if main is not None else {})
    while frame is not None:
        if frame.f_code.co_flags & CO_OPTIMIZED and is_own(frame.f_code.co_filename):
            found.function(frame)
        frame = frame.f_back
    return {name: values for name, values in found.settings.items() if values}


class _Found:
    """What was found so far; an object that several names stand for is taken once."""

    def __init__(self, heard: Iterable[object]) -> None:
        self.settings: dict[str, Settings] = {}
        self._seen = {id(value) for value in heard}

    def look(self, known: Mapping[str, object], owner: str = "") -> None:
        """Tables and configuration objects among some variables."""
        for name, value in list(known.items()):
            fields = _fields(value)
            if fields is not None:
                self._add(type(value).__name__, value, simple_values(fields), f"{owner}{name}")
            elif _is_table(name, value):
                self._add(
                    f"{owner}{name}", value, simple_values(_named(cast("Mapping[object, object]", value)))
                )

    def _add(self, name: str, value: object, values: Settings, otherwise: str = "") -> None:
        if not values or id(value) in self._seen:
            return
        self._seen.add(id(value))
        if self.settings.get(name) not in (None, values) and otherwise:
            name = f"{name} {otherwise}"  # a second object of the type
        if len(self.settings) < _MOST_OBJECTS:
            self.settings[name] = values

    def function(self, frame: FrameType) -> None:
        """A function that runs."""
        code = frame.f_code
        known = frame.f_locals
        self.look(known)
        given = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        values = simple_values(
            {name: known[name] for name in given if name in known and id(known[name]) not in self._seen}
        )
        if values and len(self.settings) < _MOST_OBJECTS:
            self.settings[f"{code.co_name}()"] = values
        if given[:1] == ("self",) and "self" in known:
            self._made(known["self"])
        # Before Python 3.13 these are copies that stay with the frame, and would keep the program's tensors alive. Whoever else holds them asked for them.
        if sys.version_info < (3, 13) and sys.getrefcount(known) == _HELD_BY_FRAME:
            cast("dict[str, object]", known).clear()

    def _made(self, value: object) -> None:
        """The object whose method runs: the configurations that it holds, and what it was made with and has kept under the same name."""
        if id(value) in self._seen:
            return
        held = _held(value)
        self.look(held, owner=f"{type(value).__name__}.")
        code = getattr(getattr(type(value), "__init__", None), "__code__", None)
        if code is None:
            return
        given = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
        kept = {n: held[n] for n in given if n in held and id(held[n]) not in self._seen}
        self._add(type(value).__name__, value, simple_values(kept), "(another)")


def _is_table(name: str, value: object) -> bool:
    """Whether it is a table of settings: a ``dict`` or one of a library's by a name that says so; no ``os.environ``, no file, nothing that computes what it holds."""
    if _TABLES.fullmatch(name) is None:
        return False
    return isinstance(value, dict) or (
        isinstance(value, Mapping)
        and type(cast("object", value)).__name__.endswith(("Dict", "Config", "mappingproxy"))
    )


def _named(table: Mapping[object, object]) -> dict[str, object]:
    """What a table holds by names. One of the program's own making may fail, and is left out then."""
    try:
        return {k: v for k, v in list(table.items())[:_MOST] if isinstance(k, str)}
    except Exception:  # noqa: BLE001 - the harm boundary: code of the program's own
        return {}


def _held(value: object) -> dict[str, object]:
    """The attributes of an object, those in slots too. No code of the program's runs for it."""
    found: dict[str, object] = {}
    for kind in reversed(type(value).__mro__):
        for name, member in vars(kind).items():
            if isinstance(member, MemberDescriptorType):
                try:
                    found[name] = member.__get__(value, kind)
                except AttributeError:
                    continue  # not set
    held = getattr_static(value, "__dict__", None)
    own = vars(value) if held is not None else {}
    return {**found, **{k: v for k, v in own.items() if isinstance(cast("object", k), str)}}


def _fields(value: object) -> Mapping[str, object] | None:
    """What a configuration object holds, by name; ``None`` of what is none."""
    kind = type(value)
    if isinstance(value, type) or kind.__module__.startswith("netwright."):
        return None
    if kind.__name__ in ("DictConfig", "ListConfig") and kind.__module__.startswith("omegaconf"):
        plain: Any = sys.modules["omegaconf"].OmegaConf.to_container(value, resolve=False)
        return _named(cast("dict[object, object]", plain)) if isinstance(plain, dict) else None
    if kind.__name__ == "ConfigDict" and kind.__module__.startswith("ml_collections"):
        return _named(cast("Mapping[object, object]", value))
    if dataclasses.is_dataclass(value):
        held = _held(value)
        return {f.name: held[f.name] for f in dataclasses.fields(value) if f.name in held}
    if hasattr(kind, "__attrs_attrs__"):
        held = _held(value)
        names = [str(a.name) for a in cast("Any", kind).__attrs_attrs__]
        return {name: held[name] for name in names if name in held}
    if any(k.__name__ == "BaseModel" and k.__module__.startswith("pydantic") for k in kind.__mro__):
        return {k: v for k, v in _held(value).items() if not k.startswith("_")}
    if issubclass(kind, argparse.Namespace | SimpleNamespace):
        return dict(vars(value))
    return None


def simple_values(values: Mapping[str, object], depth: int = 0) -> Settings:
    """Of some values those that a record can hold; secrets by their names are masked."""
    found: Settings = {}
    for name, value in list(values.items())[:_MOST]:
        plain = _plain(value, depth)
        if plain is not NOTHING:
            found[name] = hidden(name, plain)
    return found


NOTHING = object()


def _plain(value: object, depth: int = 0) -> object:
    """A value as JSON can hold it, or ``NOTHING``."""
    if value is None or isinstance(value, bool | int | float):
        return value.value if isinstance(value, Enum) else value
    if isinstance(value, str):
        return str(value) if len(value) <= _LONGEST else NOTHING
    if isinstance(value, Enum):
        return value.name
    kind = type(value)
    # Paths, devices, dtypes. To print a tensor is work, and on an accelerator a wait for the device.
    if isinstance(value, PurePath) or (kind.__module__ == "torch" and kind.__name__ != "Tensor"):
        text = str(value)
        return text if len(text) <= 40 or isinstance(value, PurePath) else NOTHING
    if depth >= _DEEPEST:
        return NOTHING
    if isinstance(value, list | tuple | set | frozenset):
        items = cast("Iterable[object]", value)
        listed = [_plain(item, depth + 1) for item in list(items)[:50]]
        return NOTHING if any(item is NOTHING for item in listed) else listed
    if isinstance(value, dict):
        table = cast("dict[object, object]", value)
        named: Mapping[str, object] | None = {str(k): v for k, v in table.items()}
    else:
        named = _fields(value)
    return NOTHING if named is None else (simple_values(named, depth + 1) or NOTHING)
