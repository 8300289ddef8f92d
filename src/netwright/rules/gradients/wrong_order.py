"""The parts of an update come in the wrong order.

## What it measures
The order of events in each iteration: gradients cleared between ``backward`` and ``step``; gradients clipped after the step that
used them, or while they still carry a gradient scaler's factor; the scheduler stepped before the first step of the optimizer.

## Why it matters
Clearing first leaves nothing to step with. A clip after the step limits nothing. A clip before ``unscale_`` compares a norm
that is thousands of times too large with the limit, so every step becomes tiny. A scheduler stepped first skips the first
learning rate of its schedule.

## How to fix
Per update: ``zero_grad``, ``backward``, (``scaler.unscale_``,) clip, ``step``, (``scaler.update``,) ``scheduler.step``.

## Known false alarms
Several optimizers may be cleared and stepped in any interleaving: only clearing of the stepped optimizer with no gradient left
at its step counts. Clearing right after the step is right. A very large clipping limit is taken for a logged norm, or for one
multiplied by the scale.

## Source
PyTorch documentation: "How to adjust learning rate", "Working with unscaled gradients" (automatic mixed precision examples).
"""

from ...evidence import Event, Events, Where
from ...rule import Finding, Kind, Rule, Severity, Threshold
from .._gradients import first_known, flag, number
from .._order import cleared_before_step, late_clips, scaled_clips, timely_clips

rule = Rule(
    code="NW410",
    name="wrong-order",
    severity=Severity.ERROR,
    kind=Kind.BUG,
    guides=("S4",),
    remedies=("order-of-update",),
    explains=("NW404", "NW408", "NW409", "NW601", "NW701"),
    thresholds={
        "steps": Threshold(value=2, unit="iterations", source="once may be a special first iteration"),
        "limit": Threshold(
            value=1000.0,
            unit="gradient norm",
            source="clipping limits of known recipes lie between 0.1 and 100",
        ),
    },
)


@rule.check
def check(events: Events) -> list[Finding]:
    """Each of the wrong orders."""
    found = (_cleared(events), _late_clip(events), _scaled_clip(events), _scheduler(events))
    return [f for f in found if f is not None]


def _cleared(events: Events) -> Finding | None:
    pairs = list(cleared_before_step(events))
    if len(pairs) < rule["steps"]:
        return None
    clearing, step = pairs[-1]
    where = first_known(clearing.where, step.where)
    return rule.found(
        f"the gradients are cleared between backward and step: {len(pairs)} steps had no gradient left",
        where=where,
        also=_known(step.where),
        expected="backward, then step, then (or before backward) zero_grad",
        fix=f"move the zero_grad at {where.at} before the backward pass, or after the step",
        steps=len(pairs),
    )


def _clips(found: list[Event]) -> list[Event]:
    limits = [(e, number(e, "limit")) for e in found]
    return [e for e, limit in limits if limit is not None and limit < rule["limit"]]


def _late_clip(events: Events) -> Finding | None:
    late = _clips(list(late_clips(events)))
    if len(late) < rule["steps"] or any(True for _ in timely_clips(events)):
        return None
    where = first_known(late[-1].where)
    return rule.found(
        f"the gradients are clipped after the step that used them ({len(late)} times): the clip limits nothing",
        where=where,
        severity=Severity.WARNING,
        expected="clipping lies between backward and step",
        fix=f"move the clip at {where.at} between backward and step",
        clips=len(late),
    )


def _scaled_clip(events: Events) -> Finding | None:
    scaled = _clips(list(scaled_clips(events)))
    if len(scaled) < rule["steps"]:
        return None
    where = first_known(scaled[-1].where)
    return rule.found(
        f"the gradients are clipped while they still carry the gradient scaler's factor ({len(scaled)} times): the limit is "
        "compared with a norm that is that many times too large",
        where=where,
        expected="scaler.unscale_(optimizer) comes before clipping",
        fix=f"call scaler.unscale_(optimizer) before the clip at {where.at}",
        clips=len(scaled),
    )


def _scheduler(events: Events) -> Finding | None:
    steps = [i for i, e in enumerate(events.events) if e.kind == "optimizer_step"]
    if not steps:
        return None
    early = [e for e in events.events[: steps[0]] if e.kind == "scheduler_step"]
    if len(early) != 1 or flag(early[0], "initial"):
        return None
    was, now = number(early[0], "lr_before"), number(early[0], "lr_after")
    if was is None or now is None or was == now:
        return None
    where = early[0].where
    return rule.found(
        f"the scheduler steps before the optimizer's first step: the rate goes from {was:.3g} to {now:.3g} unused",
        where=where,
        severity=Severity.WARNING,
        expected="optimizer.step() comes before scheduler.step()",
        fix=f"move the scheduler step at {where.at} after the optimizer's step",
        lr_before=was,
        lr_after=now,
    )


def _known(*places: Where) -> list[Where]:
    return [p for p in places if p.known]
