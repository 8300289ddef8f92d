"""Records the first iterations of a running program: torch calls, module calls, updates, and the order of it all.

The recorder only collects. It writes to nothing of the program's, draws no random number, and when a part of it fails it
notes the failure and stops recording; the program goes on as if it were not there.
"""

import inspect
import sys
import threading
import time
import traceback
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch.nn.parameter import UninitializedTensorMixin  # pyright: ignore[reportAttributeAccessIssue]

from ..evidence import NOWHERE, RESHAPES, TensorInfo, Where
from .calls import FuncInfo
from .facts import (
    LONG,
    MEETS_WEIGHTS,
    MUTATES,
    clip_limit,
    failed_info,
    has_history,
    is_parameter,
    sensitive_modules,
    shorten,
    storage_of,
    waits,
    write_target,
)
from .flatten import tensors
from .frames import applied_where, user_frame, user_frames, user_where, where_of
from .measure import info_of
from .module_calls import ModuleCalls
from .sandbox import Unseen
from .tape import Call, ModuleFrame, RootCall, Slot, Tape, Value

_MANY_WRITES = 512
_PARTS = RESHAPES | {"data", "detach"}


@dataclass(slots=True)
class ModuleUse:
    """How one module was used: calls with and without autograd, the training flags seen, shapes of the first call."""

    module: "weakref.ref[torch.nn.Module]"
    order: int
    train: int = 0
    evaluation: int = 0
    flags_train: set[bool] = field(default_factory=set[bool])
    flags_eval: set[bool] = field(default_factory=set[bool])
    input_shape: tuple[int, ...] | None = None
    output_shape: tuple[int, ...] | None = None


@dataclass(slots=True)
class Failure:
    """A torch call or module call that raised."""

    error: BaseException
    op: str | None = None
    args: tuple[TensorInfo, ...] = ()
    kwargs: dict[str, object] = field(default_factory=dict[str, object])
    module: str | None = None
    module_type: str | None = None
    made: Where | None = None
    where: Where = NOWHERE
    frames: tuple[Where, ...] = ()


