"""What rehearsals of remedies came to, in the words that terminal and page share."""

from collections.abc import Iterator

from ..diagnosis import Proved, Rehearsed
from ..rule import Finding, every
from .model import Report
from .proof import number


def untried(report: Report) -> Iterator[tuple[int, str]]:
    """For the causes that no re-run was spent on, by their number among the findings: what the rehearsal of a remedy came to."""
    for place, finding in enumerate(report.serious, 1):
        if said := of_finding(finding, report):
            yield place, said


def of_finding(finding: Finding, report: Report) -> str:
    """The best rehearsal of a remedy of a finding, or where it has none of what follows from it; nothing where none could be compared, or trials tell more."""
    causes = report.diagnosis.causes if report.diagnosis is not None else ()
    if any(
        (c.code, c.where) == (finding.code, finding.where) and c.proved is not Proved.NOT_TRIED
        for c in causes
    ):
        return ""
    known = [r for r in report.rehearsed if r.measure]
    for below in every(finding):
        mine = [
            r for r in known if below.code in r.codes and _place(r) == (below.where.file, below.where.line)
        ]
        if mine:
            return sentence(max(mine, key=lambda r: r.gain))
    return ""


def sentence(rehearsed: Rehearsed) -> str:
    """``"on copies of the weights, 40 steps on the 8 recorded batches: loss 2.30 -> 0.61 with lower-rate, 2.30 -> 2.29 without"``."""
    r = rehearsed
    batches = "the recorded batch" if r.batches == 1 else f"the {r.batches} recorded batches"
    begins = number(r.begins)
    return (
        f"on copies of the weights, {r.steps} steps on {batches}: {r.measure} {begins} -> {number(r.treated)} with {r.remedy}, "
        f"{begins} -> {number(r.without)} without"
    )


def _place(rehearsed: Rehearsed) -> tuple[str | None, int | None]:
    return rehearsed.where.file, rehearsed.where.line
