"""Gradients are computed but no update follows.

## What it measures
Five forms: backward passes with an optimizer at hand that never makes a step; steps with no backward pass before them, or after
backward passes that reach no parameter although the loss is not zero; steps on parameters with gradients that change
nothing; steps that change all weights but those that lie in memory in another order than that of their indices; a gradient scaler that skips every step.

## Why it matters
The weights stay what they were; the loss only wanders with the batches.

## How to fix
Call ``loss.backward()`` on the loss as the network's output gave it (not on a new tensor made from its value), then
``optimizer.step()`` (with parentheses, and not inside a branch that is never taken); give a learning
rate above 0; make weights contiguous that were set to a transposed view (an optimizer of one's own that reshapes them writes to a copy); call ``scaler.update()`` after ``scaler.step(optimizer)``.

## Known false alarms
Gradient accumulation makes many backward passes per step, so many are asked for. A gradient scaler skips some first steps while it
finds its scale; a warm-up may begin at rate 0: both are left time. Programs without an optimizer (attacks, saliency, updates
written by hand) are not looked at.

## Source
Cecelia Shao, "Checklist for debugging neural networks" (updates not applied); PyTorch documentation of ``GradScaler`` (the scale
starts at 65536 and halves at each skipped step: 16 halvings reach 1).
"""

import math

from ...evidence import Event, Events, OptimizerInfo, Optimizers, Parameters, Program
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold
from .._gradients import first_known, flag, listed, number

rule = Rule(
    code="NW409",
    name="updates-not-applied",
    severity=Severity.ERROR,
    kind=Kind.BUG,
    guides=("S4", "E9"),
    remedies=("contiguous-weights", "step-the-optimizer"),
    explains=(
        "NW601",
        "NW701",
    ),
    thresholds={
        "backwards": Threshold(
            value=16,
            unit="backward passes without a step",
            source="longer than usual accumulation in a window",
        ),
        "steps": Threshold(
            value=3, unit="steps without effect", source="a warm-up starts at rate 0 for one step"
        ),
        "skipped": Threshold(
            value=17, unit="skipped steps", source="PyTorch: halving 65536 sixteen times gives scale 1"
        ),
    },
)


@rule.check
def check(events: Events, optimizers: Optimizers, parameters: Parameters, program: Program) -> list[Finding]:
    """No step at all, steps without effect, steps skipped."""
    if not optimizers.optimizers:
        raise NotApplicable("the program has no optimizer")
    if optimizers.manual is not None or any(p.changed_outside for p in parameters.parameters):
        raise NotApplicable("weights are updated by hand")
    never = _no_step(events, optimizers, program) or _no_gradient(events, optimizers)
    if never is not None:
        return [never]
    found = [_without_effect(events, o) or _into_a_copy(parameters, o) for o in optimizers.optimizers]
    return [f for f in [*found, _skipped(events)] if f is not None]


def _no_step(events: Events, optimizers: Optimizers, program: Program) -> Finding | None:
    attempts = events.of("optimizer_step", "scaler_step")
    backwards = events.of("backward")
    stepped = program.steps_seen or any(o.steps for o in optimizers.optimizers)
    if attempts or stepped or len(backwards) < rule["backwards"]:
        return None
    optimizer = optimizers.optimizers[0]
    where = first_known(*(b.where for b in reversed(backwards)))
    return rule.found(
        f"{len(backwards)} backward passes and not one step of {optimizer.type} made at {optimizer.where.at}: the weights "
        "never change",
        where=where,
        also=[optimizer.where] if optimizer.where.known else [],
        expected="a step of the optimizer after the backward passes of each batch",
        fix=f"call optimizer.step() (with parentheses) after the backward at {where.at}",
        remedies=("step-the-optimizer",),
        backwards=len(backwards),
        steps=0,
    )


