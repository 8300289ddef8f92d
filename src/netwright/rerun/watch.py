"""The thin watch of a re-run: the loss of every backward pass, the metrics of evaluations, and the end at the step or second wanted. It draws no random number and writes to no tensor of the program's."""

import contextlib
import hashlib
import math
import os
import struct
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import torch

from ..capture.compiled import is_compiled
from ..capture.flatten import tensors
from ..capture.frames import user_frame, user_where
from ..capture.patches import Patches
from ..capture.sandbox import Below, Unseen
from ..capture.step_hooks import StepHooks
from ..forks import hear
from ..launch import Stop
from .answers import Seeds
from .digests import bytes_of, digest
from .interventions import Hooks, apply
from .loaders import Loaders
from .metrics import Metrics, Seen
from .plan import Plan
from .trace import Metric, Point

_SWALLOWED = 20  # times that a program may swallow the end before it is ended from here
_FLUSH_S = 1.0


class Watch:
    """Put in place when torch has been imported.

    Args:
        plan: what to change, and when to stop.
        began: when the process began, on the clock of ``time.monotonic``.
        real: the path that a path in the working folder stands for.
        flush: called now and then, to keep what is there so far.
        ends: called when the program swallows every attempt to end it.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        began: float,
        real: Callable[[str], str],
        flush: Callable[[], None],
        ends: Callable[[], None],
    ) -> None:
        self.plan, self.began, self.real = plan, began, real
        self.flush, self.ends = flush, ends
        self.patches = Patches()
        self.hooks = Hooks(self.patches, real)
        self.seeds = Seeds(plan.seed, self.patches)
        self.seen = Seen(at=real)
        self.mode = Below(Metrics(self.seen))
        self.points: list[Point] = []
        self.lines: list[str] = []
        self.loaders = Loaders(plan, self.hooks, self.seen, real=real, ends=self._reached, aside=self._aside)
        self.backwards = 0
        self.before_s = 0.0
        self.start_digest: str | None = None
        self.over: str | None = None
        self.failed: str | None = None
        self._waiting: list[tuple[int, int, int, torch.Tensor, str | None]] = []
        self._counts: dict[int, int] = {}
        self._optimizers: list[weakref.ref[torch.optim.Optimizer]] = []
        self._stepped: torch.optim.Optimizer | None = None
        self._digest = hashlib.blake2b(digest_size=16)
        self._inputs: Any = None
        self._scaled: tuple[weakref.ref[torch.Tensor], torch.Tensor] | None = None
        self._parameters: dict[int, weakref.ref[torch.Tensor]] = {}
        self._rows = self._samples = self._depth = self._stops = 0
        self._thread = threading.get_ident()
        self._process = os.getpid()
        self._next_flush = time.monotonic() + _FLUSH_S

    # -- in place -------------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin."""
        if self.plan.threads is not None:
            torch.set_num_threads(self.plan.threads)
        wrap = self.patches.wrap
        wrap(torch.nn.Module, "__call__", self._module_call)
        wrap(torch.autograd, "backward", self._backward)
        wrap(torch.amp.GradScaler, "scale", self._scale)
        wrap(torch.no_grad, "__enter__", self._no_grad)
        wrap(torch.optim.Optimizer, "__init__", self._optimizer_made)
        self.loaders.start()
        StepHooks(self._before_step, self._after_step).put_in()
        hear(in_child=self._forked)
        self.seeds.start()
        apply(self.plan.interventions, self.hooks)

    @contextlib.contextmanager
    def _aside(self) -> Iterator[None]:
        """The mode steps aside for a moment: what a loader does is no part of an evaluation."""
        in_place = self.mode.there
        self.mode.leave()
        try:
            yield
        finally:
            if in_place:
                self.mode.enter()

    def _forked(self) -> None:
        self.mode.leave()
        self.patches.undo()

    def elsewhere(self) -> bool:
        """In another thread or process than the one that is followed."""
        return threading.get_ident() != self._thread or os.getpid() != self._process

    def _safely(self, action: Callable[..., Any], *args: Any) -> Any:
        """Do something of ours; what fails of it is noted once, and the program goes on."""
        try:
            with Unseen(), torch.no_grad():
                return action(*args)
        except Exception as error:
            self.failed = self.failed or f"{type(error).__name__}: {error}"
            return None

    # -- the end --------------------------------------------------------------------------------------------------------------

    def steps(self) -> int:
        """Steps of the optimizer that made most; backward passes when none made one."""
        return max(self._counts.values(), default=self.backwards)

    def _late(self) -> bool:
        limit = self.plan.seconds
        return limit is not None and time.monotonic() - self.began > limit

    def _tick(self) -> None:
        """Is the time over? Keep what is there so far."""
        now = time.monotonic()
        if now > self._next_flush:
            self.flush()
            # What writing costs is to stay below a twentieth of the time.
            cost = time.monotonic() - now
            self._next_flush = now + max(_FLUSH_S, 20 * cost)
        if self._late():
            self._stop("seconds")

    def _stop(self, why: str) -> None:
        self.over = self.over or why
        self._stops += 1
        if self._stops > _SWALLOWED:
            self.ends()
        raise Stop

    def _reached(self) -> bool:
        return self.plan.steps is not None and self.steps() >= self.plan.steps

    # -- the network ----------------------------------------------------------------------------------------------------------

    def _module_call(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def __call__(module: torch.nn.Module, *args: Any, **kwargs: Any) -> Any:
            if self._depth or self.elsewhere() or not self._network(module):
                return original(module, *args, **kwargs)
            if self._late():
                self._stop("seconds")
            for call in self.hooks.network:
                call(module, sys._getframe(1))
            grad = torch.is_grad_enabled()
            evaluating = not grad or not module.training
            self._safely(self._comes_in, module, args, kwargs, not grad)
            self.mode.leave()
            self._depth += 1
            compiled = is_compiled(module)
            if compiled:
                self.patches.suspend()
            try:
                out = original(module, *args, **kwargs)
            finally:
                self._depth -= 1
                if compiled:
                    self.patches.resume()
            if evaluating:
                self._safely(self._goes_out, out, args, kwargs)
                self.mode.enter()
            return out

        return __call__

    def _network(self, module: torch.nn.Module) -> bool:
        return next(module.parameters(), None) is not None

    def _comes_in(self, module: torch.nn.Module, args: Any, kwargs: Any, evaluating: bool) -> None:
        given = [t for _, t in tensors((args, kwargs))]
        if self._rows == 0 and not evaluating:
            self._rows = given[0].shape[0] if given and given[0].dim() else 1
        if self.plan.digests and not evaluating:
            if self.start_digest is None:
                self.start_digest = digest(list(module.parameters()))
            self._inputs = self._inputs or hashlib.blake2b(digest_size=16)
            for tensor in given:
                self._inputs.update(bytes_of(tensor))

    def _goes_out(self, out: Any, args: Any, kwargs: Any) -> None:
        self._where()
        first = next((t for _, t in tensors((args, kwargs))), None)
        self.seen.outputs(out, first.shape[0] if first is not None and first.dim() else 1)

    def _where(self) -> None:
        self.seen.step = self.steps()
        self.loaders.evaluated()

    def _no_grad(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """A network that is no module evaluates in such a block."""

        def __enter__(block: Any) -> Any:
            out = original(block)
            if not self._known_modules() and self.backwards and not self._depth and not self.elsewhere():
                self._where()
                self.mode.enter()
            return out

        return __enter__

    def _known_modules(self) -> bool:
        return self._rows != 0 or self._samples != 0

    # -- backward and step ------------------------------------------------------------------------------------------------------

    def _scale(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """A loss scaled for float16 is worth what it was before."""

        def scale(scaler: Any, outputs: Any) -> Any:
            out = original(scaler, outputs)
            if isinstance(out, torch.Tensor) and isinstance(outputs, torch.Tensor):
                self._scaled = (weakref.ref(out), outputs.detach())
            return out

        return scale

    def _backward(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def backward(roots: Any, *args: Any, **kwargs: Any) -> Any:
            if self.elsewhere():
                return original(roots, *args, **kwargs)
            self.mode.leave()
            if self._reached():
                self._stop("steps")
            where = user_where(1)
            self._safely(self._note_loss, roots, self.real(where.at) if where.known else "")
            if self.hooks.loss and isinstance(roots, torch.Tensor):
                for change in self.hooks.loss:
                    roots = change(roots)
            depth, self._depth = self._depth, 1  # recomputed parts of a network are no new passes
            try:
                out = original(roots, *args, **kwargs)
            finally:
                self._depth = depth
            self.backwards += 1
            self._tick()
            for call in self.hooks.differentiated:
                call(user_frame(sys._getframe(1))[0])
            return out

        return backward

    def _note_loss(self, roots: Any, line: str) -> None:
        self.seen.was_training()
        if not self.backwards:
            self.before_s = time.monotonic() - self.began
        self.loaders.trained()
        loss = next((t for _, t in tensors(roots)), None)
        if loss is None:
            return
        if self._scaled is not None and self._scaled[0]() is loss:
            loss = self._scaled[1]
        if line not in self.lines:
            self.lines.append(line)
        number = self.lines.index(line)
        if number == 0:
            self._samples += self._rows
        self._rows = 0
        inputs = self._inputs.hexdigest() if self._inputs is not None else None
        self._inputs = None
        # A copy: the program may write to its loss. Read later, so that an accelerator is not waited for at every step.
        value = loss.detach().double().mean().clone() if loss.numel() else loss.new_full((), math.nan)
        self._waiting.append(
            (self.steps() if self._counts else self.backwards, self._samples, number, value, inputs)
        )
        if len(self._waiting) >= (1 if value.device.type == "cpu" else 64):
            self._read()

    def _read(self) -> None:
        for step, samples, line, value, inputs in self._waiting:
            loss = float(value)
            self._digest.update(struct.pack("<d", loss))
            self.points.append(Point(step=step, loss=loss, samples=samples, line=line, inputs=inputs))
        self._waiting.clear()

    def _optimizer_made(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def __init__(optimizer: torch.optim.Optimizer, *args: Any, **kwargs: Any) -> None:
            original(optimizer, *args, **kwargs)
            self._optimizers.append(weakref.ref(optimizer))
            for made in self.hooks.optimizer:
                made(optimizer)

        return __init__

    def _before_step(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        if not self.elsewhere():
            for change in self.hooks.gradients:
                change(optimizer)

    def _after_step(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        if self.elsewhere():
            return
        self._counts[id(optimizer)] = self._counts.get(id(optimizer), 0) + 1
        if self.plan.digests:  # a program that trains in a function has let go of it at the end
            self._stepped = optimizer
        for call in self.hooks.stepped:
            call(optimizer)
        if self._reached() and not self.plan.evaluate:
            self._stop("steps")
        self._tick()

    # -- what came of it ----------------------------------------------------------------------------------------------------------

    def result(self, *, last: bool) -> dict[str, Any]:
        """The parts of a trace that are known here. ``last``: the program is over."""
        self.mode.leave()
        self._safely(self._read)
        weights = None
        if last and self.plan.digests:
            held = [o for r in self._optimizers if (o := r()) is not None]
            parameters = [p for o in held for g in o.param_groups for p in g["params"]]
            weights = self._safely(digest, parameters)
        return {
            "steps": self.steps(),
            "points": tuple(self.points),
            "metrics": tuple(
                Metric(
                    step=step,
                    name=name,
                    value=s.total / s.count,
                    samples=s.count,
                    at=at,
                    loader=loader,
                    recall=s.recall,
                )
                for (step, name, at, loader), s in self.seen.sums.items()
                if s.count
            ),
            "loaders": tuple(r.use() for r in self.loaders.made),
            "lines": tuple(self.lines),
            "losses_digest": self._digest.copy().hexdigest(),
            "start": self.start_digest,
            "weights": weights,
            "seeded": tuple(self.seeds.calls),
            "before_s": self.before_s,
        }
