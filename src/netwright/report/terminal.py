"""The report in a terminal: short when all is well, a few lines for each finding otherwise. Goes to stderr."""

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ..evidence import ModuleCall
from ..rule import Finding, Severity, gravest
from .model import CANNOT_TELL, SICK, Report
from .proof import by_hand, next_words, no_help, not_proven, of_cause, patch, sentences
from .rehearsed import of_finding
from .source import excerpt
from .words import headline, place, relative, shapes, tally, task_words

_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow", Severity.INFO: "bold cyan"}
_SAME_CODE = 3
_CALLS = 12
_PLAIN_WIDTH = 100
_WIDEST = 120


def show(
    report: Report,
    *,
    verbose: bool = False,
    quiet: bool = False,
    path: Path | None = None,
    stream: TextIO | None = None,
) -> None:
    """Print the report.

    Args:
        report: what to print.
        verbose: also what is only worth knowing, and every rule with its state.
        quiet: only the first line and one line for each finding; nothing when all is well.
        path: where the full report lies, to be named at the end.
        stream: where to (default: stderr).
    """
    console = make_console(stream)
    findings = report.findings if verbose else report.serious
    if quiet:
        _show_quiet(console, report, findings)
        return
    if report.verdict == SICK or (verbose and findings):
        _show_findings(console, report, findings)
    else:
        _show_nothing(console, report, path)
    _show_tried(console, report, verbose=verbose)
    _show_notes(console, report)
    if verbose:
        _show_checked(console, report)
    if report.verdict == SICK or (verbose and findings):
        _show_end(console, report, path, hidden=len(report.findings) - len(findings))


def make_console(stream: TextIO | None = None) -> Console:
    """A console for stderr: colours on a terminal only (and never with NO_COLOR), lines of a readable length."""
    out = stream or sys.stderr
    console = Console(file=out, highlight=False, soft_wrap=False, emoji=False, markup=False)
    width = console.width if console.is_terminal or "COLUMNS" in console._environ else _PLAIN_WIDTH
    console.width = max(40, min(width, _WIDEST))
    return console


def _show_quiet(console: Console, report: Report, findings: Iterable[Finding]) -> None:
    shown = list(findings)
    if not shown:
        return
    _line(console, Text("netwright: ", "dim"), Text(headline(report)))
    for f in shown:
        _line(
            console,
            Text(f"  {f.code}", _STYLES[gravest(f)]),
            Text(f" {f.name}  {place(f.where, folder=Path.cwd())}"),
        )


def _show_nothing(console: Console, report: Report, path: Path | None) -> None:
    saved = f"; report: {_near(path)}" if path else ""
    task = f" ({task_words(report)})" if task_words(report) else ""
    mark = Text("netwright: ", "dim")
    if report.verdict == CANNOT_TELL:
        _line(console, mark, Text(f"cannot tell. {headline(report)}{saved}"))
        return
    known = ", ".join(f"{f.code} {f.name}" for f in report.findings)
    more = f"; worth knowing (-v): {known}" if known else ""
    _line(
        console, mark, Text(headline(report), "green"), Text(f"{task}. {tally(report)}{more}{saved}", "dim")
    )


def _show_tried(console: Console, report: Report, *, verbose: bool) -> None:
    """What the experiments found; without being asked only which ones were done."""
    mark = Text("Tried      ", "dim")
    if verbose:
        for line in report.tried:
            _line(console, mark, Text(line))
        for line in report.not_tried:
            _line(console, Text("Not tried  ", "dim"), Text(line, "dim"))
    elif report.tried:
        names = ", ".join(line.partition(":")[0] for line in report.tried)
        _line(console, mark, Text(names), Text(" (-v says what they found)", "dim"))


def _show_findings(console: Console, report: Report, findings: Iterable[Finding]) -> None:
    shown = list(findings)
    console.print()
    _line(console, Text("Diagnosis  ", "bold"), Text(headline(report), "bold"))
    if task_words(report):
        why = f" ({report.task.why})" if report.task and report.task.why else ""
        _line(console, Text("Task       ", "bold"), Text(task_words(report)), Text(why, "dim"))
    console.print()
    seen: Counter[str] = Counter()
    for number, finding in enumerate(shown, 1):
        seen[finding.code] += 1
        if seen[finding.code] <= _SAME_CODE:
            _show_finding(console, number, finding, report)
    for code, count in seen.items():
        if count > _SAME_CODE:
            _line(console, Text(f"    and {count - _SAME_CODE} more {code}, all of them in the full report"))
            console.print()


