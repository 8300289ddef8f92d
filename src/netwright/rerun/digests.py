"""Digests of tensors, to the last bit."""

import hashlib
from collections.abc import Iterable

import torch


def bytes_of(tensor: torch.Tensor) -> bytes:
    """What a tensor holds."""
    data = tensor.detach().cpu()
    if data.layout != torch.strided or data.is_quantized:
        return repr(data).encode()
    if not data.numel():
        return b""
    flat = data.resolve_conj().resolve_neg().contiguous().reshape(-1)
    # A single element counts as contiguous whatever its stride (0 after `expand`), but has no view as bytes then.
    if flat.stride() != (1,):
        flat = flat.clone(memory_format=torch.contiguous_format)
    return flat.view(torch.uint8).numpy().tobytes()


def digest(parameters: Iterable[torch.Tensor]) -> str:
    """A digest of tensors, to the last bit."""
    found = hashlib.blake2b(digest_size=16)
    for parameter in parameters:
        found.update(bytes_of(parameter))
    return found.hexdigest()
