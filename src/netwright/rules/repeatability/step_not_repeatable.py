"""One step gives two results: the same weights, data and random numbers, and not the same bits.

## What it measures
The captured step is run several times, forward and backward, from the same weights and with the same random state of torch, NumPy and Python. Loss and gradients are compared bit by bit; the first call
whose output differs is named.

## Why it matters
A run cannot be repeated whatever the seed, and a difference between two runs may be chance. Sums by atomic additions on a GPU (``scatter_add``, ``index_add``, ``bincount``) are
the usual cause; a random generator of one's own that is not seeded is another.

## How to fix
``torch.use_deterministic_algorithms(True)`` (it names the calls that cannot), seeds for every generator; or accept it and compare runs over several seeds.

## Known false alarms
None known; it is information only. That no difference showed does not prove that there never is one: up to four runs are compared.

## Source
PyTorch documentation, "Reproducibility"; Bouthillier et al., "Accounting for variance in machine learning benchmarks" (2021).
"""

from ...evidence import RepeatStep
from ...rule import Finding, Kind, Rule, Severity

rule = Rule(
    code="NW004",
    name="step-not-repeatable",
    severity=Severity.INFO,
    kind=Kind.HYPERPARAMETER,
    guides=("S6", "S4"),
)


@rule.check
def check(repeated: RepeatStep) -> Finding | None:
    """Look for bits that differ."""
    if repeated.same_loss and repeated.same_gradients:
        return None
    what = "loss and gradients differ" if not repeated.same_loss else "the gradients differ"
    first = f", first in {repeated.op}" if repeated.op else ""
    return rule.found(
        f"one step, run {repeated.runs} times from the same weights with the same random numbers: {what}{first} (losses lie {repeated.spread:.1e} apart)",
        where=repeated.where,
        expected="the same bits each time",
        fix="torch.use_deterministic_algorithms(True), and a seed for every random generator of your own",
        runs=repeated.runs,
        spread=repeated.spread,
        parameter=repeated.parameter,
    )
