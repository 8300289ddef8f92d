"""How much memory a piece of work takes at its height: every tensor that torch makes in it is counted from when it is made until it is gone."""

import weakref
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from .facts import storage_of
from .flatten import tensors


class Meter(TorchDispatchMode):
    """``with Meter() as meter: ...``, then ``meter.peak`` is the most bytes of new tensors that were there at once.

    Memory that was there before is not counted, nor what a kernel takes for itself while it runs.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self._known: dict[int, int] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        given = {storage_of(t) for _, t in (*tensors(args), *tensors(kwargs))}
        out = func(*args, **kwargs)
        for _, tensor in tensors(out):
            key = storage_of(tensor)
            if key is not None and key not in given and key not in self._known:
                self._count(key, tensor.untyped_storage())
        return out

    def _count(self, key: int, storage: torch.UntypedStorage) -> None:
        size = storage.nbytes()
        self._known[key] = size
        self.now += size
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._gone, key).atexit = False

    def _gone(self, key: int) -> None:
        self.now -= self._known.pop(key, 0)
