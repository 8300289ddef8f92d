"""Where the steps of the program begin and end."""

import threading
from typing import TYPE_CHECKING, Any

import torch
from torch.compiler import is_compiling

from ..capture.compiling import compiling, not_compiled
from ..capture.patches import Patches
from ..capture.step_hooks import Hook, StepHooks, has_closure, steps_under_way
from .calls import backward

if TYPE_CHECKING:
    from .watcher import Watcher

_FEW = 4  # steps: for fewer it is dearer to exchange the hooks and put them back than to come by them


class Steps:
    """The hooks around the step of every optimizer, and the wrapper of ``backward``, on the thread that is watched.

    While it dozes, one small function at the end of a step is all that is left of them: what computes between two of our functions displaces them from the processor's caches, so that each costs microseconds however
    little it does.
    """

    def __init__(self, watcher: "Watcher") -> None:
        self._watcher = watcher
        self._hooks = StepHooks(self._before, self._after)
        self._patches = Patches()
        self._depth = 0  # steps under way, those within others too
        self._nested = False
        self._dozes = False

    def put_in(self) -> None:
        """Look at the steps from now on."""
        self._hooks.put_in()
        self._patches.wrap(torch.autograd, "backward", lambda o: backward(self._watcher, o))

    def take_out(self) -> None:
        """Look at none any more."""
        self._wakes()
        self._hooks.take_out()
        self._patches.undo()

    def doze(self, until: int) -> None:
        """Only count until so many steps are done. Passed over where steps have others in them, or an evaluation may end with a step."""
        watcher = self._watcher
        steps = until - watcher.steps
        if steps >= _FEW and not (self._nested or self._depth or watcher.scores.in_place):
            self._dozes = True
            glance, counts = watcher.glance, self._counter(steps)
            if glance.losses:
                counts = self._marking(counts)
            else:
                self._patches.undo()
            self._hooks.only_count(counts, before=self._glances if glance.gradients else None)

    def rouse(self) -> None:
        """End of the doze."""
        if self._dozes:
            self._wakes()
            self.put_in()

    def _wakes(self) -> None:
        if self._dozes:
            recording = self._watcher.recording
            steps, recording.uncounted = recording.uncounted(), lambda: 0
            recording.made += steps
            self._watcher.account.entered(steps)
            self._watcher.glance.settle()
            self._dozes = False

    def _counter(self, steps: int) -> Hook:
        """What is called at the end of each of so many steps. It touches nothing but two numbers, and asks no more than what the compiler, which reads it where it compiles a step, leaves it out for."""
        watcher, thread, this_thread = self._watcher, self._watcher.thread, threading.get_ident
        left = steps

        @not_compiled
        def counts(optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
            nonlocal left
            if not is_compiling() and this_thread() == thread:
                left -= 1
                if left <= 0:
                    watcher.work(watcher.wake)

        watcher.recording.uncounted = lambda: steps - left
        return counts

    def _marking(self, counts: Hook) -> Hook:
        """That, where losses are looked at: they are told apart by their steps."""
        glance = self._watcher.glance

        @not_compiled
        def marks(optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
            if not is_compiling():
                glance.step()
                counts(optimizer, args, kwargs)

        return marks

    @not_compiled
    def _glances(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        """Before a step that is only counted, where its gradients are looked at."""
        if not compiling():
            self._watcher.glance.before_step(optimizer)

    def _before(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        watcher = self._watcher
        if threading.get_ident() != watcher.thread:
            return
        watcher.account.entered()
        watcher.scores.leave()
        # Where one is under way it was left by an exception, or this one is made within it.
        self._depth = 1 + (min(self._depth, steps_under_way() - 1) if self._depth else 0)
        if self._depth == 1:
            watcher.step_begins(optimizer, closure=has_closure(args, kwargs))
        else:
            self._nested = True

    def _after(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        watcher = self._watcher
        if threading.get_ident() != watcher.thread:
            return
        self._depth = max(0, self._depth - 1)
        if not self._depth:
            watcher.step_ends(optimizer, closure=has_closure(args, kwargs))
