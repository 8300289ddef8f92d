"""What settings call by name: functions, methods and classes of torch's."""

import inspect
from collections.abc import Iterator
from typing import Any

import torch

# Where one function has several homes.
_HOMES = (torch, torch.nn.functional, torch.special, torch.Tensor)
_CLASSES = {
    "optimizer": (torch.optim, torch.optim.Optimizer),
    "scheduler": (torch.optim.lr_scheduler, torch.optim.lr_scheduler.LRScheduler),
}


def owners(name: str) -> Iterator[tuple[Any, str]]:
    """Everything that a name stands for, as an attribute of what holds it.

    ``optimizer`` and ``scheduler`` are every class of their kind. A name with dots is looked up below torch (``nn.init.zeros_``, ``nn.init.*`` for all that end with an underscore), one
    without is a function, in all of its homes. A class stands for its ``__init__``.
    """
    if name in _CLASSES:
        module, base = _CLASSES[name]
        for found in vars(module).values():
            if inspect.isclass(found) and issubclass(found, base) and found is not base:
                yield found, "__init__"
        return
    path, _, last = name.rpartition(".")
    homes = (_below(path),) if path else _HOMES
    for home in homes:
        if last == "*":
            yield from ((home, n) for n in vars(home) if n.endswith("_") and not n.startswith("_"))
        elif inspect.isclass(getattr(home, last, None)):
            yield getattr(home, last), "__init__"
        elif hasattr(home, last):
            yield home, last


def _below(path: str) -> Any:
    found: Any = torch
    for part in path.split("."):
        found = getattr(found, part)
    return found
