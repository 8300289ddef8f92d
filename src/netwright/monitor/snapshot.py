"""Keeps the state in which something went wrong, to be loaded again with ``torch.load``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from ..capture.session import Session


def save(path: Path, session: "Session") -> None:
    """Write the weights and buffers of the networks, the optimizers' states, the batch and torch's random state to a file.

    The file holds a mapping: ``step``, ``networks`` (state dicts), ``optimizers`` (state dicts), ``batch`` (tensors by the name of the program's variable, where the
    step was run again),
    ``random`` (``torch.get_rng_state()``). ``torch.load(path, weights_only=True)`` reads it.

    Raises:
        OSError: it cannot be written.
        RuntimeError: so say some writers of torch.
    """
    content: dict[str, Any] = {
        "step": session.recording.steps,
        "networks": [network.state_dict() for network in session.recorder.modules.networks.values()],
        "optimizers": [optimizer.state_dict() for optimizer in session.recording.living()],
        "batch": _batch(session),
        "random": torch.get_rng_state(),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(content, path)


def _batch(session: "Session") -> dict[str, torch.Tensor]:
    suspect = session.recording.suspect
    if suspect is None:
        return {}
    return {suspect.spots[value].words: tensor.detach() for value, tensor in suspect.given.items()}
