"""Findings and the trials of their remedies, joined: each finding on top is a cause, in the order of its proof."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from ..rule import Finding, Kind, Severity, every, gravest
from .measurement import next_measurement, unexplained
from .model import Cause, Diagnosis, Edit, Proof, Proved

# A kind of cause can be ruled out where its rules looked; how the network's size fits the data shows over whole trainings only.
_CAN_BE_EXCLUDED = (Kind.BUG, Kind.DATA, Kind.HYPERPARAMETER)


def ranked(findings: Iterable[Finding], proof: Proof | None) -> tuple[Finding, ...]:
    """The same findings, those proven first and those whose remedy did not help last; what is only worth knowing stays behind them. In one group the order stays as it is."""
    if proof is None:
        return tuple(findings)
    return tuple(sorted(findings, key=lambda f: (gravest(f) is Severity.INFO, _cause(f, proof).proved.rank)))


def diagnose(
    findings: Sequence[Finding],
    *,
    proof: Proof | None = None,
    judged: Collection[Kind] = (),
    done: Collection[str] = (),
    hopeless: Collection[str] = (),
    command: str = "",
) -> Diagnosis | None:
    """What follows from the findings and from the trials of their remedies.

    Args:
        findings: those on top, in order.
        proof: what trials showed.
        judged: kinds of cause whose rules could judge this program.
        done: names of experiments that were done.
        hopeless: names of those that cannot be done on it.
        command: the program and its arguments as they are typed (empty: it cannot be started anew).

    Returns:
        ``None`` where nothing is wrong.
    """
    serious = [f for f in findings if gravest(f) is not Severity.INFO]
    if not serious:
        return None
    named = [_cause(f, proof) for f in serious]
    causes = tuple(sorted([*_unnamed(proof), *named], key=lambda c: c.proved.rank)) if proof else (*named,)
    kinds = tuple(dict.fromkeys(c.kind for c in causes if c.proved is not Proved.NO_HELP))
    kinds = kinds or tuple(dict.fromkeys(c.kind for c in causes))
    return Diagnosis(
        kind=kinds[0],
        others=kinds[1:],
        excluded=tuple(k for k in _CAN_BE_EXCLUDED if k in judged and _nothing(k, findings, causes, proof)),
        causes=causes,
        proof=proof,
        unexplained=unexplained(proof),
        next=next_measurement(causes, proof, done=done, hopeless=hopeless, command=command),
    )


def _nothing(kind: Kind, findings: Iterable[Finding], causes: Iterable[Cause], proof: Proof | None) -> bool:
    """Whether nothing of this kind was found, not even a hint, neither in the program nor, where there is a proof, in the mended one."""
    if any(below.kind is kind for f in findings for below in every(f)) or any(c.kind is kind for c in causes):
        return False
    return proof is None or (proof.left is not None and not any(f.kind is kind for f in proof.left))


def _cause(finding: Finding, proof: Proof | None) -> Cause:
    edits = _edits(finding, proof) if proof is not None else []
    best = min(edits, key=lambda e: e.proved.rank, default=None)
    cause = Cause(code=finding.code, name=finding.name, kind=finding.kind, where=finding.where)
    if best is not None:
        return replace(
            cause,
            proved=best.proved,
            remedy=best.name,
            alone=best.alone,
            without=best.without,
            by_hand=best.by_hand,
            why=best.why,
        )
    return cause if proof is None else replace(cause, why="it was not found when the remedies were tried")


def _edits(finding: Finding, proof: Proof) -> list[Edit]:
    """The remedies of a finding: its own, or, where it has none that was tried, those of what follows from it."""
    own = [e for e in proof.edits if _mends(e, finding)]
    if any(e.proved is not Proved.NOT_TRIED for e in own):
        return own
    below = (f for f in every(finding) if f is not finding and f.severity is not Severity.INFO)
    return [*own, *(e for f in below for e in proof.edits if _mends(e, f))]


def _mends(edit: Edit, finding: Finding) -> bool:
    here, there = edit.where, finding.where
    return finding.code in edit.codes and (here.file, here.line) == (there.file, there.line)


def _unnamed(proof: Proof | None) -> list[Cause]:
    """Settings that no finding names, and whose change helps."""
    return [
        Cause(
            code="",
            name=e.name,
            kind=Kind.HYPERPARAMETER,
            where=e.where,
            proved=e.proved,
            remedy=e.name,
            alone=e.alone,
            without=e.without,
            by_hand=e.by_hand,
            why=e.why,
        )
        for e in (proof.cure if proof else ())
        if not e.codes
    ]
