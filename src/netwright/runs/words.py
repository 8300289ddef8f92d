"""Runs in a terminal: the list, one run, two beside each other."""

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from . import data
from .compare import settings
from .curve_words import Drawn, Row, show_curves
from .final import telling
from .find import Broken
from .run import FIRST_LOSS, LOST, Run
from .since import Since, since_commit

_BARS = 48
_STATUS = {
    "running": "cyan",
    "finished": "green",
    "checked": "green",
    "stopped": "red",
    "crashed": "red",
    "failed": "red",
    LOST: "red",
}
MOST_ROWS = 12
_MOST_FILES = 6
_FIRST = ("loss/", "metric/eval/", "metric/", "rate/", "run/")


def number(value: float | None) -> str:
    """Four digits, or a dash."""
    return "–" if value is None else f"{value:.4g}"


def quantity(name: str, value: object) -> str:
    """A number or setting in the units that people read: bytes by the name that says that it has some."""
    if name.endswith("_bytes") and isinstance(value, int | float) and math.isfinite(value):
        return data.bytes_in_words(value)
    return number(value) if isinstance(value, float) else plain(value)


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


def metric(run: Run) -> str:
    """The metric that tells most: ``"eval accuracy 0.912, best 0.931"``."""
    name = telling(run.metrics)
    if name is None:
        return ""
    found = run.metrics[name]
    best = "" if found.best in (None, found.last) else f", best {number(found.best)}"
    return f"{metric_name(name)} {number(found.last)}{best}"


def metric_name(series: str) -> str:
    """The name of a loss or metric for a person: ``metric/eval/mean_iou`` is ``eval mean_iou``."""
    return series.removeprefix("metric/").replace("/", " ") if series.startswith("metric/") else series


def divided(series: str, *runs: Run) -> str:
    """``" (loss / 4)"`` behind the name of a loss that is divided so before backward, as it is accumulated."""
    by = [run.loss_divided_by if series == FIRST_LOSS else 1.0 for run in runs]
    if all(b == 1.0 for b in by):
        return ""
    told = ["loss" if b == 1.0 else f"loss / {b:g}" for b in by]
    return f" ({' and '.join(dict.fromkeys(told))})"