def _show_finding(console: Console, number: int, finding: Finding, report: Report) -> None:
    title = Text.assemble(
        (f"{number:>3}  ", "dim"), (finding.code, _STYLES[finding.severity]), " ", (finding.name, "bold")
    )
    at = place(finding.where, folder=Path.cwd())
    row = Table.grid(expand=True, padding=(0, 2, 0, 0))
    row.add_column(no_wrap=True)
    row.add_column(justify="right", overflow="fold", style="cyan")
    fits = len(title) + len(at) + 2 <= console.width
    row.add_row(title, at if fits else "")
    console.print(row)
    if at and not fits:
        _body(console, Text(at, "cyan"))
    _body(console, Text(finding.message))
    for line in excerpt(finding.where, around=0):
        _body(console, Text.assemble((f"{line.number:>5} │ ", "dim"), (line.text.strip(), "italic")))
    if finding.expected:
        _field(console, "expected", finding.expected)
    _field(console, "do this", finding.fix, style="green")
    if finding.confidence < 0.8:
        _field(console, "how sure", f"{finding.confidence:.0%}")
    if proof := _proof_of(finding, report):
        _field(console, "proof", proof)
    if rehearsed := of_finding(finding, report):
        _field(console, "rehearsed", rehearsed)
    for below in finding.consequences:
        _show_consequence(console, below)
    calls = report.pictures.calls if report.pictures else ()
    if finding.code.startswith("NW9") and calls:
        _show_calls(console, calls)
    console.print()


def _proof_of(finding: Finding, report: Report) -> str:
    diagnosis = report.diagnosis
    if diagnosis is None or diagnosis.proof is None or not diagnosis.proof.yardstick:
        return ""
    here = (c for c in diagnosis.causes if (c.code, c.where) == (finding.code, finding.where))
    return next((of_cause(c, diagnosis.proof) for c in here), "")


def _show_proof(console: Console, report: Report) -> None:
    """What the trials of remedies say of the causes together, and what stays open."""
    diagnosis = report.diagnosis
    if diagnosis is None:
        return
    proof, command = diagnosis.proof, report.program.command
    lines = [("Proof", s) for s in (sentences(diagnosis) if proof else [not_proven(diagnosis, command)])]
    if proof is not None:
        lines.append(("No help", no_help(proof)))
    lines += [("Open", line) for line in diagnosis.unexplained]
    lines.append(("Next", next_words(diagnosis)))
    if proof is not None and proof.proven:
        lines.append(("Patch", patch(proof, command)))
        lines += [("By hand", line) for line in by_hand(proof)]
    last = ""
    for label, text in lines:
        if text:
            _line(console, Text(f"{'' if label == last else label:<11}", "bold"), Text(text))
            last = label


def _show_calls(console: Console, calls: Sequence[ModuleCall]) -> None:
    table = Table.grid(padding=(0, 2, 0, 0))
    for _ in range(2):
        table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    if len(calls) > _CALLS:
        table.add_row(Text(f"… {len(calls) - _CALLS} before", "dim"))
    for call in calls[-_CALLS:]:
        name = Text("  " * call.depth + (call.module or "(root)"), "bold red" if call.failed else "")
        ends = Text("fails here", "bold red") if call.failed else Text(shapes(call.outputs) or "…")
        table.add_row(name, Text(call.type, "dim"), Text.assemble(shapes(call.inputs), (" → ", "dim"), ends))
    _field(console, "shapes", table)


def _show_consequence(console: Console, finding: Finding) -> None:
    at = place(finding.where, folder=Path.cwd())
    text = Text.assemble(
        (finding.code, _STYLES[finding.severity].removeprefix("bold ")),
        f" {finding.name}",
        (f"  {at}" if at else "", "cyan"),
        "\n",
        (finding.message, "dim"),
    )
    _field(console, "└ so also", text, style="")


def _show_notes(console: Console, report: Report) -> None:
    for note in report.notes:
        _line(console, Text("Note       ", "dim"), Text(note, "dim"))


def _show_checked(console: Console, report: Report) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    for _ in range(2):
        table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for c in report.checked:
        table.add_row(f"{c.code} {c.name}", c.state.value, Text(c.reason, "dim"))
    console.print(table)
    for trace in report.traces:
        console.print(Text(trace, "dim"))
    console.print()


def _show_end(console: Console, report: Report, path: Path | None, *, hidden: int) -> None:
    _show_proof(console, report)
    more = f"; {hidden} more worth knowing (--verbose)" if hidden else ""
    _line(console, Text("Checked    ", "dim"), Text(f"{tally(report)}{more}", "dim"))
    if path is not None:
        _line(console, Text("Report     ", "bold"), Text(_near(path), "bold"))
    shown = report.serious or report.findings
    if shown:
        _line(console, Text("Why        ", "dim"), Text(f"netwright explain {shown[0].code}", "dim"))


def _near(path: Path) -> str:
    return relative(str(path.absolute()), Path.cwd())


def _line(console: Console, label: Text, *parts: Text) -> None:
    grid = Table.grid()
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(label, Text.assemble(*parts))
    console.print(grid)


def _body(console: Console, text: Text) -> None:
    console.print(Padding(text, (0, 0, 0, 5)))


def _field(console: Console, name: str, text: str | Text | Table, *, style: str = "") -> None:
    grid = Table.grid()
    grid.add_column(no_wrap=True, width=11)
    grid.add_column(overflow="fold")
    grid.add_row(Text(name, "dim"), Text(text, style) if isinstance(text, str) else text)
    console.print(Padding(grid, (0, 0, 0, 5)))
