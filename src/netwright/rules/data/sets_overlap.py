"""Samples of the evaluation are among those trained on.

## What it measures
The inputs as they come in at the network's door, in the evaluation and in the training steps that were seen. Twins are counted: samples of the evaluation that are equal to a training sample bit for
bit, and those nearer to one than a hundredth of the usual distance of neighbours. Data sets have twins of their own; how many these explain is bounded by the twins within single batches. It speaks where
the share of twins is above both that bound and a fiftieth, with its 95 % interval.

## Why it matters
What the network has learned by heart it answers rightly: the score on such samples says nothing about new ones.

## How to fix
Split before anything else: before samples are copied, oversampled or cut into overlapping pieces, by person or recording where several samples belong to one. Drop duplicates first.
`netwright fix` has no remedy for it: mended, the evaluation gets worse, since it was too good, so no trial can prove it; and on which side a sample belongs is for a person to say.

## Known false alarms
Whether an evaluation on training data is a mistake only the program's words tell: it is looked at where the data are called test or validation data (``x_test``, ``val_loader``), and
nothing else there speaks of training. Training inputs that are augmented are not recognised. One network over one table of all samples (graphs with masks) is not judged.

## Source
Tobin, "Troubleshooting deep neural networks" (dataset construction); Barz and Denzler, "Do we train on test data? Purging CIFAR of near-duplicates" (2020); Kapoor and Narayanan, "Leakage and the
reproducibility crisis in machine-learning-based science" (2023).
"""

from ...evidence import Splits
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold
from .._shares import share_interval

rule = Rule(
    code="NW110",
    name="sets-overlap",
    severity=Severity.WARNING,
    kind=Kind.DATA,
    guides=("T9",),
    explains=("NW702",),
    thresholds={
        "share": Threshold(
            value=0.02,
            unit="share of the evaluation's samples, lower 95 % limit",
            source="3 % of CIFAR-10's test images have a near duplicate in its training set, which changes what is measured (Barz and Denzler 2020)",
        ),
        "twins": Threshold(value=3, unit="samples", source="one or two may be a coincidence"),
    },
)


@rule.check
def check(found: Splits) -> Finding | None:
    """Compare the share of twins with what natural duplicates explain."""
    if found.whole:
        raise NotApplicable("training and evaluation give the network the same table of samples")
    twins = found.equal + found.near
    if twins < rule["twins"]:
        return None
    if found.held_out is None:
        raise NotApplicable(
            "nothing calls the evaluated data test or validation data, so they may be training data on purpose"
        )
    low, high = share_interval(twins, found.evaluation)
    if found.chance is None or low <= found.chance:
        raise NotApplicable("the data have so many duplicates of their own that twins say nothing")
    if low <= rule["share"]:
        return None
    kinds = f"{found.equal} equal, {found.near} nearly so" if found.near else "equal bit for bit"
    return rule.found(
        f"{twins} of {found.evaluation} samples that the evaluation gets ({found.held_out}) are among the {found.training} training samples seen ({kinds}): {twins / found.evaluation:.0%}, "
        f"95 % interval {low:.0%} to {high:.0%}, where duplicates within the data explain at most {found.chance:.0%}",
        where=found.where,
        also=(found.trained_at,) if found.trained_at.known else (),
        expected="no sample of the evaluation is trained on",
        fix="split before samples are copied, oversampled or cut into pieces, and drop duplicates first; keep all samples of one person or recording on one side",
        equal=found.equal,
        near=found.near,
        evaluation_samples=found.evaluation,
        training_samples=found.training,
        share=twins / found.evaluation,
        low=low,
        high=high,
        chance=found.chance,
    )
