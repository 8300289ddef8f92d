"""The augmentation destroys the label, or the validation set is augmented.

## What it measures
Every batch as it was before the program changed it and as the network got it. Nearest neighbours, a logistic regression and, for images, one on the mean answers of random filters (which do not mind a shift)
are fitted to both, with cross-validation on the same samples; those fitted to changed samples are asked about unchanged ones, and where the change is always the same about changed ones too. It speaks
where less than two fifths are left of what the best of them knew above chance, at the ends of the 95 % intervals. And the dataset of the evaluation: some items are fetched twice, with the same index,
from a copy of it.

## Why it matters
What no longer shows its class teaches the wrong thing: the network learns to answer by something else, or nothing. A validation set that is augmented measures the augmentation, differently each time.

## How to fix
Look at augmented samples: a person should still be able to name their class. Weaken the augmentation or take out the part that breaks the order of rows, columns or channels. Evaluate on plain samples.

## Known false alarms
Targets that are changed together with the inputs (mixed samples), targets of several numbers and tasks without classes are not judged; nor is augmentation inside a dataset or a loader's workers, whose
plain samples are not seen. Averaging over augmented copies of a test sample is reported. Datasets that cannot be copied, that hold more than 64 MB or whose items are slow are left alone.

## Source
Emam, "Troubleshooting convolutional neural networks": check that data and labels match after augmentation. Cubuk et al., "RandAugment" (2020): the best strength depends on the task, and too much of it harms.
"""

from ...evidence import EvaluationItems, SimpleModels
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold

rule = Rule(
    code="NW120",
    name="augmentation-destroys-label",
    severity=Severity.WARNING,
    kind=Kind.DATA,
    guides=("E3",),
    explains=("NW111", "NW702", "NW705", "NW707"),
    remedies=("remove-augmentation",),
    thresholds={
        "left": Threshold(
            value=0.4,
            unit="share of the accuracy above chance that is left",
            source="on digits shifts and noise leave more than 0.6, shuffled rows, pixels or samples less than 0.4 (tests/experiments/test_views.py)",
        ),
        "known": Threshold(
            value=0.2,
            unit="accuracy above the most frequent class",
            source="below it there is too little to lose to be measured on some hundred samples",
        ),
        "items": Threshold(
            value=4,
            unit="items fetched twice, all of which differ",
            source="random changes of all items leave none as it was",
        ),
    },
)


@rule.check
def check(found: SimpleModels | None, items: EvaluationItems | None) -> list[Finding]:
    """Compare what simple models know before and after; look whether items of the evaluation stay the same."""
    if (found is None or found.views is None) and items is None:
        why = found.no_views if found is not None else ""
        raise NotApplicable(
            why or "neither what is done to batches of classes nor the evaluation's items were seen"
        )
    destroyed = _destroyed(found) if found is not None else None
    changing = _changing(items) if items is not None else None
    return [f for f in (destroyed, changing) if f is not None]


def _destroyed(found: SimpleModels) -> Finding | None:
    views = found.views
    known = views.before_low - views.chance if views is not None else 0.0
    if views is None or known < rule["known"]:
        return None
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


def _changing(items: EvaluationItems) -> Finding | None:
    if items.differing < rule["items"] or items.differing < items.fetched:
        return None
    return rule.found(
        f"the evaluation's dataset is augmented: {items.differing} of {items.fetched} items fetched twice with the same index differ, by up to {items.largest:.2g} standard deviations, while their class stays the same",
        where=items.where,
        expected="an evaluation on the same samples every time",
        fix="give the evaluation a dataset without random transforms (of one dataset that is split, a second one with the same split)",
        fetched=items.fetched,
        differing=items.differing,
        largest=items.largest,
    )
