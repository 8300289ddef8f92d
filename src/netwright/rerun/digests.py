"""Digests of tensors, to the last bit."""

import hashlib
from collections.abc import Iterable

import torch


def bytes_of(tensor: torch.Tensor) -> bytes:
    """What a tensor holds."""
    data = tensor.detach().cpu()
    if data.layout != torch.strided or data.is_quantized:
        return repr(data).encode()
    return (
        data.resolve_conj().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
        if data.numel()
        else b""
    )


def digest(parameters: Iterable[torch.Tensor]) -> str:
    """A digest of tensors, to the last bit."""
    found = hashlib.blake2b(digest_size=16)
    for parameter in parameters:
        found.update(bytes_of(parameter))
    return found.hexdigest()
