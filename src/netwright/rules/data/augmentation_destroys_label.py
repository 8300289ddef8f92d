"""The augmentation destroys the label.

## What it measures
Every batch as it was before the program changed it and as the network got it. Nearest neighbours, a logistic regression and, for images, one on the mean answers of random filters (which do not mind a shift)
are fitted to both, with cross-validation on the same samples; those fitted to changed samples are asked about unchanged ones, and where the change is always the same about changed ones too. It speaks
where less than two fifths are left of what the best of them knew above chance, at the ends of the 95 % intervals.

## Why it matters
What no longer shows its class teaches the wrong thing: the network learns to answer by something else, or nothing.

## How to fix
Look at augmented samples: a person should still be able to name their class. Weaken the augmentation or take out the part that breaks the order of rows, columns or channels.

## Known false alarms
Targets that are changed together with the inputs (mixed samples), targets of several numbers and tasks without classes are not judged; nor is augmentation inside a dataset or a loader's workers, whose
plain samples are not seen.

## Source
Emam, "Troubleshooting convolutional neural networks": check that data and labels match after augmentation. Cubuk et al., "RandAugment" (2020): the best strength depends on the task, and too much of it harms.
"""

from ...evidence import SimpleModels
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold

rule = Rule(
    code="NW120",
    name="augmentation-destroys-label",
    severity=Severity.WARNING,
    kind=Kind.DATA,
    guides=("E3",),
    explains=("NW111", "NW702", "NW705", "NW707"),
    thresholds={
        "left": Threshold(
            value=0.4,
            unit="share of the accuracy above chance that is left",
            source="on MNIST flips, shifts by a third of the width, crops to half of it and noise of six standard deviations leave 0.8 or more, any rotation half, and shuffled rows a third",
        ),
        "known": Threshold(
            value=0.2,
            unit="accuracy above the most frequent class",
            source="below it there is too little to lose to be measured on some hundred samples",
        ),
    },
)


@rule.check
def check(found: SimpleModels) -> Finding | None:
    """Compare what simple models know before and after."""
    views = found.views
    if views is None:
        raise NotApplicable(found.no_views or "augmentation was not looked at")
    known = views.before_low - views.chance
    if known < rule["known"]:
        raise NotApplicable("simple models know too little of the unchanged samples")
    left = (views.after_high - views.chance) / known
    if left >= rule["left"]:
        return None
    return rule.found(
        f"what is done to a batch before the network gets it, up to {views.where.at}, destroys its labels: simple models name the class of {views.before:.0%} of {views.samples} unchanged samples that they were "
        f"not fitted to, and of {views.after:.0%} after it (the most frequent class alone: {views.chance:.0%})",
        where=views.where,
        expected="changed samples that still show their class",
        fix="look at changed samples beside their labels; weaken this step or take it out",
        before=views.before,
        before_low=views.before_low,
        after=views.after,
        after_high=views.after_high,
        chance=views.chance,
        left=left,
        samples=views.samples,
    )
