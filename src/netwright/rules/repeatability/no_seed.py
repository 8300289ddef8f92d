"""No seed: random numbers are drawn from a generator that was never seeded.

## What it measures
Which random generators (of torch, NumPy and Python) the program draws from, and whether it seeded each of them.

## Why it matters
Two runs start from other weights and see other batches, so a difference between them may be a change of yours or chance.

## How to fix
``torch.manual_seed(0)`` (and ``numpy.random.seed(0)``, ``random.seed(0)`` where they are used) before the network is made.

## Known false alarms
Programs that are run over many seeds on purpose; it is information only.

## Source
PyTorch documentation, "Reproducibility"; Bouthillier et al., "Accounting for variance in machine learning benchmarks" (2021).
"""

from ...evidence import Modules, Program, Where
from ...rule import Finding, Kind, NotApplicable, Rule, Severity

rule = Rule(
    code="NW001",
    name="no-seed",
    severity=Severity.INFO,
    kind=Kind.HYPERPARAMETER,
    guides=("S6",),
)

_CALLS = {"torch": "torch.manual_seed(0)", "numpy": "numpy.random.seed(0)", "random": "random.seed(0)"}


@rule.check
def check(program: Program, modules: Modules) -> Finding | None:
    """Compare the generators drawn from with those seeded."""
    if not program.random_used:
        raise NotApplicable("no random numbers were drawn")
    missing = [name for name in program.random_used if name not in program.seeds]
    if not missing:
        return None
    calls = ", ".join(_CALLS.get(name, f"a seed for {name}") for name in missing)
    return rule.found(
        f"random numbers of {' and '.join(missing)} are drawn without a seed: no two runs are alike",
        where=_start(program, modules),
        expected="a seed for every generator in use",
        fix=f"{calls} before this line",
        generators=missing,
    )


def _start(program: Program, modules: Modules) -> Where:
    """The first line that makes a network, else the start of the script."""
    roots = [m for m in modules.modules if m.path == "" and m.made.known]
    if roots:
        return min(roots, key=lambda m: m.root).made
    return Where(file=program.script, line=1)
