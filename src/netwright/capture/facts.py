"""Small questions about tensors, calls and modules that the recording asks: what is a parameter, what is written to, where it lies."""

import sys
from dataclasses import replace
from typing import Any

import torch

from ..evidence import TensorInfo
from .measure import info_of, stats_of
from .tape import Slot

MUTATES = {"batch_norm": (1, 2), "instance_norm": (1, 2)}
LONG = 64
# Calls in which data meets weights: the door of a program that uses no modules.
MEETS_WEIGHTS = frozenset(
    "matmul mm bmm addmm baddbmm mv addmv einsum linear bilinear mul embedding embedding_bag index_select __getitem__ conv1d "
    "conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d".split()
)

_MODE_SENSITIVE = (
    torch.nn.modules.dropout._DropoutNd,  # pyright: ignore[reportPrivateUsage]
    torch.nn.modules.batchnorm._NormBase,  # pyright: ignore[reportPrivateUsage]
    torch.nn.RReLU,
)
_WAITS = frozenset("item tolist cpu numpy __float__ __int__ __bool__ __index__ __array__".split())


def sensitive_modules(network: torch.nn.Module) -> tuple[tuple[str, bool], ...]:
    """Modules that behave differently in training (dropout that drops, batch norm...), with their training flag."""
    return tuple(
        (name, module.training)
        for name, module in network.named_modules()
        if isinstance(module, _MODE_SENSITIVE) and getattr(module, "p", None) != 0
    )


def failed_info(tensor: torch.Tensor) -> TensorInfo:
    """Form of an argument of a call that raised; of whole numbers also their range, which explains an index out of range."""
    info = info_of(tensor)
    whole = info.integral and tensor.device.type == "cpu"
    return replace(info, stats=stats_of(tensor)) if whole else info


def write_target(args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
    """What an in-place call writes to: ``out``, the first argument, or the first tensor given by name."""
    if kwargs.get("out") is not None:
        return kwargs["out"]
    if args:
        return args[0]
    return next((v for v in kwargs.values() if isinstance(v, torch.Tensor)), None)


def is_parameter(tensor: torch.Tensor) -> bool:
    """Whether a tensor is something to be trained: a parameter, or a leaf that asks for a gradient."""
    return isinstance(tensor, torch.nn.Parameter) or (tensor.requires_grad and not has_history(tensor))


def has_history(tensor: torch.Tensor) -> bool:
    """Whether autograd made a tensor. Asking a view of a parameter from a ``no_grad`` block raises once the parameter was written to."""
    try:
        return tensor.grad_fn is not None
    except RuntimeError:
        return True


def waits(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether a call gives its result only once the device has computed it: a number, or values in main memory."""
    if name != "to":
        return name in _WAITS
    given = [*args[1:], kwargs.get("device")]
    return not kwargs.get("non_blocking") and any(
        str(g) == "cpu" for g in given if isinstance(g, str | torch.device)
    )


def clip_limit() -> float | None:
    """The limit that the running clipping function was given."""
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name.startswith("clip_grad_"):
            given = frame.f_locals.get("max_norm", frame.f_locals.get("clip_value"))
            return float(given) if isinstance(given, int | float) else None
        frame = frame.f_back
    return None


def storage_of(tensor: torch.Tensor) -> int | None:
    """A number for the memory a tensor lies in; None where it has none of its own."""
    try:
        return tensor.untyped_storage()._cdata  # pyright: ignore[reportPrivateUsage]
    except (NotImplementedError, RuntimeError):
        return None


def shorten(value: object) -> object:
    """Recorded arguments without long lists and foreign objects (calls that only prepare data are never run again)."""
    if isinstance(
        value, Slot | int | float | bool | str | type(None) | torch.dtype | torch.device | torch.Size
    ):
        return value
    if type(value) is tuple:
        return tuple(shorten(v) for v in value[:LONG])
    if type(value) is list:
        return [shorten(v) for v in value[:LONG]]
    if isinstance(value, dict):
        return {k: shorten(v) for k, v in value.items()}
    if isinstance(value, slice):
        return value
    return None


def plain_attributes(module: torch.nn.Module) -> dict[str, object]:
    """A module's attributes that are plain values (``in_features``, ``p``, ``dim``, ``kernel_size``...)."""
    return {
        k: v
        for k, v in vars(module).items()
        if (
            not k.startswith("_") and k != "training" and isinstance(v, int | float | bool | str | type(None))
        )
        or (
            isinstance(v, tuple)
            and k.strip("_")
            and not k.startswith("_")
            and all(isinstance(i, int | float | str) for i in v)
        )
    }
