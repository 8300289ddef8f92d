"""Two runs with one seed compute other losses from the same data.

## What it measures
The experiment `repeat-run` runs the first steps of the program twice, every random generator seeded alike, one after the other. The inputs of the network are the same to the bit; the loss is not.

## Why it matters
A difference between two versions of the program may be chance, and a fault seen once may not be seen again.

## How to fix
``torch.use_deterministic_algorithms(True)`` raises at the operation that is not repeatable. Seed private generators (``numpy.random.default_rng(0)``, ``torch.Generator().manual_seed(0)``) that make noise or first weights.

## Known false alarms
Accelerators and several threads may add numbers in another order every time: the difference is in the last digits then, and harmless by itself. It is information only.

## Source
PyTorch documentation, "Reproducibility"; Zhuang et al., "Randomness in neural network training: characterizing the impact of tooling" (2022).
"""

from ...evidence import RepeatRun
from ...rule import Finding, Kind, Rule, Severity

rule = Rule(
    code="NW004",
    name="runs-of-one-seed-differ",
    severity=Severity.INFO,
    kind=Kind.HYPERPARAMETER,
    guides=("S6",),
)


@rule.check
def check(run: RepeatRun) -> Finding | None:
    """Look for runs whose first weights or computation differed on the same inputs."""
    if run.first is None or run.losses is None or run.differs == "inputs":
        return None
    what = (
        "the first weights differ"
        if run.differs == "weights"
        else "inputs and first weights are the same to the bit"
    )
    return rule.found(
        f"two runs with the same seeds compute {run.losses[0]!r} and {run.losses[1]!r} at step {run.first}: {what}",
        where=run.where,
        expected="the same losses in every run with the same seed",
        fix="seed private generators; torch.use_deterministic_algorithms(True) finds operations that are not repeatable",
        first=run.first,
        steps=run.steps,
        losses=run.losses,
        differs=run.differs,
    )
