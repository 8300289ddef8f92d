"""The torch function mode that sees every torch call at the level the user wrote it."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch.overrides import TorchFunctionMode

from .calls import describe
from .compiling import compiling, not_compiled
from .frames import is_optimizer

if TYPE_CHECKING:
    from .recorder import Recorder


class RecordingMode(TorchFunctionMode):
    """Hands each call to the recorder, and runs it exactly as it would have run."""

    def __init__(self, recorder: "Recorder") -> None:
        super().__init__()
        self.recorder = recorder

    @not_compiled
    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if compiling():  # the program compiles a function
            return func(*args, **kwargs)
        recorder = self.recorder
        info = describe(func)
        if not recorder.paused and info.name in ("set_requires_grad", "requires_grad_"):
            recorder.note_freezing(args, kwargs)
        if not recorder.paused and info.name in ("__repr__", "__format__"):
            recorder.note_print(info.name, args)
        if recorder.paused or not info.record or torch._C._are_functorch_transforms_active():  # pyright: ignore[reportPrivateUsage]
            return func(*args, **kwargs)
        # Many thousands of calls in a step, none of them part of it: their stack is not walked up to the user's line.
        updates = is_optimizer(sys._getframe(1).f_code)
        call = None if updates else recorder.before(func, info, args, kwargs)
        try:
            out = func(*args, **kwargs)
        except BaseException as error:
            recorder.failed(call, error, info, args, kwargs)
            raise
        if call is not None:
            recorder.after(call, out, args, kwargs)
        return out


class Onlooker(TorchFunctionMode):
    """Lets every call run as it is, and tells of it afterwards.

    Args:
        called: given the function, its arguments by place and by name, and what it returned.
    """

    def __init__(
        self, called: Callable[[Callable[..., Any], tuple[Any, ...], dict[str, Any], Any], None]
    ) -> None:
        super().__init__()
        self.called = called

    @not_compiled
    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if compiling():
            return func(*args, **kwargs)
        out = func(*args, **kwargs)
        self.called(func, args, kwargs, out)
        return out
