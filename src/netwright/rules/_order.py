"""What happened between a backward pass and the step that uses it."""

from collections.abc import Iterator

from ..evidence import Event, Events
from ._gradients import flag, number


def before(events: Events, position: int, *kinds: str) -> Event | None:
    """The last event of one of these kinds before a position."""
    return next((e for e in reversed(events.events[:position]) if e.kind in kinds), None)


def after(events: Events, position: int, *kinds: str) -> Event | None:
    """The first event of one of these kinds after a position."""
    return next((e for e in events.events[position + 1 :] if e.kind in kinds), None)


def cleared_before_step(events: Events) -> Iterator[tuple[Event, Event]]:
    """(zero_grad, step) where the clearing lies between the last backward and a step that had no gradient left."""
    for position, step in enumerate(events.events):
        if step.kind != "optimizer_step" or flag(step, "closure") or number(step, "with_grad") != 0:
            continue
        clearing = None
        for event in reversed(events.events[:position]):
            if event.kind == "backward":
                if clearing is not None:
                    yield clearing, step
                break
            if event.kind == "zero_grad" and event.optimizer in (None, step.optimizer):
                clearing = event
            if event.kind == "optimizer_step" and event.optimizer == step.optimizer:
                break


def late_clips(events: Events) -> Iterator[Event]:
    """Clips after the step that used the gradients, with a new backward or clearing before the next step."""
    for position, clip in enumerate(events.events):
        if clip.kind != "clip":
            continue
        last = before(events, position, "backward", "optimizer_step", "scaler_step")
        following = after(events, position, "backward", "zero_grad", "optimizer_step", "scaler_step")
        stepped = last is not None and last.kind != "backward"
        if stepped and following is not None and following.kind in ("backward", "zero_grad"):
            yield clip


def timely_clips(events: Events) -> Iterator[Event]:
    """Clips between a backward and its step."""
    for position, clip in enumerate(events.events):
        if clip.kind == "clip":
            last = before(events, position, "backward", "optimizer_step", "scaler_step")
            if last is not None and last.kind == "backward":
                yield clip


def scaled_clips(events: Events) -> Iterator[Event]:
    """Clips of gradients that still carry the scale of a gradient scaler."""
    for position, clip in enumerate(events.events):
        if clip.kind != "clip":
            continue
        last = before(events, position, "backward", "unscale", "optimizer_step", "scaler_step")
        following = after(events, position, "backward", "unscale", "scaler_step")
        scaled = last is not None and last.kind == "backward" and flag(last, "scaled")
        if scaled and following is not None and following.kind in ("scaler_step", "unscale"):
            yield clip
