"""Seeds: every call of the program that seeds a global generator is answered with another seed, and what it never seeds is seeded."""

import random
import sys
from collections.abc import Callable
from typing import Any

import torch

from ..capture.frames import user_where
from ..capture.patches import Patches

_BITS = {"torch": 1 << 63, "numpy": 1 << 32}  # torch takes seeds below 2^64, NumPy below 2^32


class Seeds:
    """Adds an offset to the seeds of the global generators of torch, NumPy and random.

    Private generators (``torch.Generator``, ``numpy.random.default_rng``) keep the seeds that the program gives them: they mostly say how data are cut into parts, which is to stay the same.
    ``offset`` ``None``: seeds stay as they are, and are only noted.
    """

    def __init__(self, offset: int | None, patches: Patches) -> None:
        self.offset = offset
        self.patches = patches
        self.calls: list[str] = []
        self._inside = False

    def start(self) -> None:
        """Seed every generator that is there, and wrap the calls that do so."""
        if self.offset is not None:
            random.seed(self.offset)
            torch.manual_seed(self.offset)
        for owner in (torch, torch.random):
            self.patches.wrap(owner, "manual_seed", lambda o: self._answering(o, "torch"))
        for name in ("manual_seed", "manual_seed_all"):
            self.patches.wrap(torch.cuda, name, lambda o: self._answering(o, "torch"))
        self.patches.wrap(random, "seed", lambda o: self._answering(o, "random"))
        if "numpy" in sys.modules:
            self.numpy()

    def numpy(self) -> None:
        """NumPy is there."""
        numpy: Any = sys.modules["numpy"]
        if self.offset is not None:
            numpy.random.seed(self.offset % _BITS["numpy"])
        self.patches.wrap(numpy.random, "seed", lambda o: self._answering(o, "numpy"))

    def _answering(self, original: Callable[..., Any], library: str) -> Callable[..., Any]:
        def seed(*args: Any, **kwargs: Any) -> Any:
            caller = str(sys._getframe(1).f_globals.get("__name__", ""))
            if self._inside or caller.partition(".")[0] in ("torch", "numpy"):
                return original(*args, **kwargs)
            self._inside = True
            try:
                if len(self.calls) < 32:
                    self.calls.append(f"{library} {user_where(1).at}")
                return original(*self._other(args, library), **self._others(kwargs, library))
            finally:
                self._inside = False

        return seed

    def _other(self, args: tuple[Any, ...], library: str) -> tuple[Any, ...]:
        return (self._shifted(args[0], library), *args[1:]) if args else args

    def _others(self, kwargs: dict[str, Any], library: str) -> dict[str, Any]:
        return {k: self._shifted(v, library) if k in ("seed", "a") else v for k, v in kwargs.items()}

    def _shifted(self, seed: Any, library: str) -> Any:
        """Another seed for a number; without one the generator would be seeded from the clock: then by the offset alone."""
        if self.offset is None:
            return seed
        if seed is None:
            return self.offset
        try:
            number = int(seed)
        except (TypeError, ValueError):
            return f"{seed} {self.offset}" if isinstance(seed, str) and self.offset else seed
        if self.offset == 0:
            return seed
        bits = _BITS.get(library)
        return number + self.offset if bits is None else (number + self.offset) % bits
