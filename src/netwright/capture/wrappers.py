"""What each patch does: every wrapper runs the original exactly as called, and tells the session about it."""

import functools
import random
import sys
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data.dataloader import _BaseDataLoaderIter

from ..evidence import Where
from .compiled import call_compiled, is_compiled, needs_fast_path
from .compiling import compiling, not_compiled
from .frames import construction_where, is_user, user_frame, user_where, where_of
from .loops import loops_around
from .measure import number_of
from .sandbox import Unseen
from .schedules import parts
from .tape import Call, Value

if TYPE_CHECKING:
    from .session import Session

Original = Callable[..., Any]
# Those that do not hand their calls on to the first one.
_SCHEDULERS = (
    "LRScheduler",
    "ReduceLROnPlateau",
    "SequentialLR",
    "ChainedScheduler",
    "CosineAnnealingWarmRestarts",
)
FRUITLESS = 20  # blocks of no_grad without an evaluation in them, after which none is looked at any more


def install(session: "Session") -> None:
    """Put all wrappers in place (again)."""
    wrap = session.presence.patches.wrap
    module, optim = torch.nn.Module, torch.optim
    wrap(module, "__init__", lambda o: _module_init(session, o))
    wrap(module, "__call__", lambda o: _module_call(session, o))
    wrap(module, "train", lambda o: _module_train(session, o))
    wrap(module, "load_state_dict", lambda o: _load_state(session, o))
    wrap(module, "zero_grad", lambda o: _event(session, o, "zero_grad"))
    wrap(optim.Optimizer, "__init__", lambda o: _optimizer_init(session, o))
    wrap(optim.Optimizer, "zero_grad", lambda o: _event(session, o, "zero_grad"))
    for name in _SCHEDULERS:
        kind = getattr(optim.lr_scheduler, name)
        if "step" in vars(kind):
            wrap(kind, "step", lambda o: _scheduler_step(session, o))
        if "__init__" in vars(kind):
            wrap(kind, "__init__", lambda o: _scheduler_init(session, o))
    for name, kind in (
        ("scale", "scale"),
        ("unscale_", "unscale"),
        ("step", "scaler_step"),
        ("update", "scaler_update"),
    ):
        wrap(torch.amp.GradScaler, name, lambda o, k=kind: _scaler(session, o, k))
    wrap(torch.utils.data.DataLoader, "__init__", lambda o: _loader_init(session, o))
    wrap(torch.utils.data.DataLoader, "__iter__", lambda o: _loader_iter(session, o))
    wrap(_BaseDataLoaderIter, "__next__", lambda o: _loader_next(session, o))
    wrap(torch.autograd, "backward", lambda o: _backward(session, o))
    wrap(torch.autograd, "grad", lambda o: _recorded_call(session, o, "grad"))
    wrap(torch.autograd.Function, "apply", lambda o: _recorded_call(session, o, "apply"))
    wrap(torch.no_grad, "__enter__", lambda o: _no_grad(session, o))
    wrap(torch.inference_mode, "__enter__", lambda o: _no_grad(session, o))
    for owner, name in ((torch.jit, "trace"), (torch.jit, "trace_module"), (torch.onnx, "export")):
        wrap(owner, name, lambda o: _untraced(session, o))
    for owner in (torch, torch.random):
        wrap(owner, "manual_seed", lambda o: _seed(session, o, "torch"))
    wrap(random, "seed", lambda o: _seed(session, o, "random"))
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        wrap(numpy.random, "seed", lambda o: _seed(session, o, "numpy"))


