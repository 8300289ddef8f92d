"""Gradients are clipped to a small part of what they are, at every step.

## What it measures
The norm of all gradients after each backward pass against the limit that ``clip_grad_norm_`` is given before the step, and what kind of optimizer makes the step. In a run that is watched: whether every call clips, while the loss stands.

## Why it matters
Under SGD the step is the rate times the gradient. A limit that is a hundredth of every gradient makes every step a hundredth of what the rate says, and all steps equally long: it
is another, much smaller learning rate, whatever the loss.

## How to fix
Print the norm that ``clip_grad_norm_`` returns over some hundred steps, and set the limit around the usual one, so that it cuts off only the largest.

## Known false alarms
Adam and its relatives divide by the size of the gradient, so that the limit does not matter: they are not looked at. Limits of a tenth of the gradient, as are usual for recurrent
networks, are not reported, nor are gradients that are large in the first steps only, as far as the steps seen tell.

## Source
Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks" (2013), section 3.2: thresholds from half to ten times the average norm.
"""

import statistics

from ...evidence import NOWHERE, Event, Events, History, OptimizerInfo, Optimizers, Task
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold
from .._gradients import SCALED_STEP, flag, learning_rates, number
from .._history import flat_loss, last

rule = Rule(
    code="NW413",
    name="clipping-always-active",
    severity=Severity.WARNING,
    kind=Kind.HYPERPARAMETER,
    guides=("H6",),
    remedies=("raise-clip-limit",),
    explains=("NW502", "NW601", "NW610"),
    thresholds={
        "share": Threshold(
            value=0.01,
            unit="limit over gradient norm",
            source="Pascanu et al. 2013: half of the average norm at least; this is fifty times less",
        ),
        "steps": Threshold(
            value=4, unit="clipped steps", source="the first gradients may be far above the later ones"
        ),
        "always": Threshold(
            value=0.99, unit="of the last calls", source="a limit around the usual norm clips half of them"
        ),
        "calls": Threshold(
            value=100, unit="calls and losses", source="as for a loss that does not fall (NW601)"
        ),
        "fall": Threshold(value=0.1, unit="of the loss", source="as for a loss that does not fall (NW601)"),
    },
)


@rule.check
def check(
    events: Events, optimizers: Optimizers, task: Task | None = None, history: History | None = None
) -> Finding | None:
    """Compare the limit with the gradient at every clipping; in a watched run, ask whether all are clipped while the loss stands."""
    clips = [e for e in events.of("clip") if e.detail.get("kind") == "clip_grad_norm_" and number(e, "limit")]
    if not clips:
        raise NotApplicable("gradients are not clipped to a norm")
    stepping = [o for o in optimizers.optimizers if o.steps]
    if not stepping or any(o.type not in SCALED_STEP for o in stepping):
        raise NotApplicable("the optimizer's step does not grow with the gradient")
    shares = _shares(events)
    if len(shares) < rule["steps"] or max(shares) > rule["share"]:
        return None if history is None else _over_the_run(history, task, events, clips[-1], stepping[0])
    return _finding(clips[-1], statistics.median(shares), len(shares), stepping[0])


def _over_the_run(
    history: History, task: Task | None, events: Events, clip: Event, optimizer: OptimizerInfo
) -> Finding | None:
    calls = int(rule["calls"])
    active = [s for n, s in history.under("clip") if n.endswith("/active") and len(s) >= calls]
    shares = [sum(recent) / len(recent) for s in active if (recent := last(s, calls).values)]
    if not shares or min(shares) < rule["always"]:
        return None
    flat = flat_loss(history, task, events, rule["fall"], rule["calls"])
    if flat is None:
        return None
    _, level, slope = flat
    limit = number(clip, "limit")
    return rule.found(
        f"clip_grad_norm_ at {clip.where.at} has shortened the gradient at {min(shares):.0%} of the last {calls} steps"
        + (f" (limit {limit:g})" if limit is not None else "")
        + f", and the loss ({level:.3g}) has fallen by {max(slope.most, 0) / level:.1%} at most: {optimizer.type} makes steps of one length, whatever the gradient",
        where=clip.where if clip.where.known else NOWHERE,
        also=(optimizer.where,),
        expected="a limit around the usual norm of the gradients, that cuts off only the largest",
        fix=f"print what clip_grad_norm_ returns, and set the limit at {clip.where.at} around the usual norm",
        remedies=(),
        limit=limit,
        share=min(shares),
    )


def _shares(events: Events) -> list[float]:
    """What the limit leaves of the gradient at each clipping."""
    found: list[float] = []
    gradient: float | None = None
    for event in events.of("backward", "clip"):
        if event.kind == "backward":
            gradient = None if flag(event, "scaled") else number(event, "gradient")
            continue
        limit = number(event, "limit")
        if gradient and limit is not None and event.detail.get("kind") == "clip_grad_norm_":
            found.append(min(1.0, limit / gradient))
            gradient = None
    return found


def _finding(clip: Event, share: float, steps: int, optimizer: OptimizerInfo) -> Finding:
    at, limit = clip.where.at, number(clip, "limit") or 0.0
    rate = max(learning_rates(optimizer), default=0.0)
    return rule.found(
        f"clip_grad_norm_ at {at} leaves {share:.1g} of every gradient in {steps} steps (limit {limit:g}, norm about {limit / share:.3g}): with "
        f"{optimizer.type} at rate {rate:g} the steps are those of a rate of {rate * share:.1g}",
        where=clip.where,
        also=(optimizer.where,),
        expected="a limit around the usual norm of the gradients, that cuts off only the largest",
        fix=f"raise the limit at {at} to about {limit / share:.1g}",
        limit=limit,
        share=share,
        steps=steps,
    )