def show_list(console: Console, runs: Sequence[Run | Broken]) -> None:
    """A line for each run, earliest first."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name in ("run", "status"):
        table.add_column(name, no_wrap=True)
    table.add_column("steps", justify="right")
    table.add_column("last loss", justify="right")
    table.add_column("metric", overflow="fold")
    table.add_column("found", overflow="fold")
    table.add_column("program", overflow="fold")
    for run in runs:
        if isinstance(run, Broken):
            table.add_row(run.id, Text("unreadable", "red"), "", "", "", "", Text(run.why, "dim"))
            continue
        table.add_row(
            run.id,
            Text(run.status, _STATUS.get(run.status, "")),
            str(run.steps),
            number(None if run.last_loss is None else run.last_loss * run.loss_divided_by),
            metric(run),
            severities(run),
            script(run),
        )
    console.print(table)


def show_run(console: Console, run: Run, *, diff: bool = False) -> None:
    """Everything of one run that fits a screen or two; with ``diff`` also what its code has that its commit has not."""
    began, ended = run.meta.get("started"), run.meta.get("ended")
    took = f", {ended - began:.1f} s" if began and ended else ""
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(began)) if began else "?"
    console.print(
        Text.assemble((run.id, "bold"), "  ", (run.status, _STATUS.get(run.status, "")), f"  {when}{took}")
    )
    console.print(Text(f"{script(run)}   in {run.command.get('folder', '?')}", "cyan"))
    if run.meta.get("error"):
        console.print(Text(str(run.meta["error"]), "red"))
    since = since_commit(run)
    _show_code(console, run, since, diff=diff)
    _show_settings(console, run)
    _show_data(console, run)
    _show_findings(console, run)
    _show_curves(console, run)
    _show_metrics(console, run)
    page = run.folder / "report.html"
    if page.is_file():
        console.print(Text(f"\nreport: {page}", "dim"), soft_wrap=True)


def _show_code(console: Console, run: Run, since: Since, *, diff: bool) -> None:
    branch = run.part("code").get("branch")
    on = f" ({branch})" if branch else ""
    files = ", ".join(list(run.sources)[:6]) + (" ..." if len(run.sources) > 6 else "")
    console.print(Text(f"code: {since.words()}{on}; kept: {files or 'nothing'}", "dim"), soft_wrap=True)
    if since.diff and not diff:
        console.print(
            Text(f"      netwright runs show {run.id} --diff shows what has changed", "dim"), soft_wrap=True
        )
    if since.diff and diff:
        console.print(Syntax(since.diff, "diff", background_color="default"))


def _show_data(console: Console, run: Run) -> None:
    known = list(data.known(run).items())
    if not known:
        return
    console.print(Text.assemble(("\nData", "bold"), (f"  {data.in_words(run)}", "dim")))
    table = Table(box=None, padding=(0, 2, 0, 2), show_header=False)
    files = [row for row in known if row[1].is_file][:_MOST_FILES]
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    shown = files + [row for row in known if not row[1].is_file][:MOST_ROWS]
    for name, datum in shown:
        table.add_row(name, datum.text)
    console.print(table)
    say_more(console, len(known), len(shown))


def _show_metrics(console: Console, run: Run) -> None:
    metrics = run.metrics
    if not metrics:
        return
    console.print(Text("\nMetrics", "bold"))
    table = Table(box=None, padding=(0, 2, 0, 2), header_style="dim")
    table.add_column("", overflow="fold")
    for column in ("last", "at step", "best", "at step"):
        table.add_column(column, justify="right", no_wrap=True)
    for name in in_order(metrics)[:MOST_ROWS]:
        found = metrics[name]
        best_step = "" if found.best_step is None else str(found.best_step)
        table.add_row(
            metric_name(name) + divided(name, run),
            number(found.last),
            str(found.last_step),
            number(found.best),
            best_step,
        )
    console.print(table)
    say_more(console, len(metrics))


def say_more(console: Console, count: int, shown: int = MOST_ROWS) -> None:
    """A table shows its first rows only."""
    if count > shown:
        console.print(Text(f"    and {count - shown} more", "dim"))


def _show_settings(console: Console, run: Run) -> None:
    known = {
        n: v
        for n, v in settings(run).items()
        if v not in ("", ()) and not n.startswith(("command.", "environment.packages."))
    }
    if not known:
        return
    console.print(Text("\nConfiguration", "bold"))
    table = Table(box=None, padding=(0, 2, 0, 2), show_header=False)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    for name, value in known.items():
        table.add_row(name, quantity(name, value))
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


def _show_curves(console: Console, run: Run) -> None:
    named = in_order(run.series)
    if not named:
        return
    console.print(Text("\nCurves", "bold"))
    rows: list[Row] = []
    for name in named[:MOST_ROWS]:
        values = run.series[name].values
        finite = [v for v in values if math.isfinite(v)]
        ends = (values[0], values[-1], min(finite, default=None), max(finite, default=None))
        drawn = Drawn(values=values, texts=tuple(quantity(name, end) for end in ends))
        rows.append(Row(name=name + divided(name, run), runs=(drawn,)))
    show_curves(console, rows, heads=("first", "last", "least", "most"), titles=("",), bars=_BARS)
    say_more(console, len(named))


def in_order(names: Iterable[str]) -> list[str]:
    """Series as a person reads them: losses, then metrics of evaluations and of training, then the rest."""
    return sorted(names, key=_order)


def _order(name: str) -> tuple[int, str]:
    return next((i for i, start in enumerate(_FIRST) if name.startswith(start)), len(_FIRST)), name
