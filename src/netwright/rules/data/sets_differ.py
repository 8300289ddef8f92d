"""Training inputs and evaluation inputs can be told apart.

## What it measures
A two-sample test by classifiers on the inputs as they come in at the network's door: the level, the spread and the roughness (mean difference of neighbours) of each sample, and a linear model of these with the
means of parts of a sample, fitted to one half and asked about the other. Its measure is the area under the ROC curve (0.5: not to be told apart, 1: perfectly), with a 95 % interval. Samples
that are all rougher or more spread out on one side than on the other are a warning; so is a smaller difference of this kind that the program makes itself, by random numbers between the batch and the network: the same
samples are compared as they were before it. Any other clear difference is information.

## Why it matters
The network is asked about inputs unlike those it learned from. Noise that is only in training, a wrong preprocessing or another source of data show here; so does a split in time, which may be meant.

## How to fix
Look at a few samples of both sides beside each other. Apply the same preprocessing to both; make noise and augmentation weak enough that training inputs still look like real ones; draw the
validation set from where the program will be used, and keep a part of it like the training set (Tobin: two validation sets), so that the two causes of a gap can be told apart.

## Known false alarms
Splits in time, by region or by person differ on purpose (information only). Inputs that are symbols are not compared, nor are those spoilt on purpose (denoising), nor fewer than 30 samples of a side.

## Source
Lopez-Paz and Oquab, "Revisiting classifier two-sample tests" (2017); Tobin, "Troubleshooting deep neural networks" (distribution shift); Hanley and McNeil (1982) for the interval.
"""

from ...evidence import Separation, Splits
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold

rule = Rule(
    code="NW111",
    name="sets-differ",
    severity=Severity.WARNING,
    kind=Kind.DATA,
    guides=("T9",),
    explains=("NW702", "NW705"),
    remedies=("remove-augmentation",),
    thresholds={
        "apart": Threshold(
            value=0.95,
            unit="area under the ROC curve, lower 95 % limit",
            source="crops, flips, mixed images and trends stay below in healthy programs (FaultBench); two normal distributions whose means differ by 2.3 standard deviations",
        ),
        "known": Threshold(
            value=0.8,
            unit="area under the ROC curve, lower 95 % limit",
            source="a large effect: means that differ by 1.2 standard deviations (Cohen 1988 calls 0.8 large)",
        ),
        "made": Threshold(
            value=0.9,
            unit="area under the ROC curve, lower 95 % limit, by spread or roughness of batches that the program changes by random numbers",
            source="two normal distributions whose means differ by 1.8 standard deviations; in FaultBench the changes of SimCLR come to 0.80, mixed images to 0.57",
        ),
        "alike": Threshold(
            value=0.8,
            unit="area under the ROC curve, upper 95 % limit, of the same batches before that",
            source="no large effect: the sets themselves are alike",
        ),
    },
)
_WITHIN = ("spread", "roughness")
_BY_NOISE = ("remove-augmentation",)


@rule.check
def check(found: Splits) -> Finding | None:
    """Look at the differences, those within samples first."""
    if not found.separations:
        raise NotApplicable("inputs are symbols, or fewer than 30 samples of a side were seen")
    if found.paired:
        raise NotApplicable("inputs may be spoilt on purpose here")
    if (made := _made_here(found)) is not None:
        return made
    within = [s for s in found.separations if s.by in _WITHIN and s.low > rule["apart"]]
    if within:
        return _finding(found, within[0], Severity.WARNING)
    clear = [s for s in found.separations if s.low > rule["known"]]
    return _finding(found, clear[0], Severity.INFO) if clear else None


def _made_here(found: Splits) -> Finding | None:
    """The sets are alike until random numbers are put into the batches of one of them."""
    within = [s for s in found.separations if s.by in _WITHIN and (s.training or 0) > (s.evaluation or 0)]
    most = max(within, key=lambda s: s.low, default=None)
    before = max((s.high for s in found.unchanged), default=1.0)
    if most is None or not found.changed.known or most.low <= rule["made"] or before >= rule["alike"]:
        return None
    before = max(s.auc for s in found.unchanged)
    return rule.found(
        f"random numbers put into the training batches up to {found.changed.at} make them unlike the inputs of the evaluation: {_how(most)}, area under the ROC curve {most.auc:.3f}, 95 % interval "
        f"{most.low:.3f} to {most.high:.3f} ({found.training} and {found.evaluation} samples); before that it is {before:.3f} at most",
        where=found.changed,
        also=(found.where,),
        expected="changed samples that could be taken for samples of the evaluation",
        fix="weaken this step until its samples look like real ones, or take it out",
        remedies=_BY_NOISE,
        by=most.by,
        auc=most.auc,
        low=most.low,
        high=most.high,
        before=before,
        training_samples=found.training,
        evaluation_samples=found.evaluation,
    )


def _how(best: Separation) -> str:
    if best.by == "model":
        return "a linear model tells them apart"
    how = f"their {best.by} within a sample" if best.by in _WITHIN else "their level"
    return f"{how} tells them apart (median {best.training:.3g} in training, {best.evaluation:.3g} in evaluation)"


def _finding(found: Splits, best: Separation, severity: Severity) -> Finding:
    return rule.found(
        f"inputs of the evaluation are unlike those of training: {_how(best)}, area under the ROC curve {best.auc:.3f}, 95 % interval {best.low:.3f} to {best.high:.3f} "
        f"({found.training} and {found.evaluation} samples)",
        where=found.where,
        also=(found.trained_at,) if found.trained_at.known else (),
        severity=severity,
        expected="an area near 0.5 where both are drawn from the same data",
        fix="look at samples of both sides; preprocess both alike, and weaken noise or augmentation until training inputs look like real ones",
        remedies=(),
        by=best.by,
        auc=best.auc,
        low=best.low,
        high=best.high,
        training=best.training,
        evaluation=best.evaluation,
        training_samples=found.training,
        evaluation_samples=found.evaluation,
    )
