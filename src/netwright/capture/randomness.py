"""Which random generators the program draws from, told by their states alone: nothing is drawn here."""

import random
import sys
from typing import Any

import torch


def states() -> dict[str, object]:
    """The state of each global generator that exists, by library."""
    found: dict[str, object] = {"torch": torch.get_rng_state(), "random": random.getstate()}
    numpy: Any = sys.modules.get("numpy.random")
    if numpy is not None:
        kind, keys, position, *rest = numpy.get_state()
        found["numpy"] = (kind, keys.tobytes(), position, *rest)
    return found


def moved(before: dict[str, object]) -> tuple[str, ...]:
    """Libraries whose generator is in another state than before (one that came since is not judged)."""
    now = states()
    return tuple(sorted(name for name, old in before.items() if not _same(old, now.get(name))))


def _same(old: object, new: object) -> bool:
    if isinstance(old, torch.Tensor) and isinstance(new, torch.Tensor):
        return torch.equal(old, new)
    return old == new
