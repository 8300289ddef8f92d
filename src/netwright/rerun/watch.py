"""The thin watch of a re-run: the loss of every backward pass, the metrics of evaluations, and the end at the step or second wanted. It draws no random number and writes to no tensor of the program's."""

import hashlib
import math
import os
import struct
import sys
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from torch.utils.data import DataLoader
from torch.utils.data.dataloader import _BaseDataLoaderIter

from ..capture.compiled import is_compiled
from ..capture.flatten import tensors
from ..capture.frames import construction_where, user_where
from ..capture.patches import Patches
from ..capture.sandbox import Unseen, insert_mode_below, remove_mode
from ..launch import Stop
from .answers import Seeds
from .interventions import Hooks, apply
from .metrics import Metrics, Seen
from .plan import Plan
from .subset import population, take, whole_reason
from .trace import LoaderUse, Metric, Point

_SWALLOWED = 20  # times that a program may swallow the end before it is ended from here
_FLUSH_S = 1.0


class Loader:
    """One DataLoader of the program while it runs."""

    __slots__ = (
        "evaluated",
        "file",
        "kept",
        "line",
        "loader",
        "samples",
        "trained",
        "turn",
        "why",
        "yielded",
    )

    def __init__(self, loader: Any, turn: int, file: str | None, line: int | None) -> None:
        self.loader = weakref.ref(loader)
        self.turn, self.file, self.line = turn, file, line
        self.trained = self.yielded = self.evaluated = False
        self.kept: int | None = None
        self.why = whole_reason(loader)
        indices = None if self.why else population(loader.sampler)
        self.samples = len(indices) if indices is not None else None

    def use(self) -> LoaderUse:
        """As plain data."""
        return LoaderUse(
            turn=self.turn,
            file=self.file,
            line=self.line,
            samples=self.samples,
            trained=self.trained,
            kept=self.kept,
            why_whole=self.why,
        )


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
        self.hooks = Hooks(self.patches)
        self.seeds = Seeds(plan.seed, self.patches)
        self.seen = Seen(at=real)
        self.mode = Metrics(self.seen)
        self.points: list[Point] = []
        self.lines: list[str] = []
        self.loaders: list[Loader] = []
        self.backwards = 0
        self.before_s = 0.0
        self.start_digest: str | None = None
        self.over: str | None = None
        self.failed: str | None = None
        self._waiting: list[tuple[int, int, int, torch.Tensor, str | None]] = []
        self._counts: dict[int, int] = {}
        self._optimizers: list[weakref.ref[torch.optim.Optimizer]] = []
        self._digest = hashlib.blake2b(digest_size=16)
        self._inputs: Any = None
        self._scaled: tuple[weakref.ref[torch.Tensor], torch.Tensor] | None = None
        self._known: set[int] = set()
        self._parameters: dict[int, weakref.ref[torch.Tensor]] = {}
        self._iterators: weakref.WeakKeyDictionary[Any, Loader] = weakref.WeakKeyDictionary()
        self._rows = self._samples = self._depth = self._stops = 0
        self._in_place = False
        self._thread = threading.get_ident()
        self._process = os.getpid()
        self._flushed = time.monotonic()

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
        wrap(DataLoader, "__init__", self._loader_made)
        wrap(DataLoader, "__iter__", self._loader_starts)
        wrap(_BaseDataLoaderIter, "__next__", self._loader_next)
        register_optimizer_step_pre_hook(self._before_step)
        register_optimizer_step_post_hook(self._after_step)
        os.register_at_fork(after_in_child=self._forked)
        self.seeds.start()
        apply(self.plan.interventions, self.hooks)

    def _forked(self) -> None:
        self._leave()
        self.patches.undo()

    def _elsewhere(self) -> bool:
        return threading.get_ident() != self._thread or os.getpid() != self._process

    def _safely(self, action: Callable[..., Any], *args: Any) -> Any:
        """Do something of ours; what fails of it is noted once, and the program goes on."""
        try:
            with Unseen(), torch.no_grad():
                return action(*args)
        except Exception as error:
            self.failed = self.failed or f"{type(error).__name__}: {error}"
            return None

    def _enter(self) -> None:
        if not self._in_place:
            insert_mode_below(self.mode)
            self._in_place = True

    def _leave(self) -> None:
        if self._in_place:
            remove_mode(self.mode)
            self._in_place = False

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
        if now - self._flushed > _FLUSH_S:
            self.flush()
            # What writing costs is to stay below a twentieth of the time.
            self._flushed = time.monotonic() + 20 * (time.monotonic() - now) - _FLUSH_S
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
            if self._depth or self._elsewhere() or not self._network(module):
                return original(module, *args, **kwargs)
            if self._late():
                self._stop("seconds")
            grad = torch.is_grad_enabled()
            evaluating = not grad or not module.training
            self._safely(self._comes_in, module, args, kwargs, not grad)
            if self.hooks.network and id(module) not in self._known:
                self._known.add(id(module))
                for call in self.hooks.network:
                    call(module)
            self._leave()
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
                self._enter()
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
                self._inputs.update(_bytes(tensor))

    def _goes_out(self, out: Any, args: Any, kwargs: Any) -> None:
        self._where()
        first = next((t for _, t in tensors((args, kwargs))), None)
        self.seen.outputs(out, first.shape[0] if first is not None and first.dim() else 1)

    def _where(self) -> None:
        self.seen.step = self.steps()
        given = [r for r in self.loaders if r.yielded]
        if given:
            self.seen.loader = given[-1].turn
        for record in given:
            record.evaluated = True

    def _no_grad(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """A network that is no module evaluates in such a block."""

        def __enter__(block: Any) -> Any:
            out = original(block)
            if not self._known_modules() and self.backwards and not self._depth and not self._elsewhere():
                self._where()
                self._enter()
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
            if self._elsewhere():
                return original(roots, *args, **kwargs)
            self._leave()
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
            return out

        return backward

    def _note_loss(self, roots: Any, line: str) -> None:
        self.seen.was_training()
        if not self.backwards:
            self.before_s = time.monotonic() - self.began
        for loader in self.loaders:
            loader.trained = loader.trained or loader.yielded
            loader.yielded = False
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
        if not self._elsewhere():
            for change in self.hooks.gradients:
                change(optimizer)

    def _after_step(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        if self._elsewhere():
            return
        self._counts[id(optimizer)] = self._counts.get(id(optimizer), 0) + 1
        if self._reached() and not self.plan.evaluate:
            self._stop("steps")
        self._tick()

    # -- loaders ----------------------------------------------------------------------------------------------------------------

    def _loader_made(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def __init__(loader: Any, *args: Any, **kwargs: Any) -> None:
            original(loader, *args, **kwargs)
            if not self._elsewhere():
                self._safely(self._note_loader, loader, construction_where(loader, 2))
                for made in self.hooks.loader:
                    made(loader)

        return __init__

    def _note_loader(self, loader: Any, where: Any) -> None:
        file = self.real(where.file) if where.file else None
        record = Loader(loader, len(self.loaders), file, where.line)
        self.loaders.append(record)
        subset = self.plan.subset
        if subset is None or record.why is not None:
            return
        known = subset.loader
        alike = (record.file, record.line, record.samples) == (known.file, known.line, known.samples)
        if record.turn == known.turn if subset.by_turn else alike:
            record.kept = take(loader, subset)

    def _record(self, loader: Any) -> Loader | None:
        return next((r for r in self.loaders if r.loader() is loader), None)

    def _loader_starts(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def __iter__(loader: Any) -> Any:
            iterator = original(loader)
            record = self._record(loader)
            if record is not None:
                self._iterators[iterator] = record
            return iterator

        return __iter__

    def _loader_next(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def __next__(iterator: Any) -> Any:
            record = self._iterators.get(iterator)
            if record is None or self._elsewhere():
                return original(iterator)
            if record.trained and self._reached() and getattr(iterator, "_num_yielded", 0) > 0:
                raise StopIteration  # the epoch ends here, so that the program comes to its evaluation
            in_place = self._in_place
            self._leave()
            try:
                batch = original(iterator)
            finally:
                if in_place:
                    self._enter()
            for other in self.loaders:  # what an evaluation has used up is not trained on
                other.yielded = other.yielded and not other.evaluated
            record.yielded, record.evaluated = True, False
            return batch

        return __next__

    # -- what came of it ----------------------------------------------------------------------------------------------------------

    def result(self, *, last: bool) -> dict[str, Any]:
        """The parts of a trace that are known here. ``last``: the program is over."""
        self._leave()
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
                Metric(step=step, name=name, value=s.total / s.count, samples=s.count, at=at, loader=loader)
                for (step, name, at, loader), s in self.seen.sums.items()
                if s.count
            ),
            "loaders": tuple(r.use() for r in self.loaders),
            "lines": tuple(self.lines),
            "losses_digest": self._digest.copy().hexdigest(),
            "start": self.start_digest,
            "weights": weights,
            "seeded": tuple(self.seeds.calls),
            "before_s": self.before_s,
        }


def _bytes(tensor: torch.Tensor) -> bytes:
    data = tensor.detach().cpu()
    if data.layout != torch.strided or data.is_quantized:
        return repr(data).encode()
    return (
        data.resolve_conj().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
        if data.numel()
        else b""
    )


def digest(parameters: list[torch.Tensor]) -> str:
    """A digest of tensors, to the last bit."""
    found = hashlib.blake2b(digest_size=16)
    for parameter in parameters:
        found.update(_bytes(parameter))
    return found.hexdigest()


def version() -> str:
    """Of torch and Python."""
    return f"{torch.__version__} {sys.version}"