def _safely(session: "Session", action: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Do something of ours; when it fails, the recording ends and the program goes on."""
    try:
        return action(*args, **kwargs)
    except Exception:
        session.recorder.give_up()
        return None


def _module_init(session: "Session", original: Original) -> Original:
    def note(module: torch.nn.Module) -> None:
        session.recorder.modules.made_at[id(module)] = (weakref.ref(module), construction_where(module, 3))

    def __init__(self: torch.nn.Module, *args: Any, **kwargs: Any) -> None:
        if not compiling() and not session.recorder.paused:
            _safely(session, note, self)
        return original(self, *args, **kwargs)

    return __init__


def _module_call(session: "Session", original: Original) -> Original:
    import threading

    recorder = session.recorder

    @not_compiled
    def __call__(self: torch.nn.Module, *args: Any, **kwargs: Any) -> Any:
        # A function of the program's is compiled, with this module in it: we are no part of it.
        if compiling():
            return original(self, *args, **kwargs)
        if threading.get_ident() != recorder.thread or torch._C._are_functorch_transforms_active():  # pyright: ignore[reportPrivateUsage]
            return original(self, *args, **kwargs)
        if recorder.paused and not (session.resting and session.wakes()):
            return original(self, *args, **kwargs)
        if recorder.stack.top is None:
            _safely(session, session.iteration_without_optimizer)
            if recorder.paused:
                return original(self, *args, **kwargs)
        if is_compiled(self):
            return call_compiled(session, self, original, args, kwargs)
        frame = recorder.enter(self, args, kwargs)
        try:
            if not self.training and needs_fast_path(self):
                with session.presence.away():
                    out = original(self, *args, **kwargs)
            else:
                out = original(self, *args, **kwargs)
        except BaseException as error:
            recorder.module_failed(frame, error)
            raise
        recorder.leave(frame, out)
        if recorder.stack.top is None and not recorder.paused:
            _safely(session, session.network_returned)
            session.tick()
        return out

    return __call__


def _module_train(session: "Session", original: Original) -> Original:
    def train(self: torch.nn.Module, mode: bool = True) -> Any:
        out = original(self, mode)
        frame = sys._getframe(1)
        while frame is not None and "torch" in frame.f_code.co_filename and not is_user(frame.f_code):
            if frame.f_code.co_name == "train":
                return out
            frame = frame.f_back
        for listener in session.on_mode:
            listener(self, mode)
        if session.recorded and not session.evaluation.wanted:
            return out
        if not session.recorder.broken and session.recorder.modules.has_parameters(self):
            _safely(session, note, mode, user_where(1))
        return out

    def note(mode: bool, where: Where) -> None:
        session.recording.note("train_mode" if mode else "eval_mode", where)
        if mode:
            session.evaluation_ends()
        else:
            session.evaluation_begins("eval_mode")

    return train


def _load_state(session: "Session", original: Original) -> Original:
    def note(module: torch.nn.Module, where: Where) -> None:
        session.recording.loaded.append((weakref.ref(module), where, session.recorder.writes.number()))
        session.recording.note("load_state", where)

    def load_state_dict(self: torch.nn.Module, *args: Any, **kwargs: Any) -> Any:
        out = original(self, *args, **kwargs)
        _safely(session, note, self, user_where(1))
        return out

    return load_state_dict


def _event(session: "Session", original: Original, kind: str) -> Original:
    def note(owner: Any, where: Where) -> None:
        index = session.recording.optimizer_index(owner) if isinstance(owner, torch.optim.Optimizer) else None
        session.recording.note(kind, where, index)

    @not_compiled
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not compiling() and not session.recorder.paused:
            _safely(session, note, self, user_where(1))
        return original(self, *args, **kwargs)

    return wrapper


def _optimizer_init(session: "Session", original: Original) -> Original:
    def __init__(self: torch.optim.Optimizer, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        if not compiling() and not session.recorder.paused:
            _safely(session, note, self)

    def note(optimizer: torch.optim.Optimizer) -> None:
        index = session.recording.optimizer_index(optimizer)
        session.recording.optimizers[index].where = construction_where(optimizer, 3)

    return __init__


def _scheduler_init(session: "Session", original: Original) -> Original:
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        if not compiling() and not session.recorder.paused:
            _safely(session, note, self)

    def note(scheduler: Any) -> None:
        record = session.recording.scheduler(scheduler)
        if not record.where.known:
            record.where = construction_where(scheduler, 3)
            record.made = loops_around(sys._getframe(3))
        for part in parts(scheduler):
            session.recording.scheduler(part).part = True

    return __init__


def _scheduler_step(session: "Session", original: Original) -> Original:
    def step(self: Any, *args: Any, **kwargs: Any) -> Any:
        if session.recorder.paused or session.scheduling or _inside_init():
            return original(self, *args, **kwargs)
        before = _rate(self)
        session.scheduling = True
        try:
            out = original(self, *args, **kwargs)
        finally:
            session.scheduling = False
        _safely(session, note, self, user_where(1), before)
        return out

    def note(scheduler: Any, where: Where, before: float | None) -> None:
        optimizer = getattr(scheduler, "optimizer", None)
        index = (
            session.recording.optimizer_index(optimizer)
            if isinstance(optimizer, torch.optim.Optimizer)
            else None
        )
        kind = type(scheduler).__name__
        session.recording.note(
            "scheduler_step", where, index, lr_before=before, lr_after=_rate(scheduler), type=kind
        )
        record = session.recording.scheduler(scheduler)
        record.steps += 1
        if record.around is None:
            record.around, record.stepped_at = loops_around(sys._getframe(3)), where

    return step


def _inside_init() -> bool:
    frame = sys._getframe(2)
    while frame is not None and not is_user(frame.f_code):
        if frame.f_code.co_name in ("_initial_step", "__init__"):
            return True
        frame = frame.f_back
    return False


def _rate(scheduler: Any) -> float | None:
    try:
        return float(scheduler.optimizer.param_groups[0]["lr"])
    except (AttributeError, KeyError, IndexError, TypeError, ValueError):
        return None


def _scaler(session: "Session", original: Original, kind: str) -> Original:
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        steps = session.recording.steps
        where = user_where(1)
        out = original(self, *args, **kwargs)
        if not compiling() and not session.recorder.paused:
            _safely(session, note, self, args, where, session.recording.steps == steps)
        return out

    def note(scaler: Any, args: tuple[Any, ...], where: Where, unmoved: bool) -> None:
        optimizer = args[0] if args and isinstance(args[0], torch.optim.Optimizer) else None
        index = session.recording.optimizer_index(optimizer) if optimizer is not None else None
        skipped = kind == "scaler_step" and unmoved
        if kind == "scale" and scaler.is_enabled():
            session.backwards.scaled = True
            given = args[0] if args else None
            with Unseen():
                session.backwards.unscaled = number_of(given) if isinstance(given, torch.Tensor) else None
        session.recording.note(kind, where, index, enabled=bool(scaler.is_enabled()), skipped=skipped)

    return wrapper


def _loader_init(session: "Session", original: Original) -> Original:
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        _safely(session, note, self)

    def note(loader: Any) -> None:
        session.loaders.record(loader).where = construction_where(loader, 3)

    return __init__


def _loader_iter(session: "Session", original: Original) -> Original:
    def __iter__(self: Any) -> Any:
        _safely(session, session.loader_starts, self)
        iterator = original(self)
        _safely(session, session.loaders.iterates, iterator, self)
        return iterator

    return __iter__


def _loader_next(session: "Session", original: Original) -> Original:
    """What a loader does to fetch and collate samples is not part of the step."""

    def __next__(self: Any) -> Any:
        recorder = session.recorder
        if session.recorded and _safely(session, session.cuts_short, self):
            raise StopIteration
        if recorder.paused:
            return original(self)
        recorder.paused = True
        try:
            return original(self)
        finally:
            recorder.paused = bool(recorder.broken)

    return __next__


def _backward(session: "Session", original: Original) -> Original:
    @not_compiled
    def backward(tensors: Any, *args: Any, **kwargs: Any) -> None:
        if compiling():
            return original(tensors, *args, **kwargs)
        if session.recorder.paused:
            session.tick()
            return original(tensors, *args, **kwargs)
        # No function of ours: its frame would keep the loss, also when the frames of a traceback are cleared.
        return session.backward(functools.partial(original, tensors, *args, **kwargs), tensors)

    return backward


def _recorded_call(session: "Session", original: Original, name: str) -> Original:
    """Records a function that modes do not see as one call, so that it can be run again."""

    @not_compiled
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        recorder = session.recorder
        if compiling() or recorder.paused:
            return original(*args, **kwargs)
        call = _safely(session, _begin_call, session, original, name, args, kwargs)
        paused, recorder.paused = recorder.paused, True
        try:
            out = original(*args, **kwargs)
        finally:
            recorder.paused = paused
        if call is not None:
            recorder.after(call, out, args, kwargs)
        return out

    return wrapper


def _begin_call(
    session: "Session", original: Original, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Call:
    recorder, tape = session.recorder, session.recorder.values.tape
    frame, via, _ = user_frame(sys._getframe(3))
    where = where_of(frame.f_code, frame.f_lineno) if frame is not None else user_where(2)
    call = Call(tape.next_index, original, name, (), {}, where, via, recorder.stack.top)
    found: list[tuple[torch.Tensor, Value]] = []
    call.args = recorder.values.slotted(args, found)  # type: ignore[assignment]
    call.kwargs = recorder.values.slotted(kwargs, found)  # type: ignore[assignment]
    call.reads = tuple(v.index for _, v in found)
    call.tainted = any(v.tainted or v.parameter for _, v in found)
    call.grad_enabled = torch.is_grad_enabled()
    if call.tainted:
        call.rng = torch.get_rng_state()
        for tensor, value in found:
            if not value.tainted and value.maker is not None:
                recorder.values.keep(tensor, value)
    tape.calls.append(call)
    return call


def _untraced(session: "Session", original: Original) -> Original:
    """What traces a network must find nothing of ours in its way: it would become a part of the trace."""
    import threading

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if threading.get_ident() != session.recorder.thread:
            return original(*args, **kwargs)
        with session.presence.away():
            return original(*args, **kwargs)

    return wrapper


def _no_grad(session: "Session", original: Original) -> Original:
    def __enter__(self: Any) -> Any:
        out = original(self)
        for listener in session.on_no_grad:
            listener(sys._getframe(1))
        wanted = session.recorded and session.evaluation.wanted and session.fruitless < FRUITLESS
        if wanted and is_user(sys._getframe(1).f_code):
            _safely(session, session.evaluation_begins, "no_grad")
        return out

    return __enter__


def _seed(session: "Session", original: Original, library: str) -> Original:
    def seed(*args: Any, **kwargs: Any) -> Any:
        if args or kwargs:
            _safely(session, session.seeded, library, user_where(1), next(iter((*args, *kwargs.values()))))
        return original(*args, **kwargs)

    return seed
