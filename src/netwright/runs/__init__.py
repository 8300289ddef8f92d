"""The record of every run on disk: written while the program trains, read afterwards or meanwhile. No framework is imported here."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .record import Record as Record
    from .run import Run as Run
    from .run import Unreadable as Unreadable

_HOMES = {"Record": "record", "Run": "run", "Unreadable": "run"}


def __getattr__(name: str) -> object:
    if name in _HOMES:  # the command line knows `netwright runs` without loading what reads them
        from importlib import import_module

        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
