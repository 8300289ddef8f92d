"""The training set is small for the task, and more of it would help.

## What it measures
The length of the dataset behind the training loader, or, where the captured batches began to repeat themselves, the number of distinct samples in them: per class, and whether ridge regression still gains from the second
half of the samples seen.

## Why it matters
With few samples per class the test error is mostly variance: more data, augmentation or a pretrained network are worth more than any change of the network.

## How to fix
Collect or generate more samples, augment, start from a pretrained network, or take a simple model.

## Known false alarms
Some problems are easy enough for fifty samples: it is information.

## Source
Tobin, "Troubleshooting deep neural networks", dataset construction; Goodfellow et al., "Deep learning" (2016), chapter 1: about 5000 labeled samples per class for acceptable results.
"""

from ...evidence import Loaders, SimpleModels
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold

rule = Rule(
    code="NW116",
    name="too-few-samples",
    severity=Severity.INFO,
    kind=Kind.DATA,
    guides=("T0", "E13"),
    thresholds={
        "per-class": Threshold(
            value=50,
            unit="samples per class",
            source="a hundredth of what Goodfellow et al. (2016) call acceptable",
        ),
        "amounts": Threshold(
            value=500, unit="samples where there are no classes", source="ten times the same"
        ),
        "gain": Threshold(
            value=0.02,
            unit="share of the variance from half to all samples",
            source="a learning curve that has ended gains nothing",
        ),
        "repeats": Threshold(
            value=0.2,
            unit="share of the rows seen before",
            source="batches of an epoch do not repeat before it ends",
        ),
    },
)


@rule.check
def check(found: SimpleModels, loaders: Loaders) -> Finding | None:
    """Compare the size of the training set with what is to be learned."""
    lengths = [
        x.dataset_length for x in loaders.loaders if x.role == "train" and x.dataset_length is not None
    ]
    repeated = 1 - found.samples / found.rows
    if lengths:
        size = max(lengths)
    elif repeated >= rule["repeats"]:
        size = found.samples
    else:
        raise NotApplicable("the size of the training set is not known")
    least = rule["per-class"] * found.classes if found.classes is not None else rule["amounts"]
    ridge = next((s for s in found.scores if s.model == "ridge"), None)
    if size >= least or ridge is None or found.half_score is None:
        return None
    gain = ridge.score - max(found.half_score, 0.0)
    if gain < rule["gain"]:
        return None
    each = f", {size / found.classes:.0f} per class" if found.classes is not None else ""
    return rule.found(
        f"about {size} training samples{each}, and ridge regression explains {found.half_score:.1%} of the targets' variance with half of those seen, {ridge.score:.1%} with all: more of them would help",
        where=loaders.loaders[0].where if lengths else found.inputs_at,
        expected="a training set from which a simple model gains no more",
        fix="more samples, augmentation, or a pretrained network",
        size=size,
        half=found.half_score,
        whole=ridge.score,
        classes=found.classes,
    )
