"""What ``netwright fix`` says: what was tried and what came of it, the proof, the patch."""

import math
import statistics
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from ..diagnosis import Proof
from ..remedies import Patch, Treatment
from ..report.build import diagnosed
from ..report.model import CANNOT_TELL, HEALTHY, Report
from ..report.proof import by_hand, labels, next_words, of_cause
from ..report.rehearsed import untried
from ..report.terminal import make_console
from ..report.words import headline
from ..rule import Finding
from ..trial import Attempt, Cure, Without
from ..trial.yardstick import ACCURACY, BALANCED
from .files import diff
from .operation import Operation

_LABEL = 11
_SAME = ": the same run to the last bit"


def show(operation: Operation, proof: Proof, *, quiet: bool = False, console: Console | None = None) -> None:
    """Print it: what a person reads on stderr, the diff on stdout."""
    out = console or make_console()
    report = diagnosed(operation.report, proof)
    if not quiet:
        _say(out, "Diagnosis", headline(report))
        _causes(out, report)
        for label, line in untried(report):
            _say(out, "Rehearsed", f"{label}: {report.serious[label - 1].code} {line}")
        for line in _nothing(operation):
            _say(out, "", line)
    cure = operation.cure
    if cure is not None:
        if not quiet:
            _trials(out, operation, cure, proof)
        _proof(out, cure, proof)
    if not quiet and report.diagnosis is not None and (following := next_words(report.diagnosis)):
        _say(out, "Next", following)
    if operation.interrupted:
        _say(out, "", "interrupted; what is known so far is above")
    if not quiet:
        for edit in operation.refused:
            _say(out, "Not tried", f"{', '.join(edit.codes)} {edit.name}: {edit.why}")
        for finding in _open(operation):
            _say(out, "By hand", f"{finding.code} {finding.name} at {finding.where.at}: {finding.fix}")


def _causes(out: Console, report: Report) -> None:
    """The causes in the order of their proof."""
    diagnosis = report.diagnosis
    if diagnosis is None or diagnosis.proof is None or not diagnosis.proof.yardstick:
        return
    for label, cause in zip(labels(diagnosis), diagnosis.causes, strict=True):
        if cause.code:
            place = f" at {cause.where.at}" if cause.where.known else ""
            _say(out, f"{label:>3}", f"{cause.code} {cause.name}{place}: {of_cause(cause, diagnosis.proof)}")


def show_patch(patches: Sequence[Patch], folder: Path) -> None:
    """The diff on stdout, in colours on a terminal."""
    text = diff(patches, folder)
    if sys.stdout.isatty():
        Console().print(Syntax(text.rstrip("\n"), "diff", background_color="default"))
    else:
        sys.stdout.write(text)


def _open(operation: Operation) -> Sequence[Finding]:
    """What is left to do: in the mended program where it was examined, else the findings that no remedy holds for."""
    return operation.unmended if operation.left is None else operation.left


def _nothing(operation: Operation) -> Iterator[str]:
    if operation.report.verdict in (HEALTHY, CANNOT_TELL) or operation.nominated or operation.standard:
        return
    yield "no remedy of netwright's holds for what was found, so nothing was tried"


def _trials(out: Console, operation: Operation, cure: Cure, proof: Proof) -> None:
    if cure.yardstick is None:
        _say(out, "Trials", proof.why)
        return
    length = f"{operation.steps} steps each" if operation.steps else "to their own end"
    _say(out, "Trials", f"the same program, seeds and data, {length}: {cure.yardstick.words}")
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(" " * (_LABEL - 2), "as it is", _reached(cure, cure.control))
    for attempt in cure.attempts:
        grid.add_row(
            "", " + ".join(map(_named, attempt.patches)), _reached(cure, attempt) + _SAME * attempt.void
        )
    for attempt in cure.dropped:
        beside = f"{_number(attempt.beside)} as it is by then"
        reached = (
            f"{_number(attempt.value)} after {attempt.steps} steps, and no further ({beside})"
            + _SAME * attempt.void
        )
        grid.add_row("", " + ".join(map(_named, attempt.patches)), reached)
    out.print(grid)


def _reached(cure: Cure, attempt: Attempt) -> str:
    """The value of an attempt; beside the balanced accuracy, which may be bought with it, the accuracy."""
    beside = attempt.trace.held_out().get(ACCURACY)
    if cure.yardstick is None or cure.yardstick.name != BALANCED or beside is None:
        return _number(attempt.value)
    return f"{_number(attempt.value)}  (accuracy {_number(beside.value)})"


def _named(tried: Patch | Treatment) -> str:
    return tried.remedy if isinstance(tried, Patch) else f"{tried.remedy} (hooks)"


def _proof(out: Console, cure: Cure, proof: Proof) -> None:
    if cure.yardstick is None:
        return
    if not cure.patches:
        _say(out, "Proof", proof.why or "nothing that was tried made it better")
        return
    names = " + ".join(p.remedy for p in cure.patches)
    before, after = ([v for v in values if v is not None] for values in (cure.before, cure.after))
    if not cure.before:
        _say(
            out, "Proof", f"{names} was better with the program's own seed; there was no time for more seeds"
        )
        return
    better = sum(g > 0 for g in cure.gains)
    said = f"{names}: {_middle(before)} becomes {_middle(after)} (medians over {len(cure.before)} seeds, better in {better}"
    luck = f"; two seeds of the program as it is differ by {cure.luck:.2g}" if cure.luck is not None else ""
    p = f"; p = {cure.p:.3g}" if cure.p is not None else ""
    _say(out, "Proof", f"{said}{p}{luck})" + ("" if cure.proven else ": not proven"))
    if cure.short:
        _say(
            out,
            "",
            "with it the program still falls clearly short of what a simple model reaches: a better setting, and what is wrong is something else",
        )
    if cure.futile:
        _say(out, "", proof.why)
    for line in by_hand(proof):
        _say(out, "By hand", line)
    tested = {w.patch.key: w for w in cure.without}
    for patch in cure.not_needed:
        codes = f" ({', '.join(patch.codes)})" if patch.codes else ""
        seeds = f" over {len(w.after)} seeds" if (w := tested.get(patch.key)) else ""
        _say(out, "Not needed", f"{patch.remedy}{codes}: as good without it{seeds}")
    for w in cure.without:
        if w.needed is not False:
            _say(out, "Needed" if w.needed else "Not tested", _without(w))


def _without(without: Without) -> str:
    """What a set is worth without one of its remedies, as far as that is known."""
    name = without.patch.remedy
    if without.needed is None:
        return f"{name}: there was no time to see over the seeds whether it is as good without"
    values = [v for v in without.after if v is not None]
    better = sum(g > 0 for g in without.gains)
    return f"{name}: {_middle(values)} without it (median over {len(without.after)} seeds, better than as it is in {better})"


def _middle(values: Sequence[float]) -> str:
    return _number(statistics.median(values)) if values else "no result"


def _number(value: float | None) -> str:
    return "no result" if value is None or not math.isfinite(value) else f"{value:.4g}"


def _say(out: Console, label: str, text: str) -> None:
    grid = Table.grid()
    grid.add_column(no_wrap=True, width=_LABEL)
    grid.add_column(overflow="fold")
    grid.add_row(Text(label, "bold"), Text(text))
    out.print(grid)