def _no_gradient(events: Events, optimizers: Optimizers) -> Finding | None:
    """Steps without a backward, or after backward passes that reach no parameter although the loss is not zero."""
    steps = [e for e in events.of("optimizer_step") if not flag(e, "skipped") and not flag(e, "closure")]
    if len(steps) < rule["steps"] or any(number(e, "with_grad") or number(e, "changed") for e in steps):
        return None
    backwards = events.of("backward")
    if any(number(e, "grads_there") or number(e, "loss") in (None, 0.0) for e in backwards):
        return None
    optimizer = optimizers.optimizers[steps[0].optimizer or 0]
    where = first_known(*(e.where for e in reversed(backwards)), *(e.where for e in reversed(steps)))
    if backwards:
        message = (
            f"{len(backwards)} backward passes give no gradient to any parameter, so {len(steps)} steps of {optimizer.type} change "
            f"nothing: what backward is called on at {where.at} does not come from the network"
        )
        fix = f"call backward at {where.at} on the loss as the network's output gave it, not on a new tensor made from its value"
    else:
        message = f"{len(steps)} steps of {optimizer.type} and not one backward pass: there are no gradients to apply, and no weight changes"
        fix = f"call loss.backward() before the step at {where.at}"
    return rule.found(
        message,
        where=where,
        also=[optimizer.where] if optimizer.where.known else [],
        expected="a backward pass of the loss before each step of the optimizer",
        fix=fix,
        remedies=(),  # the optimizer is stepped, and more steps mend nothing
        backwards=len(backwards),
        steps=len(steps),
    )


def _without_effect(events: Events, optimizer: OptimizerInfo) -> Finding | None:
    steps = [
        e for e in events.of("optimizer_step") if e.optimizer == optimizer.index and not flag(e, "nested")
    ]
    idle = [e for e in steps if not flag(e, "skipped") and (number(e, "with_grad") or 0.0) > 0]
    if optimizer.effective or len(idle) < rule["steps"] or any(number(e, "changed") for e in idle):
        return None
    rates = [g.get("lr") for g in optimizer.groups]
    no_rate = bool(rates) and all(r == 0 for r in rates)
    losses = [number(e, "loss") for e in events.of("backward")]
    undefined = bool(losses) and all(v is not None and not math.isfinite(v) for v in losses)
    why = ": its learning rate is 0" if no_rate else ""
    if undefined and not no_rate:
        why = f": the loss is {losses[0]} at every one of them, from the first on, and so are the gradients and the weights"
    where = first_known(optimizer.where if no_rate else None, idle[-1].where, optimizer.where)
    fix = f"see what keeps the step at {where.at} from changing the weights (learning rate, gradients too small to show)"
    if no_rate:
        fix = f"give the optimizer at {optimizer.where.at} a learning rate above 0"
    elif undefined:
        fix = "find the first value that is not finite: in the data, in the weights as they are initialized, or in the loss"
    return rule.found(
        f"{len(idle)} steps of {optimizer.type} with gradients changed no weight{why}",
        where=where,
        expected="a step changes the weights that have gradients",
        fix=fix,
        remedies=(),
        steps=len(idle),
        rates=rates,
    )


def _into_a_copy(parameters: Parameters, optimizer: OptimizerInfo) -> Finding | None:
    """Steps that change the weights that lie in order in memory, and not those that do not."""
    held = [p for p in parameters.parameters if optimizer.index in p.optimizers and p.requires_grad]
    idle = [
        p
        for p in held
        if not p.contiguous
        and p.changed is False
        and len(p.grad_steps) >= rule["steps"]
        and all(p.grad_steps)
    ]
    if not idle or not any(p.contiguous and p.changed for p in held):
        return None
    names = [p.name for p in idle]
    steps = min(len(p.grad_steps) for p in idle)
    return rule.found(
        f"{steps} steps of {optimizer.type} change {len(held) - len(idle)} parameters, and not {listed(names)}, which got a gradient at each: these do not lie in memory in the order of their "
        "indices (a transposed view), so what the step writes to may be a copy of them",
        where=first_known(optimizer.where, *(p.where for p in idle)),
        also=[w for p in idle if (w := p.where).known],
        expected="a step changes the weights that have gradients",
        fix=f"make {listed(names)} contiguous (`.contiguous()`) before the optimizer is made, or write in its step to the parameter itself and not to a reshaped copy",
        remedies=("contiguous-weights",),
        steps=steps,
        parameters=names,
    )


def _skipped(events: Events) -> Finding | None:
    attempts = [e for e in events.of("optimizer_step", "scaler_step") if "skipped" in e.detail]
    skipped: list[Event] = [e for e in attempts if flag(e, "skipped")]
    if not skipped or len(skipped) < len(attempts):
        return None
    updates = events.of("scaler_update")
    if len(skipped) < (rule["skipped"] if updates else rule["steps"]):
        return None
    where = first_known(*(e.where for e in skipped))
    return rule.found(
        f"the gradient scaler skipped all {len(skipped)} steps seen"
        + ("" if updates else " and its scale is never updated"),
        where=where,
        expected="after some first steps the scale fits and no step is skipped",
        fix=f"find what makes the gradients infinite at {where.at}"
        if updates
        else f"call scaler.update() after the step at {where.at}, once per iteration",
        skipped=len(skipped),
        updates=len(updates),
    )
