"""Turns tensors into plain numbers."""

import math

import torch
from torch._subclasses.fake_tensor import FakeTensor

from ..evidence import Stats, TensorInfo

SAMPLE = 1_000_000


def word(value: object) -> str:
    """torch's word for a dtype or device without the prefix."""
    return str(value).removeprefix("torch.")


def info_of(tensor: torch.Tensor) -> TensorInfo:
    """Form of a tensor, without looking at its values."""
    return TensorInfo(
        shape=tuple(tensor.shape),
        dtype=word(tensor.dtype),
        device=tensor.device.type,
        requires_grad=tensor.requires_grad,
    )


def sample_of(tensor: torch.Tensor, limit: int = SAMPLE) -> torch.Tensor:
    """A flat view or copy of at most ``limit`` elements, taken evenly.

    The stride shares no factor with the tensor's sizes, so that it does not walk along a few columns only.
    """
    flat = tensor.detach().reshape(-1)
    if flat.numel() <= limit:
        return flat
    stride = -(-flat.numel() // limit)
    while math.gcd(stride, flat.numel()) > 1:
        stride += 1
    return flat[::stride]


def has_values(tensor: torch.Tensor) -> bool:
    """Whether a tensor has numbers that can be read (not on the meta device, not fake, not quantized, not traced)."""
    plain = tensor.layout is torch.strided and not tensor.is_quantized
    return plain and not is_imagined(tensor) and not is_transformed(tensor)


def is_imagined(tensor: torch.Tensor) -> bool:
    """Whether a tensor has a shape and no memory (on the meta device, or fake)."""
    return tensor.is_meta or isinstance(tensor, FakeTensor)


def is_transformed(tensor: torch.Tensor) -> bool:
    """Whether a tensor stands for others inside ``torch.func`` (vmap, grad)."""
    return bool(torch._C._functorch.is_functorch_wrapped_tensor(tensor))  # pyright: ignore


def number_of(tensor: torch.Tensor) -> float | None:
    """The value of a tensor with one real number in it, None where there is none."""
    if tensor.numel() != 1 or tensor.is_complex() or not has_values(tensor):
        return None
    return float(tensor.detach())


def stats_of(tensor: torch.Tensor, *, limit: int = SAMPLE, distinct: bool = False) -> Stats | None:
    """Statistics of a tensor's values; ``None`` where it has none (empty, meta, complex, sparse, quantized)."""
    if tensor.numel() == 0 or tensor.is_complex() or not has_values(tensor):
        return None
    flat = sample_of(tensor, limit).to(torch.float64)
    count = flat.numel()
    finite = flat.isfinite()
    good = flat if bool(finite.all()) else flat[finite]
    nan = float(flat.isnan().sum()) / count if good.numel() < count else 0.0
    if good.numel() == 0:
        return Stats(count=count, mean=0.0, std=0.0, min=0.0, max=0.0, nonfinite=1.0, nan=nan)
    low, high = torch.aminmax(good)
    std = float(good.std(unbiased=False)) if good.numel() > 1 else 0.0
    kinds = None
    if distinct or not tensor.is_floating_point():
        kinds = int(good[:100_000].unique().numel())
    return Stats(
        count=count,
        mean=float(good.mean()),
        std=std,
        min=float(low),
        max=float(high),
        zeros=float((good == 0).sum()) / count,
        nonfinite=1.0 - good.numel() / count,
        nan=nan,
        distinct=kinds if kinds is None or kinds <= 1000 else None,
        integers=not tensor.is_floating_point() or bool((good == good.round()).all()),
    )
