"""While steps are only counted: what must not be missed for all that, a loss or gradient that is not finite."""

import math
from threading import get_ident
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch._C import _len_torch_dispatch_stack, _len_torch_function_stack  # pyright: ignore

from ..capture.compiling import compiling
from .account import INTERRUPTED_S, Account

if TYPE_CHECKING:
    from .watcher import Watcher

_SHARE = 1 / 3  # of the budget: where looking takes more, steps are left alone
_TIMED = 8  # one in so many is timed, and stands for the others: to read the clock twice costs as much as to read a number
# As long as none was timed: by how often they take what it takes to come into a hook and out again.
_LOSS, _GRADIENTS = 2.0, 8.0


class Glance:
    """Looks at the loss that ``backward`` is given, and at two gradients before an optimizer's step, at steps that are not read. Only at a loss on the processor: no accelerator is waited for.

    Args:
        watcher: is roused by a loss that is not finite.
        always: whatever it costs; else where a step is long enough for it.

    ``finite`` is the last step with a loss that was seen to be finite, also at steps that are read; ``broken`` the first whose loss is not, where that came to be known only later.
    ``wanted`` is whether anybody waits for what is looked for; ``losses`` and ``gradients`` are what is looked at now. ``looked`` counts losses, up to ``marked`` those of steps that are over.
    """

    def __init__(self, watcher: "Watcher", account: Account, *, always: bool) -> None:
        self._watcher, self._account = watcher, account
        self.always = always
        self.wanted = self.losses = self.gradients = False
        self.finite: int | None = None
        self.broken: int | None = None
        self.looked = self.marked = 0
        self._loss_s, self._gradients_s = _LOSS * account.entry_s, _GRADIENTS * account.entry_s

    def plan(self, steps: int) -> None:
        """Steps are passed over from now on, after ``steps`` that took all the time of the account: what can be looked at in each of them."""
        account = self._account
        may = _SHARE * account.budget * account.elapsed / max(steps, 1)
        loss = account.cost(self._loss_s)
        self.losses = self.wanted and (self.always or loss <= may)
        self.gradients = (
            self.losses
            and bool(self._watcher.before_step)
            and (self.always or loss + self._gradients_s <= may)
        )

    def over(self) -> None:
        """The first value that is not finite is there: nobody waits for more."""
        self.wanted = self.losses = self.gradients = False

    def loss(self, root: Any) -> None:
        """Backward is called on it. Where it is a number that is finite nothing is done but to read it: what more is touched here costs microseconds, as nothing of it is in the processor's caches."""
        if type(root) is not Tensor or not root.is_cpu or get_ident() != self._watcher.thread:
            return
        if root.numel() != 1 or _len_torch_function_stack() or _len_torch_dispatch_stack():
            if self.always and not compiling():
                self._watcher.work(self._thoroughly, root)
            return
        timed = self.looked % _TIMED == 0
        if self._clocked(root) if timed else math.isfinite(root.item()):
            self.looked += 1
        else:
            self._watcher.work(self._alarm, root)

    def _clocked(self, root: Tensor) -> bool:
        clock = self._account.clock
        start = clock()
        finite = math.isfinite(root.item())
        took = clock() - start
        if took < INTERRUPTED_S:
            self._loss_s += (took - self._loss_s) / 8
        return finite

    def _thoroughly(self, root: Tensor) -> None:
        if math.isfinite(root.detach().double().mean().item()):
            self.looked += 1
        else:
            self._alarm(root)

    def _alarm(self, root: Tensor) -> None:
        self.settle()
        self._watcher.alarm(root)

    def step(self) -> None:
        """A step is over."""
        self.marked = self.looked

    def before_step(self, optimizer: torch.optim.Optimizer) -> None:
        """An optimizer is about to step: the gradients."""
        if self.gradients:
            spent = self._account.spent
            self._watcher.work(self._look, optimizer)
            self._gradients_s += (self._account.spent - spent - self._gradients_s) / 8

    def _look(self, optimizer: torch.optim.Optimizer) -> None:
        for each in self._watcher.before_step:
            each(optimizer)

    def settle(self) -> None:
        """What was looked at since the last time is paid for, and noted."""
        if not self.looked:
            return
        steps = self._watcher.recording.steps
        self.finite = steps if self.looked > self.marked else steps - 1
        self._account.took(self._loss_s, times=self.looked)
        self.looked = self.marked = 0
