"""Who wants to know that the program forks. Python keeps what it is told of forks for ever: it is told once, and objects are heard of by weak references."""

import contextlib
import os
from collections.abc import Callable
from functools import cache
from typing import Any
from weakref import WeakMethod

Method = Callable[[], Any]

_BEFORE, _IN_PARENT, _IN_CHILD = 0, 1, 2
_told: list[tuple[WeakMethod[Method] | None, ...]] = []


def hear(
    *, before: Method | None = None, in_parent: Method | None = None, in_child: Method | None = None
) -> Callable[[], None]:
    """Call methods of an object at every fork from now on, as long as the object is there; what is returned ends it before. What they raise goes no further."""
    entry = tuple(None if m is None else WeakMethod(m) for m in (before, in_parent, in_child))
    _told[:] = [known for known in _told if any(m is not None and m() is not None for m in known)]
    _told.append(entry)
    if hasattr(os, "register_at_fork"):
        _register()

    def forget() -> None:
        with contextlib.suppress(ValueError):
            _told.remove(entry)

    return forget


@cache
def _register() -> None:
    os.register_at_fork(
        before=lambda: _tell(_BEFORE),
        after_in_parent=lambda: _tell(_IN_PARENT),
        after_in_child=lambda: _tell(_IN_CHILD),
    )


def _tell(when: int) -> None:
    for entry in tuple(_told):
        known = entry[when]
        if known is not None and (method := known()) is not None:
            with contextlib.suppress(Exception):  # the harm boundary
                method()
