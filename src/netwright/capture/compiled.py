"""Compiled and fused modules: the program runs them untouched; for the recording their eager twin runs once beside them."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from .flatten import tensors

if TYPE_CHECKING:
    from .session import Session

_SHADOWS = 2
FUSED = (torch.nn.TransformerEncoder, torch.nn.TransformerEncoderLayer, torch.nn.MultiheadAttention)
_shadowed: dict[tuple[int, bool], int] = {}


def is_compiled(module: torch.nn.Module) -> bool:
    """Whether calling the module runs compiled code."""
    return type(module).__name__ == "OptimizedModule" or module._compiled_call_impl is not None  # pyright: ignore[reportPrivateUsage]


def needs_fast_path(module: torch.nn.Module) -> bool:
    """Whether torch takes another kernel in evaluation as soon as a function mode is active (the last bits would differ)."""
    return isinstance(module, FUSED) and not torch.is_grad_enabled()


def call_compiled(
    session: "Session",
    module: torch.nn.Module,
    original: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    """Run a compiled module as if nothing were recorded, and record its eager twin on the same inputs (the first few times)."""
    key = (id(module), torch.is_grad_enabled())
    eager: list[Any] = []
    if _shadowed.get(key, 0) < _SHADOWS:
        _shadowed[key] = _shadowed.get(key, 0) + 1
        try:
            eager.append(_run_eager(module, args, kwargs))
        except Exception:
            eager.clear()
    with session.presence.away():
        out = original(module, *args, **kwargs)
    recorder = session.recorder
    try:
        if eager:
            real = [t for _, t in tensors(out)]
            twin = [t for _, t in tensors(eager[0])]
            for tensor, other in zip(real, twin, strict=False):
                known = recorder.values.tape.find(other)
                if known is not None:
                    recorder.values.tape.alias(tensor, known.index)
        else:
            frame = recorder.enter(module, args, kwargs)
            recorder.leave(frame, out)
    except Exception:
        recorder.give_up()
    return out


def _run_eager(module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The uncompiled module under recording; buffers and random state are put back."""
    inner = getattr(module, "_orig_mod", module)
    compiled = inner._compiled_call_impl
    buffers = [(b, b.detach().clone()) for b in inner.buffers()]
    state = torch.get_rng_state()
    try:
        inner._compiled_call_impl = None
        return inner(*args, **kwargs)
    finally:
        inner._compiled_call_impl = compiled
        torch.set_rng_state(state)
        with torch.no_grad():
            for buffer, old in buffers:
                buffer.copy_(old)
