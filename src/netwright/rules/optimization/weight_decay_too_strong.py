"""Weight decay outweighs the gradient, and the loss falls much less for it.

## What it measures
On copies of the program's parameters, from the first weights: the same steps on the same batches with the weight decay of the program and without it. How large the decay's part of the update is beside the
gradient's, and where the loss ends. In a run that is watched: whether most weights shrink to a fraction of their first size while the loss stands; or shrink at all, while the decay's part of the update is large beside the gradient's and more than a tenth
of the first loss is left.

## Why it matters
Where the decay outweighs the gradient, the weights go to 0 whatever the data says. The loss stays near that of a network that always gives the same answer.

## How to fix
Begin with 1e-4 for SGD and 0.01 for AdamW, and raise it only when validation gets better by it.

## Known false alarms
The decay must be at least a tenth of the gradient in size, and the loss must fall by less than half of what it falls without it, in the middle of the steps and at their end. Effects that take thousands of steps are
not seen.

## Source
Andriushchenko et al., "Why do we need weight decay in modern deep learning?" (2023), for usual strengths; Google, "Deep learning tuning playbook", on regularization that is too strong.
"""

import statistics

from ...evidence import NOWHERE, Events, History, Optimizers, Parameters, Task, WeightDecay
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold
from .._history import beginning, current_loss, flat_loss, last, optimizer_place, shrunk, usual
from .._weight_decay import FORGETS, Pull, pulls

rule = Rule(
    code="NW506",
    name="weight-decay-too-strong",
    severity=Severity.WARNING,
    kind=Kind.HYPERPARAMETER,
    guides=("E10",),
    explains=("NW601", "NW605", "NW701"),
    remedies=("weaker-weight-decay",),
    thresholds={
        "share": Threshold(
            value=0.1,
            unit="of the gradient's part of the update; apart from it, hundredths of the weights in a step",
            source="where weights come to rest the decay equals the mean gradient, and the noise of batches makes single gradients several times larger",
        ),
        "lost": Threshold(
            value=0.5,
            unit="of the fall of the loss",
            source="the decay takes at least half of the progress away",
        ),
        "fallen": Threshold(
            value=0.15,
            unit="of the loss, without decay",
            source="without a clear fall there is nothing to lose",
        ),
        "norm": Threshold(
            value=0.5,
            unit="of their first norm, the median of all weight tensors",
            source="in the healthy recipes of FaultBench the median stays above 0.95",
        ),
        "shrunk": Threshold(
            value=0.8,
            unit="of their first norm, the median of all weight tensors, where the decay is as strong as `share` says",
            source="in the healthy recipes of FaultBench the median stays above 0.95",
        ),
        "left": Threshold(
            value=0.1,
            unit="of the first losses",
            source="a network that has lost nine tenths of its loss learns all the same",
        ),
        "samples": Threshold(value=4, unit="last samples", source="as for a rate that is too low (NW502)"),
        "early": Threshold(value=24, unit="losses", source="as for a rate that is too low (NW502)"),
        "stands": Threshold(value=0.1, unit="of the loss", source="as for a loss that does not fall (NW601)"),
        "steps": Threshold(value=100, unit="losses", source="as for a loss that does not fall (NW601)"),
    },
)


@rule.check
def check(
    found: WeightDecay | None,
    task: Task | None = None,
    events: Events | None = None,
    history: History | None = None,
    parameters: Parameters | None = None,
    optimizers: Optimizers | None = None,
) -> Finding | None:
    """Ask whether the decay is large, and costs most of the progress in both halves; in a watched run, whether the weights shrink while the loss stands."""
    if found is not None:
        return _tried(found)
    if history is None:
        raise NotApplicable("neither was the decay left out on trial nor the run watched")
    norms = shrunk(history, parameters)
    left = statistics.median(norms or [1.0])
    stands = None
    if left < rule["shrunk"] and parameters is not None and optimizers is not None:
        stands = _outweighs(history, task, pulls(history, parameters, optimizers, int(rule["samples"])))
    if stands is None and left < rule["norm"]:
        flat = flat_loss(history, task, events, rule["stands"], rule["steps"])
        if flat is not None:
            _, level, slope = flat
            stands = f"and the loss ({level:.3g}) has fallen by {max(slope.most, 0) / level:.1%} at most"
    if stands is None:
        return None
    return rule.found(
        f"in {history.steps} steps the weights have shrunk to {left:.2f} of their first norm (the median of {len(norms)} tensors), {stands}",
        where=optimizer_place(history) or NOWHERE,
        expected="weights that keep their size, or grow, while the loss falls",
        fix="divide the weight decay by 100, or leave it out first; see that no penalty is added to the loss as well",
        norm=left,
    )


def _outweighs(history: History, task: Task | None, pulls: list[Pull]) -> str | None:
    """What is said of a decay that is strong beside what else moves the weights, while most of the loss is still there."""
    if not pulls or statistics.median(p.times for p in pulls) < rule["share"]:
        return None
    _, series = current_loss(history, task)
    first, now = beginning(series), usual(last(series, 2 * int(rule["samples"])))
    if len(series) < rule["early"] or not now > rule["left"] * first > 0:
        return None
    middle = sorted(pulls, key=lambda p: p.times)[len(pulls) // 2]
    how = (
        f"takes {middle.times * FORGETS:.2g} of every weight away in a step"
        if middle.apart
        else f"is {middle.times:.2g} times the gradient of the loss"
    )
    return f"weight_decay={middle.decay:g} {how} (the median of {len(pulls)} tensors), and the loss is {now:.3g} after {first:.3g} at the start"


def _tried(found: WeightDecay) -> Finding | None:
    if found.share < rule["share"] or not (_costs(found.middle) and _costs(found.end)):
        return None
    with_it, without = found.end
    comes = f"{with_it:.2f} times what it was" if with_it is not None else "no number any more"
    decay = max(found.decays)
    return rule.found(
        f"with weight_decay={decay:g} the loss is {comes} after {found.steps} steps, and {without or 0.0:.2f} times without it; the decay's part of the update is {found.share:.2g} times the gradient's, and "
        f"the weights go to {found.shrunk[0]:.2f} of their size ({found.shrunk[1]:.2f} without it)",
        where=found.where,
        expected="a decay whose part of the update is far below the gradient's in the first steps",
        fix=f"try weight_decay={decay / 100:g}, or 0 first",
        share=found.share,
        with_decay=with_it,
        without_decay=without,
        shrunk=found.shrunk[0],
        steps=found.steps,
    )


def _costs(losses: tuple[float | None, float | None]) -> bool:
    with_it, without = losses
    if without is None or 1 - without < rule["fallen"]:
        return False
    return with_it is None or 1 - with_it < rule["lost"] * (1 - without)
