"""Something besides the optimizer changes the weights it trains.

## What it measures
Whether parameters that an optimizer trains have other values at a step than after the previous one, in how many of the gaps
between steps, the call that wrote them, and what the change comes to: other random numbers, one factor for all values, the values from before the step.

## Why it matters
Initializers inside the loop undo the training again and again. An update by hand beside the optimizer's applies every
gradient twice. Weights put back to what they were before the step, or multiplied by a factor well below 1 after every step, learn nothing: at 0.9 only the
last ten updates or so are left.

## How to fix
Initialize once, before the loop. Leave updates to the optimizer, and decay to its ``weight_decay``.

## Known false alarms
Weight clipping (WGAN), renormalized prototypes or embeddings, pruning masks, decay or noise by hand and loaded weights (federated
and meta-learning) change weights on purpose and are information. A factor by hand is reported only where it leaves less than a
hundredth of each update after a few hundred steps. Averages and target networks are in no optimizer and are not
looked at.

## Source
Cecelia Shao, "Checklist for debugging neural networks" (wrong update expressions). Loshchilov and Hutter, "Decoupled weight decay regularization" (2019): the decay
per step is the learning rate times a coefficient, 0.0001 and less in all recipes that they give.
"""

import statistics

from ...evidence import Optimizers, ParameterInfo, Parameters
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold
from .._gradients import first_known, listed, optimized

rule = Rule(
    code="NW418",
    name="weights-change-outside-optimizer",
    severity=Severity.ERROR,
    kind=Kind.BUG,
    guides=("S4",),
    remedies=("leave-weights-alone",),
    explains=("NW421", "NW501", "NW601", "NW701"),
    thresholds={
        "gaps": Threshold(
            value=2, unit="gaps between steps", source="one change may be a restart or a reload on purpose"
        ),
        "decay": Threshold(
            value=0.99,
            unit="factor between two steps",
            source="weight decay in use multiplies by 0.9999 and more (Loshchilov and Hutter 2019); this is a hundred times as much",
        ),
    },
)

_DRAWS = frozenset(
    "normal uniform trunc_normal kaiming_uniform kaiming_normal xavier_uniform xavier_normal orthogonal".split()
)


def _manner(p: ParameterInfo) -> str:
    op = (p.outside_op or "").strip("_")
    if op in _DRAWS:
        return "initialized again"
    if p.restored >= max(rule["gaps"], p.outside_gaps - 1):
        return "put back to what they were"
    scales = [s for s in p.outside_scales if s is not None and abs(s) < rule["decay"]]
    if len(scales) >= rule["gaps"] and len(scales) == p.outside_gaps:
        return f"multiplied by {statistics.median(scales):.3g}"
    return "updated by hand with its gradient" if p.outside_gradient else "changed"


@rule.check
def check(parameters: Parameters, optimizers: Optimizers) -> list[Finding]:
    """Trained parameters that change between steps, gathered by manner and line."""
    if not any(o.steps for o in optimizers.optimizers):
        raise NotApplicable("no optimizer made a step in the steps seen")
    gathered: dict[tuple[str, str], list[ParameterInfo]] = {}
    for p in parameters.parameters:
        wanted = p.registered and p.requires_grad and optimized(p, optimizers)
        if wanted and p.changed_outside is not None and p.outside_gaps >= rule["gaps"]:
            gathered.setdefault((_manner(p), p.changed_outside.at), []).append(p)
    return [_finding(manner, changed) for (manner, _), changed in gathered.items()]


def _finding(manner: str, changed: list[ParameterInfo]) -> Finding:
    names = [p.name for p in changed]
    where = first_known(*(p.changed_outside for p in changed))
    gaps = max(p.outside_gaps for p in changed)
    fix = f"remove the change at {where.at}, or make it a part of the optimizer's step"
    if manner == "initialized again":
        fix = f"initialize once, before the training loop, not at {where.at}"
    elif manner.startswith("multiplied"):
        fix = f"remove the factor at {where.at}; to keep weights small use the optimizer's weight_decay"
    op = next((p.outside_op for p in changed if p.outside_op), None)
    by = f" by {op} at {where.at}" if op else ""
    return rule.found(
        f"{len(changed)} parameters that the optimizer trains are {manner} between its steps ({gaps} times){by}: {listed(names)}",
        where=where,
        severity=Severity.INFO if manner == "changed" else None,
        expected="between two steps of the optimizer its weights stay as they are",
        fix=fix,
        parameters=names,
        gaps=gaps,
        operation=op,
    )
