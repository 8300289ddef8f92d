"""Who wants to know that a process is one that the program has forked."""

import os
import weakref
from collections.abc import Callable
from functools import cache
from typing import Any

_told: list["weakref.WeakMethod[Callable[[], Any]]"] = []


def in_child(method: Callable[[], Any]) -> None:
    """Call this method of an object in every child that is forked from now on, as long as the object is there: what Python itself is told it keeps for ever, and the object with it."""
    _told[:] = [known for known in _told if known() is not None]
    _told.append(weakref.WeakMethod(method))
    if hasattr(os, "register_at_fork"):
        _hear()


@cache
def _hear() -> None:
    os.register_at_fork(after_in_child=_tell)


def _tell() -> None:
    for known in _told:
        if (method := known()) is not None:
            method()
