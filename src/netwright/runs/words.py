"""Runs in a terminal: the list, one run, two beside each other."""

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any, cast

from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from ..evidence.history import Series
from .compare import Difference, Parting, settings
from .find import Broken
from .run import LOST, Run

_BARS = "▁▂▃▄▅▆▇█"
_WIDTH = 48
_STATUS = {
    "running": "cyan",
    "finished": "green",
    "stopped": "green",
    "crashed": "red",
    "failed": "red",
    LOST: "red",
}
_MOST_CURVES = 12
_FIRST = ("loss/", "metric/", "rate/", "run/")


def sparkline(values: Sequence[float], width: int = _WIDTH) -> str:
    """Values as a row of bars; where a part holds something that is no number, ``!`` stands."""
    count = min(width, len(values))
    parts = [values[i * len(values) // count : (i + 1) * len(values) // count] for i in range(count)]
    means = [math.fsum(p) / len(p) if all(map(math.isfinite, p)) else math.nan for p in parts]
    finite = [m for m in means if math.isfinite(m)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    span = high - low
    return "".join(
        "!" if not math.isfinite(m) else _BARS[min(7, int(8 * (m - low) / span)) if span > 0 else 0]
        for m in means
    )


def number(value: float | None) -> str:
    """Four digits, or a dash."""
    return "–" if value is None else f"{value:.4g}"


def script(run: Run) -> str:
    """The command line after `netwright run`."""
    command = run.command
    module = "-m " if command.get("is_module") else ""
    return " ".join([module + str(command.get("target", "?")), *map(str, command.get("argv", ()))])


def severities(run: Run) -> str:
    """``"2 errors, 1 warning"``, of what stands."""
    parts: list[str] = []
    for kind in ("error", "warning"):
        count = sum(f.get("severity") == kind and f["state"] == "stands" for f in run.findings)
        if count:
            parts.append(f"{count} {kind}{'s' if count > 1 else ''}")
    return ", ".join(parts)


def show_list(console: Console, runs: Sequence[Run | Broken]) -> None:
    """A line for each run, earliest first."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name in ("run", "status"):
        table.add_column(name, no_wrap=True)
    table.add_column("steps", justify="right")
    table.add_column("last loss", justify="right")
    table.add_column("found", overflow="fold")
    table.add_column("program", overflow="fold")
    for run in runs:
        if isinstance(run, Broken):
            table.add_row(run.id, Text("unreadable", "red"), "", "", "", Text(run.why, "dim"))
            continue
        status = "checked" if run.status == "stopped" else run.status
        table.add_row(
            run.id,
            Text(status, _STATUS.get(run.status, "")),
            str(run.steps),
            number(run.last_loss),
            severities(run),
            script(run),
        )
    console.print(table)


def show_run(console: Console, run: Run) -> None:
    """Everything of one run that fits a screen or two."""
    began, ended = run.meta.get("started"), run.meta.get("ended")
    took = f", {ended - began:.1f} s" if began and ended else ""
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(began)) if began else "?"
    console.print(
        Text.assemble((run.id, "bold"), "  ", (run.status, _STATUS.get(run.status, "")), f"  {when}{took}")
    )
    console.print(Text(f"{script(run)}   in {run.command.get('folder', '?')}", "cyan"))
    if run.meta.get("error"):
        console.print(Text(str(run.meta["error"]), "red"))
    _show_code(console, run)
    _show_settings(console, run)
    _show_findings(console, run)
    _show_curves(console, run.series)
    if run.metrics:
        console.print(Text("\nAt the end", "bold"))
        for name, value in run.metrics.items():
            console.print(f"  {name}  {number(value)}")
    page = run.folder / "report.html"
    if page.is_file():
        console.print(Text(f"\nreport: {page}", "dim"), soft_wrap=True)


def _show_code(console: Console, run: Run) -> None:
    code = run.part("code")
    on = f"commit {code['commit'][:12]}" if code.get("commit") else "no git repository"
    branch = f" ({code['branch']})" if code.get("branch") else ""
    files = ", ".join(list(run.sources)[:6]) + (" ..." if len(run.sources) > 6 else "")
    console.print(Text(f"code: {on}{branch}; kept: {files or 'nothing'}", "dim"), soft_wrap=True)


def _show_settings(console: Console, run: Run) -> None:
    known = {
        n: v
        for n, v in settings(run).items()
        if v not in ("", ()) and not n.startswith(("command.", "environment.packages.", "data.first_batch"))
    }
    if not known:
        return
    console.print(Text("\nConfiguration", "bold"))
    table = Table(box=None, padding=(0, 2, 0, 2), show_header=False)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    for name, value in known.items():
        table.add_row(name, plain(value))
    console.print(table)


def plain(value: object) -> str:
    """A setting in words."""
    if isinstance(value, tuple):
        return " ".join(map(str, cast("tuple[object, ...]", value)))
    return "–" if value is None else str(value)


def _show_findings(console: Console, run: Run) -> None:
    if not run.findings:
        return
    console.print(Text("\nFindings", "bold"))
    for finding in run.findings:
        where = cast("Mapping[str, Any]", finding.get("where") or {})
        line = f"{where.get('file', '').rpartition('/')[2]}:{where.get('line')}" if where.get("file") else ""
        gone = " (withdrawn)" if finding["state"] == "withdrawn" else ""
        console.print(
            Text.assemble(f"  {finding.get('code')} {finding.get('name')}{gone}  ", (line, "cyan")),
            soft_wrap=True,
        )


def _show_curves(console: Console, series: Mapping[str, Series]) -> None:
    named = sorted(series, key=_order)
    if not named:
        return
    console.print(Text("\nCurves", "bold"))
    table = Table(box=None, padding=(0, 2, 0, 2), header_style="dim")
    table.add_column("")
    table.add_column("", no_wrap=True)
    for column in ("first", "last", "least", "most"):
        table.add_column(column, justify="right")
    for name in named[:_MOST_CURVES]:
        values = series[name].values
        finite = [v for v in values if math.isfinite(v)]
        ends = (values[0], values[-1], min(finite, default=None), max(finite, default=None))
        table.add_row(name, sparkline(values), *map(number, ends))
    console.print(table)
    if len(named) > _MOST_CURVES:
        console.print(Text(f"  and {len(named) - _MOST_CURVES} more", "dim"))


def _order(name: str) -> tuple[int, str]:
    return next((i for i, start in enumerate(_FIRST) if name.startswith(start)), len(_FIRST)), name


def show_comparison(
    console: Console, left: Run, right: Run, found: Sequence[Difference], code: str, end: Parting
) -> None:
    """Two runs beside each other: what differs, and where they part."""
    console.print(Text.assemble((left.id, "bold"), "  and  ", (right.id, "bold")))
    if found:
        console.print(Text("\nConfiguration", "bold"))
        table = Table(box=None, padding=(0, 2, 0, 2), header_style="dim")
        for name in ("", left.id, right.id):
            table.add_column(name, overflow="fold")
        for d in found:
            table.add_row(d.name, plain(d.left), plain(d.right))
        console.print(table)
    else:
        console.print("Configuration: the same")
    if code:
        console.print(Text("\nCode", "bold"))
        console.print(Syntax(code, "diff", background_color="default"))
    else:
        console.print("Code: the same")
    _show_pairs(console, left, right)
    console.print(Text(f"\n{parting_words(end)}", "bold"))


def _show_pairs(console: Console, left: Run, right: Run) -> None:
    shared = sorted((n for n in left.series if n in right.series), key=_order)[:_MOST_CURVES]
    if not shared:
        return
    console.print(Text("\nCurves", "bold"))
    table = Table(box=None, padding=(0, 2, 0, 2), header_style="dim")
    for name in ("", left.id, "last", right.id, "last"):
        table.add_column(name, justify="right" if name == "last" else "left", no_wrap=name != "")
    for name in shared:
        a, b = left.series[name].values, right.series[name].values
        table.add_row(name, sparkline(a, 24), number(a[-1]), sparkline(b, 24), number(b[-1]))
    console.print(table)


def parting_words(end: Parting) -> str:
    """Where the losses part, in a sentence."""
    if not end.compared:
        return "No loss is in both records at one step, so they cannot be compared"
    if end.step is None:
        return f"The losses are the same to the last bit, over {end.compared} steps"
    if end.left == end.right:
        return f"The losses part at step {end.step}: one run has more of them there"
    return f"The losses part at step {end.step}: {end.name} is {end.left!r} and {end.right!r}"
