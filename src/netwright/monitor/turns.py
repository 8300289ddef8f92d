"""Which optimizers make steps, and which of them a sample waits for: a program may have several that take turns."""

import weakref

import torch

_WINDOW = 16  # steps of other optimizers to wait for the last one of a sample


class Turns:
    """Optimizers by a number of their own, in the order in which they were met.

    ``waited`` are the steps made in the sample under way.
    """

    def __init__(self) -> None:
        self.waited = 0
        self._met: list[weakref.ref[torch.optim.Optimizer]] = []
        self._active: dict[int, int] = {}  # at which step each made its last one
        self._due: set[int] = set()

    def number(self, optimizer: torch.optim.Optimizer) -> int:
        """Its own, a new one where it was not met before."""
        for number, ref in enumerate(self._met):
            if ref() is optimizer:
                return number
        self.meet(weakref.ref(optimizer))
        return len(self._met) - 1

    def meet(self, optimizer: weakref.ref[torch.optim.Optimizer]) -> None:
        """It has the next number."""
        self._met.append(optimizer)

    def stepped(self, number: int, step: int) -> None:
        """It has made a step."""
        self._active[number] = step

    @property
    def met(self) -> list[torch.optim.Optimizer]:
        """Those that are still there."""
        return [o for ref in self._met if (o := ref()) is not None]

    @property
    def active(self) -> list[torch.optim.Optimizer]:
        """Those that have made steps."""
        known = enumerate(self._met)
        return [o for number, ref in known if number in self._active and (o := ref()) is not None]

    def sample(self, step: int) -> None:
        """A sample begins, and lasts until every optimizer that made steps of late has made one."""
        self.waited = 0
        self._active = {i: s for i, s in self._active.items() if s >= step - _WINDOW}
        self._due = set(self._active)

    def over(self, number: int) -> bool:
        """A step of this one was made, or left out, in a sample: whether the sample ends with it."""
        self._due.discard(number)
        self.waited += 1
        return not self._due or self.waited >= _WINDOW
