"""Two runs with one seed see other data: an order is not the same in every run.

## What it measures
The experiment `repeat-run` runs the first steps of the program twice, every random generator seeded alike, and compares losses and the inputs of the network to the bit. The program's own source is looked
through for lines that go over a set, or over the listing of a folder that is not sorted.

## Why it matters
A seed does not make such a program repeatable. Where the order decides which column or file goes with which label, a network trained in one run is wrong in the next.

## How to fix
``sorted(...)`` around the set or the listing. Seed private generators (``numpy.random.default_rng(0)``) too.

## Known false alarms
Programs that want other data in every run (from the clock, from the network). It is information only.

## Source
PyTorch documentation, "Reproducibility"; Python documentation of ``PYTHONHASHSEED``: the order of sets of strings changes from process to process; ``os.listdir``: "The list is in arbitrary order".
"""

from ...evidence import RepeatRun
from ...rule import Finding, Kind, Rule, Severity

rule = Rule(
    code="NW002",
    name="nondeterministic-order",
    severity=Severity.INFO,
    kind=Kind.BUG,
    guides=("S6",),
    explains=("NW004",),
)


@rule.check
def check(run: RepeatRun) -> Finding | None:
    """Look for runs whose inputs differed first."""
    if run.differs != "inputs" or run.first is None:
        return None
    where = run.suspects[0] if run.suspects else run.where
    cause = f"; this line goes over something that has no fixed order: {where.code}" if run.suspects else ""
    return rule.found(
        f"two runs with the same seeds see other inputs at step {run.first}{cause}",
        where=where,
        also=run.suspects[1:4],
        expected="the same batches in every run with the same seed",
        fix="put sorted(...) around sets and listings of folders, and seed private generators",
        first=run.first,
        steps=run.steps,
        losses=run.losses,
    )
