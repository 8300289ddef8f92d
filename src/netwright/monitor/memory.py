"""Memory of this process, and of its device."""

import contextlib
import os

import torch

_STATM = "/proc/self/statm"


def memory() -> dict[str, float]:
    """Bytes now, by the names of their series; what cannot be known is left out."""
    found: dict[str, float] = {}
    with contextlib.suppress(OSError, ValueError, IndexError, AttributeError):  # not on every system
        file = os.open(_STATM, os.O_RDONLY | os.O_CLOEXEC)  # without the layers of open()
        try:
            pages = int(os.read(file, 256).split()[1])
        finally:
            os.close(file)
        found["run/memory_bytes"] = float(pages * os.sysconf("SC_PAGE_SIZE"))
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        found["run/device_memory_bytes"] = float(torch.cuda.memory_allocated())
    return found
