"""The sentences that terminal and HTML share."""

from collections.abc import Iterable
from pathlib import Path, PurePath

from ..diagnosis import Cause, Proved
from ..engine import State
from ..evidence import TaskKind, TensorInfo, Where
from ..rule import Finding, Kind, Severity, every
from .model import CANNOT_TELL, HEALTHY, Report

_KIND_WORDS = {
    Kind.BUG: ("bug in the program", "bugs in the program"),
    Kind.DATA: ("problem in the data", "problems in the data"),
    Kind.HYPERPARAMETER: ("unsuitable setting", "unsuitable settings"),
    Kind.FIT: ("mismatch of model and data", "mismatches of model and data"),
}


def script_name(report: Report) -> str:
    """``"train.py"``."""
    return PurePath(report.program.script).name or report.program.script


def headline(report: Report) -> str:
    """The first sentence of the report: how it stands, and which kind of cause it is."""
    script = script_name(report)
    if report.verdict == CANNOT_TELL:
        why = "no training was seen" if not report.steps else "the training held no values to look at"
        return f"{script}: {why}, so nothing can be said about it"
    if report.verdict == HEALTHY:
        return f"{script}: nothing to mend"
    serious = report.serious
    crash = next((f for f in serious if f.code.startswith("NW9")), None)
    causes = f"because of {kinds(f for f in serious if f is not crash)}"
    proven = _proven(report)
    if proven:
        return f"{script} does not train as it should{_made_up(report) or f' because of {proven}'}"
    if crash is not None:
        more = [f for f in serious if f is not crash]
        return f"{script} stops with an error that can be explained" + (
            f"; also seen: {kinds(more)}" if more else ""
        )
    if any(f.severity is Severity.ERROR for top in serious for f in every(top)):
        return f"{script} does not train as it should {causes}{_excluded(report)}"
    return f"{script} trains, but is likely held back {causes}"


_NOT = {Kind.BUG: "bugs", Kind.DATA: "data", Kind.HYPERPARAMETER: "hyper-parameters"}
_IN = {Kind.BUG: "in the code", Kind.DATA: "in the data", Kind.HYPERPARAMETER: "in the settings"}


def _proven(report: Report) -> str:
    """The causes that are proven, and the kinds that it is not; nothing where none is."""
    diagnosis = report.diagnosis
    causes = [c for c in diagnosis.causes if c.proved is Proved.PROVEN] if diagnosis is not None else []
    if diagnosis is None or not causes:
        return ""
    excluded = ", ".join(f"not {_NOT[k]}" for k in diagnosis.excluded)
    return f"{kinds(causes)}, proven by training without {'it' if len(causes) == 1 else 'them'}" + (
        f" ({excluded})" if excluded else ""
    )


def _made_up(report: Report) -> str:
    """That settings which nothing names make it better while what was found stays as it is: they make up for a fault, and are not the cause."""
    diagnosis = report.diagnosis
    if diagnosis is None or diagnosis.proof is None:
        return ""
    settings = [c for c in diagnosis.causes if c.proved is Proved.PROVEN]
    left = {f.code for f in diagnosis.proof.left or ()}
    there = [c for c in diagnosis.causes if c.code and c.code in left and c.proved is Proved.NOT_TRIED]
    if any(c.code for c in settings) or not there:
        return ""
    one = len(settings) == 1
    helps = f"{len(settings)} other setting{'' if one else 's'} make{'s' if one else ''} it better"
    still = f"{kinds(there)} {'is' if len(there) == 1 else 'are'} still there"
    return f": {helps}, proven by training with {'it' if one else 'them'}, and {still}"


def _excluded(report: Report) -> str:
    """The kinds of cause that were looked for and not found, as long as nothing is proven."""
    excluded = [_IN[k] for k in report.diagnosis.excluded] if report.diagnosis is not None else []
    return f" (nothing was found {' or '.join(excluded)})" if excluded else ""


def kinds(findings: Iterable[Finding | Cause]) -> str:
    """``"2 bugs in the program and 1 problem in the data"``."""
    found = list(findings)
    parts: list[str] = []
    for kind, (one, many) in _KIND_WORDS.items():
        count = sum(f.kind is kind for f in found)
        if count:
            parts.append(f"{count} {one if count == 1 else many}")
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 2 else parts)


def tally(report: Report) -> str:
    """``"63 rules: 48 passed, 15 not applicable"``."""
    order = (State.FIRED, State.PASSED, State.NOT_APPLICABLE, State.SKIPPED, State.IGNORED, State.BROKEN)
    words = {State.FIRED: "found something", State.BROKEN: "could not be checked"}
    states = report.states
    parts = [f"{states[s]} {words.get(s, s.value)}" for s in order if states[s]]
    total = len(report.checked)
    return f"{total} {'rule' if total == 1 else 'rules'}" + (": " + ", ".join(parts) if parts else "")


def place(where: Where, *, folder: Path | None = None) -> str:
    """``"model.py:31 · head.softmax"``: the line (relative to a folder where it lies beneath it), the module or parameter, the step."""
    parts: list[str] = []
    if where.file is not None and where.line is not None:
        parts.append(f"{relative(where.file, folder)}:{where.line}")
    if where.parameter:
        parts.append(f"parameter {where.parameter}")
    elif where.module:
        parts.append(f"module {where.module}")
    if where.step is not None:
        parts.append(f"step {where.step}")
    return " · ".join(parts)


def relative(file: str, folder: Path | None) -> str:
    """A path as short as it can be said."""
    path = PurePath(file)
    if folder is not None and path.is_relative_to(folder):
        return str(path.relative_to(folder))
    return str(path)


def shapes(tensors: Iterable[TensorInfo]) -> str:
    """``"64 × 1 × 8 × 8"``; several are separated by commas."""
    return ", ".join(" × ".join(map(str, t.shape)) or "scalar" for t in tensors)


def task_words(report: Report) -> str:
    """``"classification, 10 classes"``, or nothing when it is not known."""
    task = report.task
    if task is None or task.kind is TaskKind.UNKNOWN:
        return ""
    return task.kind.value + (f", {task.classes} classes" if task.classes else "")


def figure(value: object) -> str:
    """A measured value, short."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "–"}[value]
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, tuple | list):
        items = [figure(v) for v in value[:8]]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        return ", ".join(items) + (" …" if len(value) > 8 else "")  # pyright: ignore[reportUnknownArgumentType]
    text = str(value)
    return text if len(text) <= 80 else text[:79] + "…"
