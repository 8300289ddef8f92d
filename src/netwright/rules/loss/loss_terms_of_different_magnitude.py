"""One part of the loss hardly steers the parameters that it shares with the others.

## What it measures
The loss is taken apart into its additive terms, and the gradient of each with respect to the shared parameters is measured at the first weights, on all captured batches. Reported is a known loss
with its own target out of the data that has less than a hundredth of the sum of gradient norms in every batch, although it is added with the same factor as the others. Where training
on it alone lowers it and training on the whole loss does not, this is a warning.

## Why it matters
The shared layers are trained for the large term only. The small one is in the sum and in the code, but its task gets what the other leaves.

## How to fix
Bring the terms to one order of magnitude: normalize the targets, use means instead of sums, give each term a factor.

## Known false alarms
Auxiliary terms with a small factor, penalties on weights, divergences in a variational autoencoder and other terms without a target are small by intention and are not reported. Adam trains
what a small term has to itself at full speed, so that this is mostly worth knowing only.

## Source
Shao, "Checklist for debugging neural networks" ("several losses of one order of magnitude"); Chen et al., "GradNorm" (2018), for gradient norms at shared weights as the measure.
"""

from collections.abc import Sequence

from ...evidence import InitialLoss, TermShare
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold

rule = Rule(
    code="NW308",
    name="loss-terms-of-different-magnitude",
    severity=Severity.INFO,
    kind=Kind.HYPERPARAMETER,
    guides=("S3",),
    thresholds={
        "share": Threshold(
            value=0.01,
            unit="of the gradient norms at shared parameters",
            source="two orders of magnitude; GradNorm balances ratios of a few",
        ),
        "factor": Threshold(
            value=0.99,
            unit="of the largest factor",
            source="a smaller factor was chosen by the author of the program",
        ),
        "falls": Threshold(
            value=0.9,
            unit="of the term before, trained alone",
            source="a term that does not fall by itself in these steps tells nothing about the sum",
        ),
        "progress": Threshold(
            value=0.1,
            unit="of the fall it has alone",
            source="an order of magnitude slower than by itself",
        ),
    },
)


@rule.check
def check(tried: InitialLoss) -> list[Finding]:
    """Compare gradients of known losses that are added with one factor."""
    if len(tried.terms) < 2:
        raise NotApplicable("the loss is not a sum of parts that can be told apart")
    if all(t.gradient_share is None for t in tried.terms):
        raise NotApplicable("the parts of the loss share no parameters")
    largest = max(tried.terms, key=lambda t: t.gradient_share[0] if t.gradient_share else 0.0)
    if largest.penalty:
        return []
    top = max(abs(t.slope) for t in tried.terms)
    return [
        _found(term, largest, tried.batches, tried.terms)
        for term in tried.terms
        if term.supervised
        and term.reaches
        and term.gradient_share is not None
        and term.gradient_share[1] < rule["share"]
        and any(n > 0 for n in term.norms)
        and abs(term.slope) >= rule["factor"] * top
    ]


def _found(term: TermShare, largest: TermShare, batches: int, terms: Sequence[TermShare]) -> Finding:
    harmed = (
        term.alone is not None
        and term.together is not None
        and term.alone <= rule["falls"]
        and 1 - term.together < rule["progress"] * (1 - term.alone)
    )
    trained = (
        f"; trained alone for {term.steps} steps it falls to {term.alone:.0%}, in the sum it comes to {term.together:.0%}"
        if term.alone is not None and term.together is not None
        else ""
    )
    share = term.gradient_share[1] if term.gradient_share else 0.0
    return rule.found(
        f"{term.op} at {term.where.at} has at most {share:.2%} of the gradient at shared parameters over {batches} batches, {largest.op} at {largest.where.at} nearly all of it{trained}",
        where=term.where,
        also=(largest.where,),
        severity=Severity.WARNING if harmed else None,
        expected=f"{len(terms)} terms whose gradients are of one order of magnitude",
        fix="normalize the targets, use means in place of sums, or give the terms factors that bring their gradients together",
        gradient_share=share,
        value_share=term.value_share[1],
        alone=term.alone,
        together=term.together,
        batches=batches,
    )
