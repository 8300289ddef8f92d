"""What the pre-flight knows of the program, by the names that series bear."""

from collections.abc import Iterable
from typing import TypeVar

import torch

from ..capture.session import Session
from ..probes.observed import Observed

T = TypeVar("T")


def networks(session: Session) -> dict[str, torch.nn.Module]:
    """Every module of every network by its path. Where two networks have the same path, that of the later bears its number: ``1:fc``."""
    found: dict[str, torch.nn.Module] = {}
    for number, root in enumerate(Observed(session).roots()):
        for path, module in root.named_modules():
            found.setdefault(_unique(path or type(root).__name__, number, found), module)
    return found


def parameter_names(session: Session) -> dict[int, str]:
    """The name of every parameter of the networks, by the tensor's ``id``; of two networks as those of modules."""
    names: dict[int, str] = {}
    taken: set[str] = set()
    for number, root in enumerate(Observed(session).roots()):
        for name, parameter in root.named_parameters():
            if id(parameter) not in names:
                names[id(parameter)] = _unique(name, number, taken)
                taken.add(names[id(parameter)])
    return names


def _unique(name: str, number: int, taken: Iterable[str]) -> str:
    return f"{number}:{name}" if name in taken else name
