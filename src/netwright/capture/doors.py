"""What came in at the networks' doors in a captured step."""

import torch

from .graphs import GraphCapture


def door_tensors(capture: GraphCapture) -> list[torch.Tensor]:
    """The tensors, in the order of the doors."""
    return [t for node in capture.doors if (t := capture.data.get(node)) is not None]


def door_values(capture: GraphCapture) -> dict[int, torch.Tensor]:
    """Those that can be cut into samples (strided, not empty, no single number), by value index on the tape."""
    found: dict[int, torch.Tensor] = {}
    for node in capture.doors:
        tensor = capture.data.get(node)
        if tensor is not None and tensor.layout is torch.strided and tensor.numel() and tensor.dim():
            found[capture.value_of_node[(node, 0)]] = tensor.detach()
    return found
