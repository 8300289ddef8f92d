"""What calls make of a network's output that leave it what is predicted: another form, other units, a label."""

from dataclasses import replace
from typing import Any

import torch

from ..evidence import RESHAPES
from .marks import Call, Mark, What

_CASTS = frozenset("long int bool short detach data".split())
LOOSE = RESHAPES | _CASTS  # in another form, or a part of it
# Every value of the tensor is there once.
WHOLE = LOOSE - frozenset(
    "__getitem__ select narrow chunk split unbind expand expand_as dropout alpha_dropout dropout1d dropout2d dropout3d "
    "feature_alpha_dropout feature_dropout".split()
)
_UNITS = frozenset(
    "mul div add sub rsub exp log log1p expm1 sigmoid tanh relu softplus softmax log_softmax logsigmoid clamp clamp_min "
    "clamp_max nan_to_num masked_fill".split()
)
_TURNS = frozenset("permute movedim swapaxes swapdims transpose t T mT H adjoint".split())
_THRESHOLDS = frozenset("gt ge lt le greater greater_equal less less_equal".split())


def in_other_form(call: Call, mark: Mark) -> Mark | None:
    """The output in another form or in other units; ``None`` where it is something else."""
    tensor = call.tensor
    if call.name in LOOSE:
        return replace(mark, axis=_axis_after(call, mark.axis))
    if call.name not in _UNITS or not isinstance(call.out, torch.Tensor) or call.out.shape != tensor.shape:
        return None
    if call.name in ("softmax", "log_softmax"):
        dim = call.arg(1, "dim")
        axis = dim % tensor.dim() if isinstance(dim, int) else None
        return replace(mark, axis=axis, log=call.name == "log_softmax", rest=False)
    if call.name in ("log", "logsigmoid"):
        return replace(mark, log=True)
    if call.name == "rsub" and call.beside is None and call.args[1:2] == (1,):
        return replace(mark, rest=not mark.rest)
    if call.name.startswith("clamp") or (call.name == "add" and call.beside is None):
        return mark  # off zero, before a logarithm
    return replace(mark, axis=None, log=False, rest=False)


def _axis_after(call: Call, axis: int | None) -> int | None:
    """Where the dimension of the classes has come to lie, where that is plain."""
    tensor, out = call.tensor, call.out
    if axis is None or not isinstance(out, torch.Tensor):
        return None
    if call.name in _TURNS:
        if call.name != "transpose" or len(call.args) != 3 or not all(map(_is_index, call.args[1:])):
            return None
        first, second = (a % tensor.dim() for a in call.args[1:])
        return second if axis == first else first if axis == second else axis
    if out.shape == tensor.shape:
        return axis
    if call.name in ("view", "reshape", "flatten", "__getitem__", "view_as", "reshape_as"):
        return out.dim() - 1 if axis == tensor.dim() - 1 and out.shape[-1:] == tensor.shape[-1:] else None
    return None


def chosen(call: Call, mark: Mark) -> Mark | None:
    """A label that is chosen by the output."""
    tensor, classes = call.tensor, 2
    if call.name in ("argmax", "max", "topk"):
        dim = call.arg(1, "dim")
        if call.name == "topk":  # only the first one is what is predicted
            dim = call.arg(2, "dim", -1) if call.arg(1, "k") == 1 else None
        if not _is_index(dim):
            return None
        classes = tensor.shape[dim]
    elif call.name in _THRESHOLDS:
        if len(call.args) < 2 or call.args[0] is not tensor or not isinstance(call.args[1], int | float):
            return None
    elif call.name != "round":
        return None
    dense = call.name in ("argmax", "max") and tensor.dim() >= 4
    return replace(mark, what=What.LABEL, classes=classes, dense=dense, axis=None, log=False)


def _is_index(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
