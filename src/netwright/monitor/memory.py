"""Memory of this process, and of its device."""

import contextlib
import os
from pathlib import Path

import torch

_STATM = Path("/proc/self/statm")


def memory() -> dict[str, float]:
    """Bytes now, by the names of their series; what cannot be known is left out."""
    found: dict[str, float] = {}
    with contextlib.suppress(OSError, ValueError, IndexError, AttributeError):  # not on every system
        found["run/memory_bytes"] = float(int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        found["run/device_memory_bytes"] = float(torch.cuda.memory_allocated())
    return found
