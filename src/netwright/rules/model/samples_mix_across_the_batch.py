"""The outputs of one sample depend on the other samples of the batch.

## What it measures
The captured step is run again with one sample of the batch replaced, and again with all others replaced. Outputs of the network that change both times depend on several samples; the first
call at which samples meet is named. Batch normalization, by torch or by hand (a mean and a spread over the batch), is held at the statistics of the recorded batch.

## Why it matters
What the network says about a sample depends on which others happen to be in the batch: results change with the batch size and the order, a single sample cannot be judged, and validation figures
are not those of later use. Attention over the batch also never looks along the sequence.

## How to fix
Keep the samples on an axis of their own: ``batch_first=True`` for inputs of shape (batch, time, features), means over ``dim=1``, ``permute`` where ``view`` and ``reshape`` would only count on in memory,
``softmax(dim=-1)``.

## Known false alarms
Not judged are networks that compare samples on purpose with an output for every pair (contrastive losses), rows that data or a drawn permutation relate to each other (graphs, mixup inside the network), and rows that are not known to be independent
samples (steps of a series, nodes of a graph: no loader that shuffles and no index picked them). Means over the batch may be meant as a statistic: a warning; other ways of mixing are errors.

## Source
Karpathy, "A recipe for training neural networks": use backprop to chart dependencies (batch and sequence mixed by ``view`` instead of ``transpose``).
"""

from ...evidence import Independence, SampleMixing
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold

rule = Rule(
    code="NW217",
    name="samples-mix-across-the-batch",
    severity=Severity.ERROR,
    kind=Kind.BUG,
    guides=("T4", "S4"),
    explains=("NW406", "NW601", "NW701"),
    remedies=("batch-first", "within-samples"),
    thresholds={
        "change": Threshold(
            value=1e-4,
            unit="share of the largest output",
            source="float32 resolves 6e-8, and the same call on other rows gives the same bits",
        ),
    },
)

_STATISTICS = frozenset(["mean", "sum", "nanmean", "amax", "amin", "max", "min", "median"])


@rule.check
def check(independence: Independence) -> Finding | None:
    """Look for outputs that depend on several samples."""
    mixing = independence.mixing
    if mixing is None:
        raise NotApplicable(independence.why_mixing or "samples could not be told apart")
    if mixing.change <= rule["change"] or mixing.op is None or not _unmeant(mixing):
        return None
    statistic = mixing.op in _STATISTICS
    return rule.found(
        f"outputs of a sample change by {mixing.change:.1%} when the other samples of the batch are replaced ({mixing.samples} samples, {mixing.probed} looked at); "
        f"samples first meet in {mixing.op} at {mixing.call.at}",
        where=mixing.at,
        also=(mixing.call,),
        severity=Severity.WARNING if statistic else None,
        expected="outputs of a sample that depend on that sample alone",
        fix=_fix(mixing),
        samples=mixing.samples,
        change=mixing.change,
        op=mixing.op,
    )


def _unmeant(mixing: SampleMixing) -> bool:
    """Whether nothing says that the rows belong together: a graph, or one long sequence without a batch."""
    return not mixing.related and (mixing.sure or (mixing.neighbours or 0) > 1)


def _fix(mixing: SampleMixing) -> str:
    if mixing.neighbours is not None:
        return f"{mixing.op} takes the samples for steps of a sequence: batch_first=True, or transpose its input to (time, batch, features)"
    if mixing.op in _STATISTICS:
        return "take it over features or time (dim=1), not over the samples (dim=0)"
    if mixing.op in ("view", "reshape", "flatten"):
        return "permute the axes first, or name the one of the samples as first size: x.reshape(len(x), -1)"
    return "let this call work on each sample alone"
