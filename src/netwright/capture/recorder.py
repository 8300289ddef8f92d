"""Records the first iterations of a running program: torch calls, module calls, updates, and the order of it all.

The recorder only collects. It writes to nothing of the program's, draws no random number, and when a part of it fails it
notes the failure and stops recording; the program goes on as if it were not there.
"""

import contextlib
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.nn.parameter import UninitializedTensorMixin  # pyright: ignore[reportAttributeAccessIssue]

from ..evidence import NOWHERE, RESHAPES, Where
from .calls import FuncInfo
from .facts import (
    MEETS_WEIGHTS,
    MUTATES,
    clip_limit,
    is_parameter,
    storage_of,
    waits,
    write_target,
)
from .failures import Failures
from .flatten import tensors
from .frames import user_frame, user_where, where_of
from .module_stack import ModuleStack
from .modules import Modules
from .sandbox import Unseen
from .stage import Stage
from .tape import Call, ModuleFrame, Value
from .values import Values
from .writes import Writes

_MANY_WRITES = 512
_PARTS = RESHAPES | {"data", "detach"}


class Busy(Exception):
    """Our own code is already running, or has failed: this event is passed over."""


class Recorder:
    """Takes every call, and keeps what fails in it from the program. ``paused`` is checked before anything else on every call."""

    def __init__(self) -> None:
        self.paused = True
        self.thread = threading.get_ident()
        self.broken: str | None = None
        self.spent = 0.0
        self.stage = Stage()
        self.values = Values()
        self.modules = Modules()
        self.stack = ModuleStack(self.values, self.modules, self.stage)
        self.writes = Writes(self.stage)
        self.failures = Failures(self.modules)
        self.on_clip: Callable[[Where, str, float | None], None] = lambda where, kind, limit: None
        self.on_wait: Callable[[Where, str, torch.device], None] = lambda where, op, device: None
        self.on_new_iteration: Callable[[], None] = lambda: None
        self._last_clip: tuple[Where, int] | None = None
        self._own = 0

    def next_tape(self) -> None:
        """An iteration is over: begin a new tape."""
        self.values.next_tape()
        self.stack.top = None
        self.stack.table.next_iteration()
        self._last_clip = None

    # -- work and failures of our own ------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def own(self) -> Iterator[None]:
        """Work of our own: not recorded, not seen by any mode; a failure is noted and goes no further.

        Raises:
            Busy: this is not the time for it.
        """
        if self._own or self.broken or threading.get_ident() != self.thread:
            raise Busy
        before = self.paused
        self.paused = True
        self._own += 1
        start = time.perf_counter()
        try:
            with Unseen(), torch.no_grad():
                yield
            self.paused = before
        except Exception:
            self.give_up()
        finally:
            self._own -= 1
            self.spent += time.perf_counter() - start

    def give_up(self) -> None:
        """Note a failure of ours with its traceback, and record nothing more."""
        self.paused = True
        self.broken = self.broken or traceback.format_exc()

    # -- torch calls -----------------------------------------------------------------------------------------------------

    def before(
        self, func: Callable[..., Any], info: FuncInfo, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Call | None:
        """Called before a torch call runs; the record of it, or None when it is not part of the step."""
        start = time.perf_counter()
        try:
            with Unseen():
                return self._before(func, info, args, kwargs)
        except Exception:
            self.give_up()
            return None
        finally:
            self.spent += time.perf_counter() - start

    def _before(
        self, func: Callable[..., Any], info: FuncInfo, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Call | None:
        frame, via, outer = user_frame(sys._getframe(3))
        where = NOWHERE if frame is None else where_of(frame.f_code, frame.f_lineno)
        if "torch/optim/" in outer or "torch\\optim\\" in outer:
            return None
        if "clip_grad" in outer:
            self._clip(where, via)
            return None
        if info.inplace and not args and "tensor" in kwargs:  # torch.nn.init hands its tensor on by name
            args, kwargs = (kwargs["tensor"],), {k: v for k, v in kwargs.items() if k != "tensor"}
        if args and isinstance(args[0], UninitializedTensorMixin):  # a lazy layer before it knows its sizes
            return None
        if self.values.tape.updated_by_hand and self._begins_forward(info, args, kwargs):
            self.on_new_iteration()
        tape = self.values.tape
        if len(tape.calls) >= tape.limit:
            self._make_room()
        call = Call(tape.next_index, func, info.name, (), {}, where, via, self.stack.top)
        found: list[tuple[torch.Tensor, Value]] = []
        call.args = self.values.slotted(args, found)  # type: ignore[assignment]
        call.kwargs = self.values.slotted(kwargs, found)  # type: ignore[assignment]
        call.reads = tuple(v.index for _, v in found)
        if found and not self.stage.evaluating and not via and waits(info.name, args, kwargs):
            self.on_wait(where, info.name, found[0][0].device)
        call.inplace = info.inplace or kwargs.get("out") is not None or kwargs.get("inplace") is True
        target = write_target(args, kwargs) if call.inplace else None
        # Writing numbers into a parameter (initialization, a clamp) does not make it a result of the step.
        call.tainted = any((v.tainted or v.parameter) and not (v.parameter and t is target) for t, v in found)
        call.grad_enabled = torch.is_grad_enabled()
        apart = not call.grad_enabled or info.plain in ("data", "detach")
        if call.tainted and apart and not self.stage.seen_forward and info.plain in _PARTS:
            call.tainted = False  # a part of a parameter, taken to initialize it
        if call.tainted:
            self._before_tainted(call, info, found)
        storages = [s for t, _ in found if (s := storage_of(t)) is not None]
        call.after = tape.writers(storages)
        if call.inplace or info.plain in MUTATES:
            self._before_write(call, info, args, kwargs)
        tape.calls.append(call)
        return call

    def _begins_forward(self, info: FuncInfo, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Whether a call computes with parameters (and does not update them): the first one after an update by hand."""
        return (
            torch.is_grad_enabled()
            and not info.inplace
            and info.name not in ("data", "detach", "requires_grad_", "grad", "clone")
            and any(is_parameter(t) for _, t in tensors((args, kwargs)))
        )

    def _before_tainted(self, call: Call, info: FuncInfo, found: list[tuple[torch.Tensor, Value]]) -> None:
        tape = self.values.tape
        if tape.first_tainted is None:
            tape.first_tainted = call.index
        for tensor, value in found:
            if not value.tainted and value.maker is not None:
                self.values.keep(tensor, value)
        if not self.modules.networks and self.stack.top is None and info.plain in MEETS_WEIGHTS:
            self._bare_door(found)
        if info.random:
            call.rng = torch.get_rng_state()
        for device in ("cuda", "cpu"):
            if torch.is_autocast_enabled(device):
                call.autocast = (device, torch.get_autocast_dtype(device))
                break

    def _bare_door(self, found: list[tuple[torch.Tensor, Value]]) -> None:
        """In a program without modules, data comes in where it first meets weights."""
        if not torch.is_grad_enabled() or not any(v.parameter for _, v in found):
            return
        for tensor, value in found:
            if value.tainted or value.parameter or tensor.dim() == 0 or tensor.dtype == torch.bool:
                continue
            self.values.keep(tensor, value)
            value.tainted = True
            self.values.tape.inputs.append(("input", value.index))

    def _before_write(
        self, call: Call, info: FuncInfo, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        written: list[torch.Tensor] = []
        if call.inplace:
            written = [t for _, t in tensors(write_target(args, kwargs))]
        else:
            names = ("running_mean", "running_var")
            for position, name in zip(MUTATES[info.plain], names, strict=True):
                item = args[position] if position < len(args) else kwargs.get(name)
                if isinstance(item, torch.Tensor):
                    written.append(item)
        for tensor in written:
            storage = storage_of(tensor)
            if storage is None:
                continue
            self.values.save(storage)
            if call.inplace:
                self.values.tape.wrote(storage, call.index)
                self.writes.note(call, info, tensor, storage)

    def _clip(self, where: Where, via: tuple[str, ...]) -> None:
        clip = (where, len(self.values.tape.calls))
        if self._last_clip == clip:
            return
        self._last_clip = clip
        kind = next((n for n in via if n.startswith("clip_grad")), via[0] if via else "clip_grad_norm_")
        self.on_clip(where, kind, clip_limit())

    def _make_room(self) -> None:
        tape = self.values.tape
        if tape.first_tainted is not None:
            tape.truncated = True
            self.paused = True
            return
        tape.forget_first(tape.calls[-1].index - tape.limit // 4)

    def after(self, call: Call, out: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Called after a torch call returned."""
        start = time.perf_counter()
        try:
            with Unseen():
                self._after(call, out, args, kwargs)
        except Exception:
            self.give_up()
        finally:
            self.spent += time.perf_counter() - start

    def _after(self, call: Call, out: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.values.returned(call, out, args, kwargs)
        if not call.inplace or call.tainted:
            return
        target = write_target(args, kwargs)
        if not isinstance(target, torch.Tensor) or (storage := storage_of(target)) is None:
            return
        if not self.stage.seen_forward and not (call.grad_enabled and target.requires_grad):
            self.values.initialized_in_part(storage)
        tape = self.values.tape
        if tape.first_tainted is None and tape.written_often(storage, _MANY_WRITES):
            self.values.filled(storage)

    def failed(
        self,
        call: Call | None,
        error: BaseException,
        info: FuncInfo,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        """Called when a torch call raised: what it was given is noted for the explanation, the error goes its way."""
        if call is not None:
            call.dead = True
        try:
            self.failures.call_raised(error, info, args, kwargs, sys._getframe(2), self.stack.top)
        except Exception:
            self.give_up()

    def note_freezing(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """A tensor is told whether it asks for a gradient."""
        try:
            self.writes.freezing(args, kwargs)
        except Exception:
            self.give_up()

    def note_print(self, name: str, args: tuple[Any, ...]) -> None:
        """Remember the line that prints a tensor."""
        try:
            if not self.stage.evaluating and isinstance(args[0], torch.Tensor):
                self.on_wait(user_where(2), name, args[0].device)
        except Exception:
            self.give_up()

    # -- module calls ----------------------------------------------------------------------------------------------------

    def enter(
        self, module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> ModuleFrame | None:
        """A module call begins."""
        try:
            with Unseen():
                return self.stack.enter(module, args, kwargs)
        except Exception:
            self.give_up()
            return None

    def leave(self, frame: ModuleFrame | None, out: object) -> None:
        """A module call returned."""
        if frame is None:
            return
        try:
            with Unseen():
                self.stack.leave(frame, out)
        except Exception:
            self.give_up()

    def module_failed(self, frame: ModuleFrame | None, error: BaseException) -> None:
        """A module call raised."""
        if frame is None:
            return
        try:
            self.failures.module_raised(error, frame)
            self.stack.table.failed(frame)
        except Exception:
            self.give_up()
        finally:
            self.stack.top = frame.parent