class Recorder:
    """State of the recording. ``paused`` is checked before anything else on every call."""

    def __init__(self) -> None:
        self.paused = True
        self.thread = threading.get_ident()
        self.tape = Tape()
        self.stack: ModuleFrame | None = None
        self.uses: dict[int, ModuleUse] = {}
        self.made_at: dict[int, tuple[weakref.ref[torch.nn.Module], Where]] = {}
        self.networks: dict[int, torch.nn.Module] = {}
        self.produced: dict[int, weakref.ref[torch.Tensor]] = {}
        self.writes: dict[int, list[tuple[str, Where, int]]] = {}
        self.frozen: dict[int, tuple[weakref.ref[torch.Tensor], Where]] = {}
        self.applied: dict[int, Where] = {}
        self.failure: Failure | None = None
        self.module_calls = ModuleCalls()
        self.broken: str | None = None
        self.evaluating = False
        self.seen_forward = False
        self.first_tainted: int | None = None
        self.spent = 0.0
        self.sequence = 0
        self.on_clip: Callable[[Where, str, float | None], None] = lambda where, kind, limit: None
        self.on_manual: Callable[[Where, torch.Tensor, str, Call], None] = lambda where, tensor, op, call: (
            None
        )
        self.on_wait: Callable[[Where, str, torch.device], None] = lambda where, op, device: None
        self.on_new_iteration: Callable[[], None] = lambda: None
        self.updated_by_hand = False
        self.differentiated: int | None = None
        self.on_network: Callable[[torch.nn.Module, RootCall], None] = lambda module, root: None
        self._last_clip: tuple[Where, int] | None = None
        self._signatures: dict[type, list[str]] = {}
        self._storages: dict[int, list[Value]] = {}
        self._has_parameters: dict[int, tuple[weakref.ref[torch.nn.Module], bool]] = {}

    # -- failures of our own ---------------------------------------------------------------------------------------------

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
            self._clip(where, via, frame)
            return None
        if info.inplace and not args and "tensor" in kwargs:  # torch.nn.init hands its tensor on by name
            args, kwargs = (kwargs["tensor"],), {k: v for k, v in kwargs.items() if k != "tensor"}
        if args and isinstance(args[0], UninitializedTensorMixin):  # a lazy layer before it knows its sizes
            return None
        if self.updated_by_hand and self._begins_forward(info, args, kwargs):
            self.on_new_iteration()
        tape = self.tape
        if len(tape.calls) >= tape.limit:
            self._make_room()
        call = Call(
            len(tape.calls) if not tape.calls else tape.calls[-1].index + 1,
            func,
            info.name,
            (),
            {},
            where,
            via,
            self.stack,
        )
        found: list[tuple[torch.Tensor, Value]] = []
        call.args = self._record(args, found)  # type: ignore[assignment]
        call.kwargs = self._record(kwargs, found)  # type: ignore[assignment]
        call.reads = tuple(v.index for _, v in found)
        if found and not self.evaluating and not via and waits(info.name, args, kwargs):
            self.on_wait(where, info.name, found[0][0].device)
        call.inplace = info.inplace or kwargs.get("out") is not None or kwargs.get("inplace") is True
        target = write_target(args, kwargs) if call.inplace else None
        # Writing numbers into a parameter (initialization, a clamp) does not make it a result of the step.
        call.tainted = any((v.tainted or v.parameter) and not (v.parameter and t is target) for t, v in found)
        call.grad_enabled = torch.is_grad_enabled()
        apart = not call.grad_enabled or info.plain in ("data", "detach")
        if call.tainted and apart and not self.seen_forward and info.plain in _PARTS:
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
        if self.first_tainted is None:
            self.first_tainted = call.index
        for tensor, value in found:
            if not value.tainted and value.maker is not None:
                self.keep(tensor, value)
        if not self.networks and self.stack is None and info.plain in MEETS_WEIGHTS:
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
            self.keep(tensor, value)
            value.tainted = True
            self.tape.inputs.append(("input", value.index))

    def _record(self, value: object, found: list[tuple[torch.Tensor, Value]]) -> object:
        if isinstance(value, torch.Tensor):
            known = self.value_of(value)
            found.append((value, known))
            return Slot(known.index)
        if isinstance(value, tuple):
            fields = hasattr(type(value), "_fields")
            items = [self._record(v, found) for v in value]
            return type(value)(*items) if fields else tuple(items)  # pyright: ignore[reportArgumentType]
        if isinstance(value, list):
            if len(value) > LONG and not isinstance(value[0], torch.Tensor):
                return value
            return [self._record(v, found) for v in value]
        if isinstance(value, dict):
            return {k: self._record(v, found) for k, v in value.items()}
        if isinstance(value, slice):
            return slice(*(self._record(v, found) for v in (value.start, value.stop, value.step)))
        return value

    def value_of(self, tensor: torch.Tensor) -> Value:
        """The tape's value of a tensor; a leaf if it was not seen before."""
        known = self.tape.find(tensor)
        if known is not None:
            if not known.parameter and not known.tainted and tensor.requires_grad and is_parameter(tensor):
                # Told to take part in autograd after it was made (``w.requires_grad = True``): a parameter from now on.
                known.parameter, known.maker, known.held = True, None, tensor
                known.info = replace(known.info, requires_grad=True)
                self.tape.forget_writes(storage_of(tensor))
            return known
        value = self.tape.leaf(tensor, info_of(tensor))
        value.parameter = is_parameter(tensor)
        mark = self.produced.get(id(tensor))
        value.carried = (mark is not None and mark() is tensor) or has_history(tensor)
        value.tainted = value.carried and tensor.requires_grad
        storage = storage_of(tensor)
        if storage is not None:
            self._storages.setdefault(storage, []).append(value)
        return value

    def keep(self, tensor: torch.Tensor, value: Value) -> None:
        """Data crosses into computation: kept, so that the step can be run again."""
        if value.held is None:
            value.held = tensor
            storage = storage_of(tensor)
            if storage is not None:
                self._storages.setdefault(storage, []).append(value)
                self.tape.forget_data_writes(storage)

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
            for value in self._storages.get(storage, ()):
                if value.saved is None and value.held is not None:
                    value.saved = value.held.detach().clone()
            if call.inplace:
                self.tape.wrote(storage, call.index)
                self._note_write(call, info, tensor, storage)

    def _note_write(self, call: Call, info: FuncInfo, tensor: torch.Tensor, storage: int) -> None:
        self.sequence += 1
        if not self.seen_forward:
            self.writes.setdefault(storage, []).append((info.plain, call.where, self.sequence))
            applied = applied_where()
            if applied is not None:
                self.applied[self.sequence] = applied
        elif not call.grad_enabled or not tensor.requires_grad or info.name == "set_data":
            self.on_manual(call.where, tensor, info.plain, call)

    def note_freezing(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Remember the line that freezes a tensor, forget it when the tensor is released."""
        try:
            tensor = args[0]
            wanted = args[1] if len(args) > 1 else kwargs.get("requires_grad", True)
            if wanted:
                self.frozen.pop(id(tensor), None)
            else:
                self.frozen[id(tensor)] = (weakref.ref(tensor), user_where(2))
        except Exception:
            self.give_up()

    def note_print(self, name: str, args: tuple[Any, ...]) -> None:
        """Remember the line that prints a tensor."""
        try:
            if not self.evaluating and isinstance(args[0], torch.Tensor):
                self.on_wait(user_where(2), name, args[0].device)
        except Exception:
            self.give_up()

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
        self._made(call, out, args, kwargs)
        if not call.inplace or call.tainted:
            return
        target = write_target(args, kwargs)
        if not isinstance(target, torch.Tensor) or (storage := storage_of(target)) is None:
            return
        if not self.seen_forward and not (call.grad_enabled and target.requires_grad):
            self._initialized_in_part(storage)
        if self.first_tainted is None and self.tape.written_often(storage, _MANY_WRITES):
            self._filled(storage)

    def _initialized_in_part(self, storage: int) -> None:
        """A view of a parameter was written to before any step (the padding row of an embedding): what it holds now is its content."""
        owners = [v for v in self._storages.get(storage, ()) if v.parameter]
        for value in owners:
            value.saved = None
        if owners:
            self.tape.forget_writes(storage)

    def _made(self, call: Call, out: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        target = write_target(args, kwargs) if call.inplace else None
        made = [target] if isinstance(target, torch.Tensor) else [t for _, t in tensors(out)]
        for position, tensor in enumerate(made):
            value = self.tape.made(tensor, info_of(tensor), call.index, position, call.tainted)
            call.outputs.append(value.index)
            if (
                is_parameter(tensor)
                and (call.inplace or not call.tainted)
                and not self._asks_gradient(call, tensor)
            ):
                value.parameter, value.maker, value.held = True, None, tensor  # initialized, not computed
                self.tape.forget_writes(storage_of(tensor))
            if not call.tainted:
                storage = storage_of(tensor)
                if storage is not None and call.inplace:
                    self._storages.setdefault(storage, []).append(value)
        if not call.tainted:
            call.args = shorten(call.args)  # type: ignore[assignment]
            call.kwargs = shorten(call.kwargs)  # type: ignore[assignment]

    def _asks_gradient(self, call: Call, tensor: torch.Tensor) -> bool:
        """Whether a result of the step (a loss that lost its way to the network, too) is only told to take part in autograd."""
        if call.name != "requires_grad_" or call.tainted:
            return call.name == "requires_grad_"
        made = self.tape.values[call.reads[0]].maker if call.reads else None
        return tensor.dim() == 0 and any(c.index == made and c.reads for c in reversed(self.tape.calls[-64:]))

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
            if self.failure is not None and self.failure.error is error:
                return
            frame, _, _ = user_frame(sys._getframe(2))
            with Unseen():
                infos = tuple(failed_info(t) for _, t in tensors((args, kwargs)))
            self.failure = Failure(
                error=error,
                op=info.plain,
                args=infos,
                kwargs={
                    **{
                        str(i): a
                        for i, a in enumerate(args)
                        if isinstance(a, int | float | str | bool | tuple | torch.Size)
                    },
                    **{k: v for k, v in kwargs.items() if isinstance(v, int | float | str | bool | tuple)},
                },
                where=NOWHERE if frame is None else where_of(frame.f_code, frame.f_lineno),
                frames=user_frames(frame),
            )
            self._failed_in(self.stack)
        except Exception:
            self.give_up()

    def _failed_in(self, frame: ModuleFrame | None) -> None:
        failure = self.failure
        if failure is None or frame is None or failure.module_type is not None:
            return
        module = frame.module()
        failure.module_type = frame.type
        failure.module = self.path_in_stack(frame)
        failure.made = self.made_where(module) if module is not None else None

    def _clip(self, where: Where, via: tuple[str, ...], frame: Any) -> None:
        if self._last_clip == (where, len(self.tape.calls)):
            return
        self._last_clip = (where, len(self.tape.calls))
        kind = next((n for n in via if n.startswith("clip_grad")), via[0] if via else "clip_grad_norm_")
        self.on_clip(where, kind, clip_limit())

    def _filled(self, storage: int) -> None:
        """Data written element by element before any step: what is there now is data that came in, not a chain of writes."""
        for old in self._storages.pop(storage, ()):
            if old.filled:
                old.held = old.saved = None
        for tensor, value in self.tape.living():
            if storage_of(tensor) == storage:
                value.maker, value.held, value.filled = None, tensor, True
                self._storages.setdefault(storage, []).append(value)
        self.tape.forget_writes(storage)

    def _make_room(self) -> None:
        if self.first_tainted is not None:
            self.tape.truncated = True
            self.paused = True
            return
        self.tape.forget_first(self.tape.calls[-1].index - self.tape.limit // 4)

    # -- module calls ----------------------------------------------------------------------------------------------------

    def enter(
        self, module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> ModuleFrame | None:
        """A module call begins."""
        try:
            with Unseen():
                return self._enter(module, args, kwargs)
        except Exception:
            self.give_up()
            return None

    def _enter(self, module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> ModuleFrame:
        key = id(module)
        use = self.uses.get(key)
        if use is None or use.module() is not module:
            use = self.uses[key] = ModuleUse(weakref.ref(module), len(self.uses))
        evaluating = self.evaluating or not torch.is_grad_enabled()
        if evaluating:
            use.evaluation += 1
            use.flags_eval.add(module.training)
        else:
            use.train += 1
            use.flags_train.add(module.training)
        first = next(tensors(args), None) or next(tensors(kwargs), None)
        if use.input_shape is None and first is not None:
            use.input_shape = tuple(first[1].shape)
        kind = type(module)
        next_index = self.tape.calls[-1].index + 1 if self.tape.calls else 0
        frame = ModuleFrame(
            use.module, key, kind.__name__, kind.__module__.startswith("torch."), self.stack, next_index
        )
        self.module_calls.begun(module, frame, args, kwargs, self.made_where(module))
        if self.network_of(frame) is None and self.has_parameters(module):
            self._door(module, frame, args, kwargs)
        self.stack = frame
        return frame

    def network_of(self, frame: ModuleFrame | None) -> ModuleFrame | None:
        """The outermost running module with parameters: the network as the user's code called it (None outside)."""
        found = None
        frame = self.stack
        while frame is not None:
            module = frame.module()
            if module is not None and self.has_parameters(module):
                found = frame
            frame = frame.parent
        return found

    def has_parameters(self, module: torch.nn.Module) -> bool:
        """Whether a module holds parameters, itself or below (cached)."""
        known = self._has_parameters.get(id(module))
        if known is None or known[0]() is not module:
            known = (weakref.ref(module), next(module.parameters(), None) is not None)
            self._has_parameters[id(module)] = known
        return known[1]

    def _door(
        self, module: torch.nn.Module, frame: ModuleFrame, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        names = self._argument_names(type(module))
        root = RootCall(
            frame.module,
            frame.key,
            user_where(3),
            [],
            start=frame.start,
            grad_enabled=torch.is_grad_enabled(),
            training=module.training,
        )
        self.networks.setdefault(frame.key, module)
        if (self.evaluating or not root.grad_enabled) and len(self.tape.roots) < 8:
            root.sensitive = sensitive_modules(module)
            root.callers = user_frames(sys._getframe(3))
        self.on_network(module, root)
        given: list[tuple[str, object]] = [
            (names[i] if i < len(names) else f"arg{i}", a) for i, a in enumerate(args)
        ]
        for name, value in [*given, *kwargs.items()]:
            for inner, tensor in tensors(value, name):
                known = self.value_of(tensor)
                if known.tainted or known.carried or isinstance(tensor, torch.nn.Parameter):
                    continue
                known.parameter = False  # data that asks for a gradient (an attack, a penalty) is still data
                root.inputs.append((inner, known.index))
                self.keep(tensor, known)
                known.tainted = True
        self.seen_forward = True
        if self.first_tainted is None:
            self.first_tainted = frame.start
        self.tape.roots.append(root)

    def _argument_names(self, kind: type) -> list[str]:
        names = self._signatures.get(kind)
        if names is None:
            try:
                names = list(inspect.signature(kind.forward).parameters)[1:]  # type: ignore[attr-defined]
            except (TypeError, ValueError, AttributeError):
                names = []
            self._signatures[kind] = names
        return names

    def leave(self, frame: ModuleFrame | None, out: object) -> None:
        """A module call returned."""
        if frame is None:
            return
        try:
            with Unseen():
                self._leave(frame, out)
        except Exception:
            self.give_up()

    def _leave(self, frame: ModuleFrame, out: object) -> None:
        self.stack = frame.parent
        use = self.uses.get(frame.key)
        made = [t for _, t in tensors(out)]
        if use is not None and use.output_shape is None and made:
            use.output_shape = tuple(made[0].shape)
        self.module_calls.returned(frame, made)
        root = next((r for r in reversed(self.tape.roots) if r.key == frame.key and not r.end), None)
        unknown = [t for t in made if has_history(t) and self.tape.find(t) is None]
        if unknown:
            self._opaque(frame, root, made)
        if root is not None and (frame.parent is None or self.network_of(frame.parent) is None):
            root.end = self.tape.calls[-1].index + 1 if self.tape.calls else 0
            for tensor in made:
                root.outputs.append(self.value_of(tensor).index)
                self.produced[id(tensor)] = weakref.ref(tensor)

    def _opaque(self, frame: ModuleFrame, root: RootCall | None, made: list[torch.Tensor]) -> None:
        index = self.tape.calls[-1].index + 1 if self.tape.calls else 0
        reads = tuple(v for _, v in root.inputs) if root is not None else ()
        module = frame.module()
        owned = [self.value_of(p).index for p in module.parameters()] if module is not None else []
        call = Call(
            index,
            lambda: None,
            "opaque",
            tuple(Slot(v) for v in (*reads, *owned)),
            {},
            user_where(3),
            (),
            frame,
        )
        call.opaque = call.tainted = True
        call.reads = (*reads, *owned)
        self.tape.calls.append(call)
        for position, tensor in enumerate(made):
            value = self.tape.made(tensor, info_of(tensor), index, position, True)
            call.outputs.append(value.index)

    def module_failed(self, frame: ModuleFrame | None, error: BaseException) -> None:
        """A module call raised."""
        if frame is None:
            return
        try:
            if self.failure is None or self.failure.error is not error:
                self.failure = Failure(error=error, where=user_where(2))
            self._failed_in(frame)
            self.module_calls.failed(frame)
        except Exception:
            self.give_up()
        finally:
            self.stack = frame.parent

    def path_in_stack(self, frame: ModuleFrame) -> str:
        """Dotted path of a running module below the outermost running one."""
        outer = frame
        while outer.parent is not None:
            outer = outer.parent
        root = outer.module()
        if root is None:
            return frame.type
        for name, module in root.named_modules():
            if id(module) == frame.key:
                return name
        return frame.type

    def made_where(self, module: torch.nn.Module) -> Where | None:
        """The line that constructed a module, if it was seen."""
        known = self.made_at.get(id(module))
        return known[1] if known is not None and known[0]() is module and known[1].known else None

    def next_tape(self) -> None:
        """An iteration is over: begin a new tape."""
        self.tape = Tape(self.tape.limit)
        self.stack = None
        self.updated_by_hand = False
        self.differentiated = None
        self.first_tainted = None
        self._storages = {}
        self._last_clip = None
