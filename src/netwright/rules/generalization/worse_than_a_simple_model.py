"""The trained network is worse than a trivial or a simple model.

## What it measures
The experiment `seeds` trains the whole program with several seeds and reads the accuracy that its own evaluation computes; the experiment `simple-models` fits nearest neighbours, logistic regression and boosted
trees to the samples that the network is given, cross-validated, and counts the majority class. Compared are the upper end of the network's 95 % interval over seeds and the lower end of the best simple
model's interval over samples.

## Why it matters
A network that a model without tuning beats has not learned what its inputs say: it is trained too short or at the wrong rate, is too small, or a fault holds it back.

## How to fix
Train longer, and look at the other findings first; where none is left, the simple model is the better one.

## Known false alarms
The simple models are judged on the training set (by cross-validation), the network on its evaluation's data: where these are drawn from another distribution, the comparison is not fair. Runs that were
stopped before their end are not judged. It needs both experiments (`--only seeds --only simple-models`), and an accuracy that the evaluation computes with torch.

## Source
Tobin, "Troubleshooting deep neural networks" (compare with simple baselines); Karpathy, "A recipe for training neural networks" (baselines first).
"""

from ...evidence import Seeds, SimpleModels
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold

rule = Rule(
    code="NW707",
    name="worse-than-a-simple-model",
    severity=Severity.WARNING,
    kind=Kind.FIT,
    guides=("E2", "T9"),
    remedies=("wider-hidden-layers",),
    thresholds={
        "gap": Threshold(
            value=0.01,
            unit="of the answers",
            source="intervals over three seeds are narrow by luck at times; a hundredth is of no use to anyone",
        ),
    },
)


@rule.check
def check(seeds: Seeds, models: SimpleModels) -> Finding | None:
    """Hold the network's accuracy over seeds against that of the best simple model."""
    if seeds.steps is not None:
        raise NotApplicable(f"the runs were stopped after {seeds.steps} steps")
    spread = next((s for s in seeds.spreads if s.name.endswith("accuracy")), None)
    if spread is None:
        raise NotApplicable("the evaluation computes no accuracy with torch")
    known = [(s.model, s.accuracy, s.accuracy_low) for s in models.scores]
    known += [(b.name, b.accuracy, b.accuracy) for b in models.baselines]
    judged = [(name, a, low) for name, a, low in known if a is not None and low is not None]
    if not judged:
        raise NotApplicable("no simple model was judged by its accuracy")
    name, accuracy, low = max(judged, key=lambda k: k[2])
    if spread.high + rule["gap"] >= low:
        return None
    return rule.found(
        f"over {len(spread.values)} seeds the trained network gets {spread.mean:.1%} of its evaluation right (95 %: {spread.low:.1%} to {spread.high:.1%}); {name} gets "
        f"{accuracy:.1%} of {models.samples} training samples that it was not fitted to (at least {low:.1%})",
        where=models.loss_at,
        expected="a trained network that does better than a model without tuning",
        fix="train longer or at a better rate, and mend what else was found; otherwise use the simple model",
        network=spread.mean,
        network_high=spread.high,
        simple=accuracy,
        simple_low=low,
        model=name,
    )
