"""The optimizer updates parameters that are no longer the network's.

## What it measures
Parameters an optimizer holds that belong to no network in use, while the network's own parameters of the same shape are in no
optimizer. Where it holds no others and none of its steps changed anything the shape may differ: a wrapper has laid the weights into one flat tensor.

## Why it matters
The optimizer was made before the network (or a layer of it) was made anew, replaced, converted or flattened. It goes on updating the old
tensors; the new ones never change.

## How to fix
Make the optimizer after the last change to the network: build, replace layers, move to the device, then optimize.

## Known false alarms
None known: optimizers of networks that are merely not used yet are not counted, since no network's own parameters are without
an optimizer then.

## Source
PyTorch documentation of ``torch.optim`` ("If you need to move a model to GPU via .cuda(), please do so before constructing
optimizers for it"). Weights flattened behind an optimizer's back: huggingface/accelerate issue 2665.
"""

from ...evidence import Optimizers, Parameters
from ...rule import Finding, Kind, Rule, Severity
from .._gradients import listed

rule = Rule(
    code="NW402",
    name="optimizer-holds-stale-parameters",
    severity=Severity.ERROR,
    kind=Kind.BUG,
    guides=("E10",),
    remedies=("optimizer-after-network",),
    explains=("NW401", "NW404", "NW409", "NW601", "NW701"),
)


@rule.check
def check(optimizers: Optimizers, parameters: Parameters) -> list[Finding]:
    """Every optimizer that holds replaced parameters."""
    orphans = [
        p.name
        for p in parameters.parameters
        if p.registered and p.requires_grad and p.used and not p.optimizers
    ]
    found: list[Finding] = []
    for optimizer in optimizers.optimizers:
        if optimizer.stale == 0:
            continue
        found.append(
            rule.found(
                f"{optimizer.stale} of the {optimizer.parameters} parameters of {optimizer.type} at {optimizer.where.at} "
                "belong to no network in use, while the network's own are in no optimizer"
                + (f": {listed(orphans)}" if orphans else ""),
                where=optimizer.where,
                expected="the optimizer holds the very parameters that the forward pass uses",
                fix=f"make the optimizer at {optimizer.where.at} after the network is complete (after re-creating it, replacing "
                "layers or converting it)",
                stale=optimizer.stale,
                parameters=optimizer.parameters,
            )
        )
    return found
