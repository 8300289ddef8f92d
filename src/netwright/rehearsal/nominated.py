"""What is rehearsed: the remedies that findings name, as far as they can be made at hooks, and those standard ones that change the step itself."""

from collections.abc import Iterable

from ..capture.session import Session
from ..diagnosis import Rehearsed
from ..remedies import Refused, Treatment, remedies_of
from ..remedies.standard import at_hooks
from ..rule import Finding, Severity, every

_STANDARD = ("rate-divided-by-10", "rate-times-10", "adam", "clip-at-1")


def candidates(
    findings: Iterable[Finding], session: Session
) -> tuple[tuple[Treatment, ...], tuple[Rehearsed, ...]]:
    """What there is to rehearse, and which remedies cannot be.

    Args:
        findings: those on top.
        session: the recording of the program.
    """
    found: list[Treatment] = []
    refused: list[Rehearsed] = []
    for finding in (f for top in findings for f in every(top) if f.severity is not Severity.INFO):
        for remedy in remedies_of(finding):
            try:
                found.append(remedy.rehearsed(finding))
            except Refused as why:
                refused.append(
                    Rehearsed(remedy=remedy.name, codes=(finding.code,), where=finding.where, why=str(why))
                )
    return (*found, *_standard(session)), tuple(refused)


def _standard(session: Session) -> Iterable[Treatment]:
    """Those that are tried where findings nominate nothing that helps, for the program's one optimizer."""
    records = [r for r in session.recording.optimizers if r.where.known]
    if len(records) != 1:
        return
    ((record),) = records
    clips = any(e.kind == "clip" for e in session.recording.events)
    for name in _STANDARD:
        intervention = at_hooks(name, record.type, str(record.where.file), record.where.line or 0)
        if intervention is not None and not (name == "clip-at-1" and clips):
            yield Treatment(remedy=name, title=name, codes=(), where=record.where, intervention=intervention)
