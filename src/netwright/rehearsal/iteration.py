"""What the program does in each of its iterations, in order, as the recording saw it: backward passes, gradients cleared and clipped, steps."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from ..capture.graphs import GraphCapture
from ..capture.recording import Recording
from ..evidence import NOWHERE, Event, Where
from ..rule import NotApplicable

BACKWARD, CLEAR, CLIP, STEP = "backward", "clear", "clip", "step"


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One thing that is done. ``capture`` is the place of the step that is differentiated among those recorded, ``optimizer`` that of the one that steps or clears (``None``: all gradients are cleared).

    ``kind`` and ``limit`` are those of a clipping function, ``rates`` the learning rates of the optimizer's groups in a step.
    """

    does: str
    where: Where = NOWHERE
    capture: int = 0
    optimizer: int | None = None
    kind: str = ""
    limit: float = 0.0
    rates: tuple[float, ...] = ()


def iterations(recording: Recording) -> tuple[list[GraphCapture], list[Act]]:
    """The recorded steps, and what was done with them.

    Raises:
        NotApplicable: something was done that cannot be done on copies.
    """
    captures: list[GraphCapture] = []
    acts: list[Act] = []
    left = _in_order(recording)
    gone = False  # whether the gradients of the last backward pass are cleared, or there was none
    for event in recording.events:
        _refuse(event)
        if event.kind == "backward":
            capture = next(left, None)
            if capture is None:
                break
            if not gone and acts and event.detail.get("grads_before") == 0.0:
                acts.append(Act(does=CLEAR))  # by hand, which is no event
            acts.append(Act(does=BACKWARD, where=event.where, capture=len(captures)))
            captures.append(capture)
            gone = False
        elif event.kind == "zero_grad":
            acts.append(Act(does=CLEAR, where=event.where, optimizer=event.optimizer))
            gone = True
        elif event.kind == "clip":
            acts.append(_clip(event))
        elif event.kind == "optimizer_step" and not event.detail.get("nested"):
            acts.append(
                Act(
                    does=STEP,
                    where=event.where,
                    optimizer=event.optimizer,
                    rates=rates_of(event),
                )
            )
    if not captures:
        raise NotApplicable("no training step was seen")
    return captures, acts


def _in_order(recording: Recording) -> Iterator[GraphCapture]:
    """The step of each backward pass: the first of each line stands in ``captures``, the others in ``later``."""
    first, later = iter(recording.captures), iter(recording.later)
    seen: set[tuple[Where, object]] = set()
    for event in recording.events:
        if event.kind != "backward":
            continue
        key = (event.where, event.detail.get("graph_line"))
        found = next(later if key in seen else first, None)
        seen.add(key)
        loss = event.detail.get("loss")
        if found is None:
            return
        if found.graph.backward != event.where or not _same(found.graph.loss_value, loss):
            raise NotApplicable("which step was recorded when is not known")
        yield found


def _same(one: object, other: object) -> bool:
    return one == other or (one != one and other != other)


def _refuse(event: Event) -> None:
    detail = event.detail
    if event.kind == "manual_update":
        raise NotApplicable("the program updates its weights by hand")
    if event.kind == "scale" and detail.get("enabled"):
        raise NotApplicable("the program scales its gradients")
    if event.kind == "optimizer_step" and detail.get("closure"):
        raise NotApplicable("the optimizer computes the loss itself, several times in a step")


def rates_of(event: Event) -> tuple[float, ...]:
    """The learning rates of an optimizer's groups in a step."""
    return tuple(float(r) for r in cast("tuple[float, ...]", event.detail.get("lrs") or ()))


def _clip(event: Event) -> Act:
    kind, limit = event.detail.get("kind"), event.detail.get("limit")
    if not isinstance(limit, float) or kind not in ("clip_grad_norm_", "clip_grad_value_"):
        raise NotApplicable("the program clips its gradients in a way that is not known")
    return Act(does=CLIP, where=event.where, kind=str(kind), limit=limit)


def endless(acts: Sequence[Act]) -> Iterator[Act]:
    """What was done, again and again."""
    while any(a.does == BACKWARD for a in acts):
        yield from acts
