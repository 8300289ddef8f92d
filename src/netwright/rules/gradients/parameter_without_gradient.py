"""A layer takes part in the forward pass but never gets a gradient.

## What it measures
The norm of every parameter's gradient at each captured update. A layer is reported when all of its parameters had none, or
exactly zero, at every update although the loss depends on its output. With the gradients of the intermediate values, the call is
named at which the gradient is lost.

## Why it matters
A layer without a gradient does not train: it keeps its initial values and the rest has to work around it.

## How to fix
Look at the named call: a factor that is always zero, a mask that hides everything, an activation that is never active.

## Known false alarms
Branches that start at zero on purpose (zero-initialized last layers, ReZero, LoRA) get gradients from the second or third step on,
so several updates are asked for. A layer whose output the loss does not use at all (an auxiliary head) is information.
When every loss is exactly zero (sparse rewards, satisfied margins) nothing is said.

## Source
Zeyad Emam, "Troubleshooting convolutional neural networks" (variables not training); Cecelia Shao, "Checklist for debugging
neural networks" (zero gradients).
"""

from ...evidence import Events, Graphs, Node, Optimizers, ParameterInfo, Parameters
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold
from .._gradients import first_known, listed, lost_at, optimized, parameter_node, starved

rule = Rule(
    code="NW404",
    name="parameter-without-gradient",
    severity=Severity.ERROR,
    kind=Kind.BUG,
    guides=("E10", "S4"),
    explains=(
        "NW601",
        "NW701",
    ),
    remedies=("trainable-tensor",),
    thresholds={
        "steps": Threshold(
            value=3, unit="updates", source="zero-initialized branches get gradients from update 2 or 3 on"
        )
    },
)

Layer = tuple[int | None, str | None]


def _starved_layers(parameters: list[ParameterInfo], steps: float) -> dict[Layer, list[ParameterInfo]]:
    layers: dict[Layer, list[ParameterInfo]] = {}
    for p in parameters:
        layers.setdefault((p.root, p.module if p.module is not None else p.name), []).append(p)
    return {
        at: owned
        for at, owned in layers.items()
        if all(starved(p, steps) for p in owned) and any(len(p.shape) > 1 for p in owned)
    }


@rule.check
def check(
    parameters: Parameters, graphs: Graphs, events: Events, optimizers: Optimizers
) -> list[Finding] | None:
    """Layers that all updates left without a gradient, gathered by the call that loses it."""
    if events.losses and not any(events.losses):
        raise NotApplicable("every loss so far is exactly 0, so no gradient can be expected")
    trained = [p for p in parameters.parameters if p.requires_grad and optimized(p, optimizers)]
    layers = _starved_layers(trained, rule["steps"])
    by_call: dict[object, list[ParameterInfo]] = {}
    calls: dict[object, Node | None] = {}
    idle: list[ParameterInfo] = []
    for owned in layers.values():
        if not any(p.on_path for p in owned):
            idle.extend(owned)
            continue
        call = _lost(graphs, owned)
        key = None if call is None else (call.op, call.where.file, call.where.line)
        by_call.setdefault(key, []).extend(owned)
        calls[key] = call
    found = [_finding(owned, calls[key]) for key, owned in by_call.items()]
    return [*found, _unused(idle)] if idle else found


def _lost(graphs: Graphs, owned: list[ParameterInfo]) -> Node | None:
    for graph in graphs.train:
        for p in owned:
            node = parameter_node(graph, p)
            call = None if node is None else lost_at(graph, node)
            if call is not None:
                return call
    return None


def _finding(owned: list[ParameterInfo], call: Node | None) -> Finding:
    names = [p.name for p in owned]
    updates = min(len(p.grad_steps) for p in owned)
    none = all(g is None for p in owned for g in p.grad_steps)
    lost = "" if call is None else f"; the gradient is lost in {call.op} at {call.where.at}"
    where = first_known(None if call is None else call.where, *(p.where for p in owned))
    return rule.found(
        f"{len(owned)} parameters had {'no gradient' if none else 'a gradient of exactly 0'} at all {updates} updates "
        f"seen: {listed(names)}{lost}",
        where=where.on(parameter=names[0]),
        expected="every trained layer gets a gradient that is not zero within the first updates",
        fix=f"look at {where.at}: what keeps the loss from depending on these layers (a factor that is always 0, a mask, an "
        "activation that is never active)?",
        parameters=names,
        updates=updates,
        lost_in=None if call is None else call.op,
    )


def _unused(owned: list[ParameterInfo]) -> Finding:
    names = [p.name for p in owned]
    where = first_known(*(p.where for p in owned))
    return rule.found(
        f"{len(owned)} parameters run in the forward pass but the loss does not depend on their output: {listed(names)}",
        where=where.on(parameter=names[0]),
        severity=Severity.INFO,
        expected="what is computed in training is used by the loss",
        fix=f"use the output of the layer made at {where.at}, or remove it",
        parameters=names,
    )
