"""The end of the time that something of ours may take, looked at before every call that is replayed."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ..rule import NotApplicable


class OutOfTime(NotApplicable):
    """What was being done went on for too long, and was given up."""


_until, _began = math.inf, 0.0


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Nothing is replayed any more ``seconds`` from now."""
    global _until, _began
    before = _until, _began
    _began = time.perf_counter()
    _until = min(_until, _began + seconds)
    try:
        yield
    finally:
        _until, _began = before


def in_time() -> None:
    """Go on.

    Raises:
        OutOfTime: the time is over.
    """
    now = time.perf_counter()
    if now > _until:
        raise OutOfTime(f"given up after {now - _began:.0f} s, its time was over")
