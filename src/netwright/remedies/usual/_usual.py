"""What a remedy is that no finding nominates."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import libcst as cst

from ..source import Change, Refused, Source

Edit = Callable[..., Sequence[Change]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """An edit of the file in which the program's one optimizer is made.

    ``assumes`` says in words what must hold, and what the edit refuses without. The prose is the docstring of the module. ``name`` is kebab-case.
    ``late`` as in :class:`netwright.remedies.Remedy`. ``scales`` says that there may be more of it: the edit is then given how many times.
    """

    name: str
    assumes: str
    late: bool = False
    scales: bool = False
    _edits: list[Edit] = field(default_factory=list[Edit], repr=False)

    def edit(self, function: Edit) -> Edit:
        """Decorator: this function makes the changes, given the file and the call that makes the optimizer."""
        self._edits.append(function)
        return function

    @property
    def title(self) -> str:
        """First line of its page."""
        module = inspect.getmodule(self._edits[0])
        return inspect.cleandoc(module.__doc__ or "").partition("\n")[0].rstrip(".") if module else self.name

    def changes(self, source: Source, call: cst.Call, times: int = 1) -> list[Change]:
        """What is to be changed.

        Args:
            source: the file.
            call: makes the optimizer.
            times: how many times the change is made.

        Raises:
            Refused: the remedy does not hold here; the message says why.
        """
        if times > 1 and not self.scales:
            raise Refused("there is no more of it")
        made = list(self._edits[0](source, call, times) if self.scales else self._edits[0](source, call))
        if not made:
            raise Refused("there is nothing to change")
        return made
