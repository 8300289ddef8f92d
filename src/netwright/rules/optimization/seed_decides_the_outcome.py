"""The seed decides the outcome: runs that differ in nothing else end far apart.

## What it measures
The experiment `seeds` runs the whole program with three to five seeds: how far apart the shares of right answers of the evaluation are (without them its other metrics, without an evaluation the last training losses), and whether some runs hardly lower the loss while others do.

## Why it matters
A change that gains less than two runs differ by chance has not been shown to gain anything. Where some seeds do not train at all, the program is on the edge of what trains: its initialization, rate or
depth need care before anything else.

## How to fix
Compare means over several seeds. Where some seeds fail, look at the first weights, lower the rate or warm it up, add normalization.

## Known false alarms
Few seeds give wide intervals. Programs stopped early for want of time may only be slow with some seeds: these are never a warning. Programs with several losses (GANs) are not judged by whether the loss falls.

## Source
Bouthillier et al., "Accounting for variance in machine learning benchmarks" (2021); Henderson et al., "Deep reinforcement learning that matters" (2018), for runs that differ by the seed alone.
"""

from collections.abc import Sequence

from ...evidence import Modules, Program, SeedRun, Seeds, Spread, Where
from ...rule import Finding, Kind, Rule, Severity, Threshold

rule = Rule(
    code="NW510",
    name="seed-decides-the-outcome",
    severity=Severity.INFO,
    kind=Kind.HYPERPARAMETER,
    guides=("E13",),
    thresholds={
        "share": Threshold(
            value=0.02,
            unit="difference of accuracies",
            source="gains of one or two points are what most changes are reported to bring",
        ),
        "relative": Threshold(
            value=0.1,
            unit="of the mean, for losses and errors",
            source="a tenth of the loss is more than most changes bring",
        ),
        "stuck": Threshold(
            value=0.95, unit="of the first loss", source="noise of batches moves a mean of many losses less"
        ),
        "trained": Threshold(
            value=0.7,
            unit="of the first loss",
            source="a run that plainly trains must exist to be compared with",
        ),
    },
)


@rule.check
def check(found: Seeds, program: Program, modules: Modules) -> Finding | None:
    """Look for seeds that do not train beside seeds that do, then for numbers that are far apart."""
    runs = [r for r in found.runs if r.failed is None]
    where = _start(program, modules)
    stuck = [r.seed for r in runs if _stuck(r)]
    trained = [r.seed for r in runs if _trained(r)]
    if found.single and stuck and len(trained) >= len(stuck):
        return rule.found(
            f"with {len(stuck)} of {len(runs)} seeds the training loss does not fall, with {len(trained)} it does: whether this program trains is luck",
            where=where,
            expected="a loss that falls whatever the seed",
            fix="look at the first weights and the learning rate: normalization, warm-up or a lower rate make training sure",
            severity=Severity.WARNING if found.steps is None else Severity.INFO,
            first=[r.first for r in runs],
            last=[r.last for r in runs],
            stuck=stuck,
        )
    wide = [s for s in _judged(found.spreads) if _wide(s)]
    if not wide:
        return None
    worst = wide[0]
    early = f" after {found.steps} steps" if found.steps is not None else ""
    return rule.found(
        f"the seed alone moves the {worst.name}{early} by a standard deviation of {worst.deviation:.2g} around {worst.mean:.4g} ({len(worst.values)} seeds): "
        f"two single runs that differ by less than {worst.chance:.2g} have not been shown to differ",
        where=where,
        expected="seeds that end close together, or comparisons over several seeds",
        fix="compare means over several seeds",
        values=list(worst.values),
        mean=worst.mean,
        deviation=worst.deviation,
        interval=[worst.low, worst.high],
        chance=worst.chance,
    )


def _stuck(run: SeedRun) -> bool:
    if run.first is None or run.first <= 0:
        return False
    return run.last is None or run.last >= rule["stuck"] * run.first


def _trained(run: SeedRun) -> bool:
    return run.first is not None and run.last is not None and 0 < run.last <= rule["trained"] * run.first


def _judged(spreads: Sequence[Spread]) -> list[Spread]:
    """What a program is judged by: what its evaluation gets right, else the rest of its evaluation, else its training loss."""
    evaluated = [s for s in spreads if s.name.startswith("evaluation")]
    return [s for s in evaluated if s.name.endswith("accuracy")] or evaluated or list(spreads)


def _wide(spread: Spread) -> bool:
    if spread.name.endswith("accuracy"):
        return spread.chance > rule["share"]
    return spread.chance > rule["relative"] * abs(spread.mean)


def _start(program: Program, modules: Modules) -> Where:
    """The first line that makes a network, else the start of the script."""
    roots = [m for m in modules.modules if m.path == "" and m.made.known]
    return min(roots, key=lambda m: m.root).made if roots else Where(file=program.script, line=1)
