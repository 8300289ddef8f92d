"""Whether the program compiles something at this moment: what it calls meanwhile is no part of its training, and what it calls of ours would be compiled along."""

import sys
from collections.abc import Callable
from typing import Any, TypeVar

from torch._C._dynamo import eval_frame as _frames  # pyright: ignore
from torch._guards import TracingContext
from torch.compiler import is_compiling

_Function = TypeVar("_Function", bound=Callable[..., Any])
_callback: Callable[[], object] = getattr(_frames, "get_eval_frame_callback", lambda: None)  # pyright: ignore


def compiling() -> bool:
    """Whether ``torch.compile`` is at work, or a function runs that it has compiled in parts. Where it reads this line itself it takes the answer for granted, and leaves out what follows."""
    return is_compiling() or TracingContext.try_get() is not None or _callback() is not None


def not_compiled(function: _Function) -> _Function:
    """Decorator of what stands around calls of the program's: between the parts of a compiled function it is run as it is, and not compiled for every kind of call anew."""
    try:
        action: Any = _frames._FrameAction  # pyright: ignore
        strategy: Any = _frames._FrameExecStrategy(action.SKIP, action.DEFAULT)  # pyright: ignore
        _frames.set_code_exec_strategy(function.__code__, strategy)  # pyright: ignore
    except (
        AttributeError,
        TypeError,
    ):  # another version of torch: it is compiled, which takes time and does no harm
        pass
    return function


def something_compiled() -> bool:
    """Whether the compiler has worked in this process: then a hook could make it work again."""
    utils: Any = sys.modules.get("torch._dynamo.utils")
    return utils is not None and bool(utils.counters["frames"]["total"])
