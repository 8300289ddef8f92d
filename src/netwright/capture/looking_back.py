"""The first loss or gradient that is not finite: where it came from is found out while the step is there."""

import itertools
import math
from collections.abc import Collection
from dataclasses import replace
from types import FrameType

import torch

from ..evidence import NonFinite
from .frames import where_at
from .graphs import GraphCapture, as_it_is_now, measure
from .measure import has_values
from .origin import origin, parameter_names
from .recording import Recording


def look_into(
    recording: Recording, networks: Collection[torch.nn.Module], capture: GraphCapture, *, scaled: bool
) -> None:
    """A recorded step has a loss or gradient that is not finite: note where the first one came from."""
    if recording.nonfinite is not None:
        return
    if capture.graph.exact is None:
        measure(capture)
    names = parameter_names(networks)
    found = origin(capture, steps=recording.steps, names=names, scaled=scaled)
    # Of the recorded steps every loss and gradient was looked at, and what made one that is not finite would have been noted.
    before = [e for e in recording.events if e.kind == "backward"][:-1]
    if found is not None and before:
        found = replace(found, finite=before[-1].step, gradients=True)
    recording.nonfinite = found


def broken_parameters(networks: Collection[torch.nn.Module]) -> tuple[str, ...]:
    """Names of the parameters that are not finite."""
    named = [pair for network in networks for pair in network.named_parameters()]
    return tuple(n for n, p in named if has_values(p) and not bool(p.detach().isfinite().all()))


def look_back(
    recording: Recording,
    networks: Collection[torch.nn.Module],
    frame: FrameType | None,
    loss: float | None,
    *,
    scaled: bool = False,
) -> NonFinite | None:
    """A loss or gradient is not finite, after the recording: run the recorded step again with the batch and the weights of now, and note where it began.

    Args:
        recording: what is known of the program.
        networks: those that it trains.
        frame: from where the program's running functions are found.
        loss: the value of the loss, finite where only gradients are not.
        scaled: whether the loss is scaled for float16.
    """
    if recording.nonfinite is not None:
        return recording.nonfinite
    steps, where = recording.steps, where_at(frame)
    chosen = [c for c in recording.captures if c.graph.backward == where] or recording.captures
    names = parameter_names(networks)
    for capture, made in itertools.product(chosen, (False, True)):
        now = measure(as_it_is_now(capture, frame, loss, made=made))
        found = origin(now, steps=steps, names=names, scaled=scaled)
        if found is not None and (found.op or found.phase != "forward"):
            recording.nonfinite, recording.suspect = replace(found, replayed=True), now
            return recording.nonfinite
    if loss is not None and not math.isfinite(loss):
        broken = broken_parameters(networks)
        recording.nonfinite = NonFinite(
            phase="update" if broken else "forward",
            steps=steps,
            loss=loss,
            nan=math.isnan(loss),
            parameters=broken,
            backward=where,
        )
    return recording.nonfinite
