"""Where an intervention can take hold of the program."""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any

import torch

from ...capture.frames import is_user
from ...capture.patches import Patches
from ..plan import Setting

Act = Callable[..., Any]  # (the call as it would be, *its arguments) -> what the program gets


class At:
    """A line of the program's own, or all of them.

    Args:
        file: absolute path (``None``: any file of the user's).
        line: its number (``None``: any).
        real: the path that a path in the working folder stands for.
    """

    def __init__(self, file: str | None, line: int | None, real: Callable[[str], str]) -> None:
        self.file = os.path.realpath(file) if file else None
        self.line = line
        self._real = real
        self._mine: dict[CodeType, bool] = {}

    @staticmethod
    def of(hooks: "Hooks", settings: Mapping[str, Setting]) -> "At":
        """The line that settings name by ``file`` and ``line``."""
        file, line = settings.get("file"), settings.get("line")
        return At(
            file if isinstance(file, str) else None, line if isinstance(line, int) else None, hooks.real
        )

    def here(self, frame: FrameType | None) -> bool:
        """Whether a frame stands at the line: the call is made there, and not by a library on its behalf."""
        if frame is None or (self.line is not None and frame.f_lineno != self.line):
            return False
        mine = self._mine.get(frame.f_code)
        if mine is None:
            path = self._real(os.path.abspath(frame.f_code.co_filename))  # noqa: PTH100 - links are not followed
            mine = is_user(frame.f_code) and (self.file is None or os.path.realpath(path) == self.file)
            self._mine[frame.f_code] = mine
        return mine


class Calls:
    """Calls of torch's functions and classes that are made by lines of the program's own."""

    def __init__(self, patches: Patches) -> None:
        self._patches = patches
        self._changes: dict[tuple[Any, str], list[tuple[At, Act]]] = {}

    def change(self, owner: Any, name: str, at: At, act: Act) -> None:
        """Have ``act`` called in place of ``owner.name`` at a line. Several changes of one call are made one within the other."""
        key = (owner, name)
        self._changes.setdefault(key, []).append((at, act))
        self._patches.wrap(owner, name, lambda original: self._instead(key, original))

    def within(self, owner: Any, name: str, original: Act, frame: FrameType | None) -> Act:
        """``original``, with the changes that hold for a frame around it: for what is wrapped by others already."""
        for at, act in self._changes.get((owner, name), ()):
            if at.here(frame):
                original = _Around(act, original)
        return original

    def _instead(self, key: tuple[Any, str], original: Act) -> Act:
        def call(*args: Any, **kwargs: Any) -> Any:
            return self.within(*key, original, sys._getframe(1))(*args, **kwargs)

        return call


class _Around:
    """``functools.partial`` would hide what is called from :func:`inspect.signature`."""

    def __init__(self, act: Act, original: Act) -> None:
        self.act = act
        self.__wrapped__ = original

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.act(self.__wrapped__, *args, **kwargs)


@dataclass(slots=True)
class Hooks:
    """Where an intervention can take hold of the program.

    ``optimizer`` is called with every optimizer right after it was made, ``loader`` with every DataLoader, ``network`` with every outermost module before each of its calls and with the frame that calls it,
    ``loss`` with every loss before it is differentiated (what it returns is differentiated instead), ``differentiated`` after that, with the frame that asked for it, ``gradients`` with every optimizer before each of
    its steps and ``stepped`` after it. ``calls`` changes calls of torch at lines of the program's; ``patches`` replaces attributes of torch by wrappers, for what has no hook here. ``real`` gives the path that a path in
    the working folder stands for.
    """

    patches: Patches
    real: Callable[[str], str] = str
    optimizer: list[Callable[[torch.optim.Optimizer], None]] = field(
        default_factory=list[Callable[[torch.optim.Optimizer], None]]
    )
    loader: list[Callable[[Any], None]] = field(default_factory=list[Callable[[Any], None]])
    network: list[Callable[[torch.nn.Module, FrameType | None], None]] = field(
        default_factory=list[Callable[[torch.nn.Module, FrameType | None], None]]
    )
    loss: list[Callable[[torch.Tensor], torch.Tensor]] = field(
        default_factory=list[Callable[[torch.Tensor], torch.Tensor]]
    )
    differentiated: list[Callable[[FrameType | None], None]] = field(
        default_factory=list[Callable[[FrameType | None], None]]
    )
    gradients: list[Callable[[torch.optim.Optimizer], None]] = field(
        default_factory=list[Callable[[torch.optim.Optimizer], None]]
    )
    stepped: list[Callable[[torch.optim.Optimizer], None]] = field(
        default_factory=list[Callable[[torch.optim.Optimizer], None]]
    )
    calls: Calls = field(init=False)

    def __post_init__(self) -> None:
        self.calls = Calls(self.patches)


Apply = Callable[[Hooks, Mapping[str, Setting]], None]


def number(settings: Mapping[str, Setting], name: str) -> float:
    """A setting that is a number; 0 where it is missing."""
    value = settings.get(name)
    return float(value) if isinstance(value, int | float) else 0.0


def words(settings: Mapping[str, Setting], name: str) -> list[str]:
    """A setting that is names with spaces between them."""
    value = settings.get(name)
    return value.split() if isinstance(value, str) else []
