"""What an operation showed, as a record for the report, and where it is kept: a later run of the same program shows it again."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TextIO

from .. import __version__
from ..diagnosis import Edit, Left, Proof, Proved
from ..remedies import Treatment
from ..report.model import Report
from ..report.plain import from_plain, to_plain
from ..report.proof import number
from ..rerun import Command
from ..rerun.cache import fingerprint, unchanged, write_whole
from ..rule import Finding, Severity, every
from ..trial import Cure
from ..trial.cure import Tried
from . import floor
from .operation import Operation, operate
from .trials import unfinished

FOLDER = Path(".netwright") / "proofs"
_FORMAT = "1"
_Key = tuple[str, object]


def proof_of(operation: Operation) -> Proof:
    """What the trials of an operation showed."""
    cure = operation.cure
    edits = [*operation.refused, *_without_remedy(operation)]
    if cure is None or cure.yardstick is None:
        why = _why(operation)
        untried = [_edit(p, why=why) for p in [*operation.tried, *operation.standard]]
        return Proof(why=why, edits=(*untried, *edits), budget_s=operation.budget_s)
    tried = [_tried(p, cure) for p in _every_remedy(operation)]
    ran = any(v is not None for v in (*cure.before, *cure.after))  # else the budget ended before the seeds
    return Proof(
        yardstick=cure.yardstick.name,
        why=operation.cut_short or _stopped(cure),
        edits=(*tried, *edits),
        budget_s=operation.budget_s,
        steps=operation.steps,
        control=cure.control.value,
        together=_value(cure, _keys(cure.patches)),
        before=cure.before if ran else (),
        after=cure.after if ran else (),
        better=sum(g > 0 for g in cure.gains),
        p=cure.p if ran else None,
        luck=cure.luck,
        left=None if operation.left is None else tuple(map(_left, operation.left)),
    )


def _why(operation: Operation) -> str:
    if operation.cut_short:
        return operation.cut_short
    if operation.cure is not None:
        trace = operation.cure.control.trace
        ended = "" if trace.whole else f" ({trace.why()})"
        return f"nothing that the program computes in its evaluation or prints of it tells whether it got better{ended}"
    if operation.interrupted:
        return "interrupted before anything was known"
    return "no remedy of netwright's holds for what was found, so nothing was tried"


def _every_remedy(operation: Operation) -> Iterable[Tried]:
    """All remedies that were thought of. One that the search made itself stands in the cure alone."""
    known = operation.tried + operation.standard
    keys = _keys(known)
    cure = operation.cure.patches if operation.cure is not None else ()
    return [*known, *(p for p in cure if p.key not in keys)]


def _tried(patch: Tried, cure: Cure) -> Edit:
    key, healing = patch.key, _keys(cure.patches)
    if key in healing:
        return _edit(
            patch,
            proved=Proved.PROVEN if cure.proven else Proved.HELPED,
            alone=_value(cure, [key]),
            without=_value(cure, healing - {key}),
            why=patch.why if isinstance(patch, Treatment) else _untested(patch, cure),
        )
    if unfinished(cure, patch):
        return _edit(patch, why="the budget ended before its re-run did")
    if any(a.void and _keys(a.patches) == {key} for a in (*cure.attempts, *cure.dropped)):
        return _edit(
            patch, why=f"with {patch.remedy} the re-run is the same to the last bit, so it does nothing here"
        )
    alone = _value(cure, [key])
    if any(key in _keys(a.patches) for a in (*cure.attempts, *cure.dropped)):
        return _edit(patch, proved=Proved.NO_HELP, alone=alone, why=_gone(cure, key) if alone is None else "")
    clash = [line for line in cure.refused if line.startswith(f"{patch.remedy}: ")]
    return _edit(patch, why=clash[0] if clash else "its turn did not come")


def _untested(patch: Tried, cure: Cure) -> str:
    """That it was not seen whether the set is as good without a remedy, where that is so."""
    untested = _keys(w.patch for w in cure.without if w.needed is None)
    return "there was no time to see whether it is as good without" if patch.key in untested else ""


def _gone(cure: Cure, key: _Key) -> str:
    """What a remedy alone had reached when it was given up; nothing where it was not."""
    for a in cure.dropped:
        if _keys(a.patches) == {key}:
            return f"{number(a.value)} after {a.steps} steps, and {number(a.beside)} as it is by then"
    return ""


def _stopped(cure: Cure) -> str:
    """Why the proof has fewer seeds than were asked for, where that is by reason."""
    if not cure.futile:
        return ""
    return f"stopped after {len(cure.before)} of {cure.seeds} seeds, since p could not come down to 1/32 any more"


def _edit(
    patch: Tried,
    *,
    proved: Proved = Proved.NOT_TRIED,
    alone: float | None = None,
    without: float | None = None,
    why: str = "",
) -> Edit:
    return Edit(
        name=patch.remedy,
        title=patch.title,
        codes=patch.codes,
        where=patch.where,
        proved=proved,
        alone=alone,
        without=without,
        by_hand=patch.by_hand if isinstance(patch, Treatment) else "",
        why=why,
    )


def _keys(patches: Iterable[Tried]) -> set[_Key]:
    """Two findings may nominate the same change: a remedy is known by what it changes."""
    return {p.key for p in patches}


def _value(cure: Cure, keys: Iterable[_Key]) -> float | None:
    """What the program reached with just these remedies, its own seed; ``None`` where that was not run."""
    wanted = set(keys)
    found = (a.value for a in cure.attempts if a.patches and _keys(a.patches) == wanted)
    return next(found, None)


def _without_remedy(operation: Operation) -> list[Edit]:
    known = {(c, p.where.file, p.where.line) for p in [*operation.tried, *operation.refused] for c in p.codes}
    why = "netwright has no remedy for it"
    if floor.alone(operation.report.serious):
        why = "it says that something is wrong and not what; what helps many programs was tried"
    return [
        Edit(name="", title="", codes=(f.code,), where=f.where, why=why)
        for f in _serious(operation.report)
        if (f.code, f.where.file, f.where.line) not in known
    ]


def _serious(report: Report) -> Iterable[Finding]:
    return [f for top in report.serious for f in every(top) if f.severity is not Severity.INFO]


def _left(finding: Finding) -> Left:
    return Left(code=finding.code, name=finding.name, kind=finding.kind, where=finding.where)


def keep(operation: Operation) -> Proof:
    """The proof of an operation, written where :func:`recall` finds it unless it was interrupted."""
    proof = proof_of(operation)
    cure = operation.cure
    if cure is None or operation.interrupted:
        return proof
    path = _path(operation.command)
    write_whole(path, json.dumps({"files": cure.files, "proof": to_plain(proof)}), path.parent.parent)
    return proof


def recall(command: Command) -> Proof | None:
    """What was proven of the same program before: the same code, arguments, environment, and the files that it reads unchanged since."""
    try:
        data: dict[str, Any] = json.loads(_path(command).read_text("utf-8"))
        return from_plain(Proof, data["proof"]) if unchanged(data["files"]) else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _path(command: Command) -> Path:
    return command.folder / FOLDER / f"{fingerprint(command, _FORMAT, __version__)}.json"


def prove(command: Command, report: Report, *, budget: float, stream: TextIO, quiet: bool) -> Proof:
    """What is proven of the program: known from before, or by trials now. :func:`netwright.surgery.operation.operate` does them, as for ``netwright fix``."""
    known = recall(command)
    if known is not None and known.proven and _covers(known, report):
        return known
    return keep(operate(command, report, budget=budget, stream=stream, quiet=quiet))


def _covers(proof: Proof, report: Report) -> bool:
    """Whether everything that is found now was found when the remedies were tried."""
    seen = {(c, e.where.file, e.where.line) for e in proof.edits for c in e.codes}
    return all((f.code, f.where.file, f.where.line) in seen for f in _serious(report))
