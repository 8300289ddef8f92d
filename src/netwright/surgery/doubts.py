"""What is worth knowing and no fault by itself, where the run shows that it may hold the program back: it is tried, and the program is healthy unless a trial proves otherwise."""

from dataclasses import replace

from ..registry import all_rules
from ..remedies import remedies_of
from ..report.model import SICK, Report
from ..rule import Finding, Severity, every

# The loss was still falling when the run ended: of the 60 healthy recipes of FaultBench none does that (docs/faultbench-watching.md).
_UNFINISHED = "NW615"
_SLOW = frozenset(("NW601", "NW605"))  # a loss that does not fall, or has stopped falling


def doubted(report: Report) -> Report | None:
    """The report of a program in which nothing serious was found, with what may be why its training did not come to its end: what is worth knowing, has a remedy, and explains a loss that falls slowly.

    ``None`` where there is nothing of the kind, or the training came to its end.
    """
    found = [f for top in report.findings for f in every(top)]
    if not any(f.code == _UNFINISHED for f in found):
        return None
    slow = {r.code for r in all_rules() if _SLOW & set(r.explains)}
    doubts = tuple(_raised(f) for f in found if f.code in slow and remedies_of(f))
    return replace(report, verdict=SICK, findings=doubts) if doubts else None


def _raised(finding: Finding) -> Finding:
    return replace(finding, severity=Severity.WARNING, consequences=())
