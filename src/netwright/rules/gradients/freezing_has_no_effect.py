"""Parameters that were meant to be frozen train on.

## What it measures
Parameters that trained although their module (or they themselves) carries a plain attribute that reads like a wish to freeze:
``module.requires_grad = False`` or a misspelt ``parameter.require_grad = False``. And parameters with
``requires_grad=False`` that a step of an optimizer changed nevertheless.

## Why it matters
Assigning ``requires_grad`` on a module only makes a new attribute: nothing is frozen, and pretrained weights are overwritten.
A frozen parameter that still has an old gradient goes on moving with momentum and weight decay.

## How to fix
``module.requires_grad_(False)``, or set ``requires_grad`` on each parameter; hand the optimizer only what trains.

## Known false alarms
None known: networks that are frozen and released in turn (GANs) are judged by their state at the step.

## Source
PyTorch documentation of ``nn.Module.requires_grad_`` and of ``Tensor.requires_grad``.
"""

from ...evidence import ParameterInfo, Parameters
from ...rule import Finding, Kind, Rule, Severity
from .._gradients import first_known, listed

rule = Rule(
    code="NW420",
    name="freezing-has-no-effect",
    severity=Severity.ERROR,
    kind=Kind.BUG,
    guides=("E10",),
    remedies=("freeze-module",),
    explains=(
        "NW601",
        "NW701",
    ),
)


@rule.check
def check(parameters: Parameters) -> list[Finding]:
    """Vain freezing first, then frozen parameters that moved."""
    vain: dict[object, list[ParameterInfo]] = {}
    for p in parameters.parameters:
        if p.frozen_in_vain is not None and p.requires_grad and p.changed:
            written, line = p.frozen_in_vain
            vain.setdefault((written.rpartition(".")[2], line.file, line.line), []).append(p)
    found = [_vain(moved) for moved in vain.values()]
    still = [p for p in parameters.parameters if p.changed_while_frozen]
    return [*found, _moved(still)] if still else found


def _vain(moved: list[ParameterInfo]) -> Finding:
    names = [p.name for p in moved]
    written = next(p.frozen_in_vain[0] for p in moved if p.frozen_in_vain)
    where = first_known(*(p.frozen_in_vain[1] for p in moved if p.frozen_in_vain), *(p.where for p in moved))
    return rule.found(
        f"{written} = False freezes nothing: {len(moved)} parameters beneath it still train: {listed(names)}",
        where=where,
        expected="frozen parameters have requires_grad=False and do not change",
        fix=f"write requires_grad_(False) on the module (or requires_grad = False on each parameter) at {where.at}",
        written=written,
        parameters=names,
    )


def _moved(moved: list[ParameterInfo]) -> Finding:
    names = [p.name for p in moved]
    where = first_known(*(p.frozen_at for p in moved), *(p.where for p in moved))
    return rule.found(
        f"{len(moved)} parameters with requires_grad=False were changed by an optimizer's step (an old gradient, momentum or "
        f"weight decay): {listed(names)}",
        where=where,
        severity=Severity.WARNING,
        expected="frozen parameters do not change",
        fix=f"set their .grad to None when freezing at {where.at}, and leave them out of the optimizer",
        parameters=names,
    )
