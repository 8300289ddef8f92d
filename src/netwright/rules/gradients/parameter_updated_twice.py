"""A parameter is updated twice with one gradient.

## What it measures
Parameters listed twice in one optimizer, and gradients that two steps (of one optimizer or of two that share parameters) use
with no backward pass between them.

## Why it matters
These parameters move twice as far as the rest, so their learning rate is twice the one that was asked for, and an optimizer with
momentum counts the gradient twice.

## How to fix
List each parameter once; step once per gradient. ``scaler.step(optimizer)`` already calls ``optimizer.step()``.

## Known false alarms
Two optimizers may share parameters when each uses its own backward pass (adversarial autoencoders, InfoGAN, alternating
schemes). Optimizers that wrap another one step inside each other and are not counted.

## Source
PyTorch itself warns of "duplicate parameters" in one group and refuses them in two groups of one optimizer.
"""

from collections.abc import Iterator

from ...evidence import Event, Events, Optimizers, Parameters
from ...rule import Finding, Kind, Rule, Severity, Threshold
from .._gradients import first_known, flag, listed, number

rule = Rule(
    code="NW417",
    name="parameter-updated-twice",
    severity=Severity.ERROR,
    kind=Kind.BUG,
    guides=("S4",),
    remedies=("optimize-all-parameters",),
    explains=("NW501",),
    thresholds={
        "steps": Threshold(value=2, unit="double updates", source="once may be an experiment at the start")
    },
)


@rule.check
def check(events: Events, optimizers: Optimizers, parameters: Parameters) -> list[Finding]:
    """Listed twice, then stepped twice."""
    found: list[Finding] = []
    for optimizer in optimizers.optimizers:
        if not optimizer.duplicated:
            continue
        names = list(optimizer.duplicated)
        found.append(
            rule.found(
                f"{optimizer.type} at {optimizer.where.at} holds {len(names)} parameters twice, so each step moves them twice: "
                f"{listed(names)}",
                where=optimizer.where,
                expected="every parameter is in one group, once",
                fix=f"list each parameter once at {optimizer.where.at}",
                parameters=names,
            )
        )
    twice = list(_twice(events, parameters))
    if len(twice) >= rule["steps"]:
        found.append(_stepped_twice(twice))
    return found


def _shared(parameters: Parameters) -> set[tuple[int, int]]:
    """Pairs of optimizers that hold a common parameter."""
    return {(a, b) for p in parameters.parameters for a in p.optimizers for b in p.optimizers if a != b}


def _twice(events: Events, parameters: Parameters) -> Iterator[tuple[Event, Event]]:
    """Pairs of steps on the same gradients."""
    shared = _shared(parameters)
    since: list[Event] = []
    for event in events.events:
        if event.kind in ("backward", "zero_grad"):
            since = []
        if event.kind != "optimizer_step" or flag(event, "nested") or flag(event, "skipped"):
            continue
        if event.optimizer is None or flag(event, "closure"):
            continue
        for earlier in since:
            same = earlier.optimizer == event.optimizer
            if (same or (earlier.optimizer, event.optimizer) in shared) and number(event, "with_grad"):
                yield earlier, event
        since.append(event)


def _stepped_twice(pairs: list[tuple[Event, Event]]) -> Finding:
    first, second = pairs[-1]
    where = first_known(second.where, first.where)
    same = first.optimizer == second.optimizer
    who = "the optimizer steps twice" if same else "two optimizers with common parameters step"
    return rule.found(
        f"{who} on one gradient ({len(pairs)} times): at {first.where.at} and at {second.where.at}",
        where=where,
        also=[first.where] if first.where.known else [],
        expected="one step per gradient",
        fix=f"remove the step at {where.at}, or compute a gradient of its own for it",
        times=len(pairs),
    )
