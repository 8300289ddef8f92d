"""Fault operators: each plants one fault into a healthy program by a small edit of its syntax tree.

A function under `@operator(...)` in a module of this folder *is* an operator: adding the function adds it. Its docstring says what a person
did wrong; `codes` are the rules that name this cause; `seen` says where the evidence lies.
"""

from __future__ import annotations

import dataclasses
import enum
import importlib
import inspect
import pkgutil
from collections.abc import Callable

from bench.faultbench.source import Source


class Seen(enum.Enum):
    """Where the evidence for a fault lies, and so what can find it."""

    START = "start"  # in the program's first steps and first evaluation: a pre-flight can see it
    EXPERIMENT = (
        "experiment"  # only in an experiment on the data or the step, such as a range test or a simple model
    )
    TRAINING = "training"  # only in the course of training


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Operator:
    """One way to plant one fault."""

    name: str
    family: str
    title: str
    codes: tuple[str, ...]
    seen: Seen
    definition: (
        str  # why it is a fault even where the metric does not suffer; empty: it counts where it bites
    )
    origin: str
    edit: Callable[[Source], None]


_found: dict[str, Operator] = {}


def operator(
    *codes: str, seen: Seen = Seen.START, definition: str = "", origin: str = ""
) -> Callable[[Callable[[Source], None]], Callable[[Source], None]]:
    """Make an operator of a function that edits a `Source`. It raises `DoesNotApply` where there is nothing to plant."""

    def register(edit: Callable[[Source], None]) -> Callable[[Source], None]:
        name = edit.__name__.replace("_", "-")
        if name in _found:
            raise ValueError(f"two operators are named {name}")
        _found[name] = Operator(
            name=name,
            family=edit.__module__.rpartition(".")[2],
            title=(inspect.getdoc(edit) or "").partition("\n")[0],
            codes=codes,
            seen=seen,
            definition=definition,
            origin=origin,
            edit=edit,
        )
        return edit

    return register


def operators() -> dict[str, Operator]:
    """All operators by name, in the order of their families and of the files."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return dict(_found)
