"""Gradients of earlier updates are never cleared.

## What it measures
For every update, the share of the optimizer's parameters whose gradient still holds what an earlier update of the same
optimizer has already used, because a backward pass added to it.

## Why it matters
``backward`` adds to ``.grad``. Without clearing, every update repeats all earlier gradients: the step grows with time, points
in old directions, and training oscillates or diverges at a learning rate that would be right.

## How to fix
Call ``optimizer.zero_grad()`` once per update, before ``backward`` or after ``step``.

## Known false alarms
Gradient accumulation clears after each update and is not counted, however many backward passes lie between two updates. Gradients
that a loss leaves in another optimizer's parameters (GANs) do not count when they are cleared before that optimizer's next
update.

## Source
PyTorch documentation of ``Optimizer.zero_grad``; Cecelia Shao, "Checklist for debugging neural networks" (wrong update
expressions); a missing clear can look better than the right program on the loss curve, so the contract is judged.
"""

from ...evidence import Event, Events, Optimizers, Where
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold
from .._gradients import first_known, flag, number

rule = Rule(
    code="NW408",
    name="gradients-never-cleared",
    severity=Severity.ERROR,
    kind=Kind.BUG,
    guides=("S4",),
    remedies=("clear-gradients",),
    explains=("NW407", "NW501", "NW601", "NW701"),
    thresholds={
        "share": Threshold(
            value=0.5, unit="share of parameters", source="most of them; a shared part alone may be meant"
        ),
        "steps": Threshold(value=2, unit="updates", source="once may be a restart, twice is a habit"),
    },
)


@rule.check
def check(events: Events, optimizers: Optimizers) -> list[Finding]:
    """Optimizers whose updates reuse old gradients."""
    steps = [e for e in events.of("optimizer_step") if not flag(e, "nested")]
    if not any(number(e, "uncleared") is not None for e in steps):
        raise NotApplicable("it was not recorded what the gradients held at each update")
    found: list[Finding] = []
    for optimizer in optimizers.optimizers:
        own = [e for e in steps if e.optimizer == optimizer.index]
        reused = [e for e in own if (number(e, "uncleared") or 0.0) > rule["share"]]
        if len(reused) < rule["steps"]:
            continue
        where = _backward_before(events, reused[-1])
        found.append(
            rule.found(
                f"{len(reused)} of {len(own)} updates of {optimizer.type} used gradients that still held those of earlier "
                "updates: they are never cleared, so backward adds to them",
                where=where,
                also=[w for w in (reused[-1].where,) if w.known],
                expected="gradients are zero or None when the backward passes of a new update begin",
                fix=f"call optimizer.zero_grad() before the backward at {where.at}, once per update",
                reused=len(reused),
                updates=len(own),
            )
        )
    return found


def _backward_before(events: Events, step: Event) -> Where:
    position = events.events.index(step)
    before = [e.where for e in events.events[:position] if e.kind == "backward"]
    return first_known(*reversed(before), step.where)
