"""What costs time and memory from step to step."""

from ..evidence import KeptGraphs, Wait, Waits
from ..rule import NotApplicable
from .observed import Observed

_FEWEST = 5  # steps


def waits(observed: Observed) -> Waits:
    """The lines that asked for a number from the device, and where the trained parameters are."""
    recording = observed.recording
    held = [
        p
        for r in recording.optimizers
        if (o := r.optimizer()) is not None
        for g in o.param_groups
        for p in g["params"]
    ]
    if not held or not recording.captured_steps:
        raise NotApplicable("no optimizer made a step")
    return Waits(
        waits=tuple(
            Wait(where=where, op=op, device=device, steps=len(steps))
            for (where, op, device), steps in recording.waits.items()
        ),
        steps=recording.captured_steps,
        device=held[0].device.type,
    )


def kept_graphs(observed: Observed) -> KeptGraphs:
    """What holds more tensors with a history after each step."""
    kept = observed.session.kept
    if kept.looks < _FEWEST:
        raise NotApplicable(f"fewer than {_FEWEST} steps were recorded")
    return KeptGraphs(kept=kept.found(), steps=kept.looks)
