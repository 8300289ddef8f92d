"""Which random generators the program draws from, told by their states alone: nothing is drawn here."""

import random
import sys
from typing import Any

import torch

from .sandbox import Unseen


class Randomness:
    """The global generators, as they were when the recording began."""

    def __init__(self) -> None:
        self._before: dict[str, object] = {}

    def begin(self) -> None:
        """The recording begins."""
        self._before = _states()

    def used(self) -> tuple[str, ...]:
        """Libraries whose generator the program has drawn from or seeded since (one that came since is not judged)."""
        with Unseen():
            now = _states()
            return tuple(sorted(name for name, old in self._before.items() if not _same(old, now.get(name))))


def _states() -> dict[str, object]:
    """The state of each global generator that exists, by library."""
    found: dict[str, object] = {"torch": torch.get_rng_state(), "random": random.getstate()}
    numpy: Any = sys.modules.get("numpy.random")
    if numpy is not None:
        kind, keys, position, *rest = numpy.get_state()
        found["numpy"] = (kind, keys.tobytes(), position, *rest)
    return found


def _same(old: object, new: object) -> bool:
    if isinstance(old, torch.Tensor) and isinstance(new, torch.Tensor):
        return torch.equal(old, new)
    return old == new
