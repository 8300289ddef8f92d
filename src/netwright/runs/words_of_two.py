"""Two runs beside each other in a terminal."""

from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from . import data
from .compare import Parting, changed_code, comparable, differences, less, metric_pairs, parting
from .curve_words import Drawn, Row, show_curves
from .final import Final
from .run import Run
from .since import since_commit
from .words import MOST_ROWS, divided, in_order, metric_name, number, quantity, say_more

_BARS = 24


def show_comparison(console: Console, left: Run, right: Run) -> None:
    """Two runs beside each other: what differs, how they ended, and where they part."""
    found, code = differences(left, right), changed_code(left, right)
    console.print(Text.assemble((left.id, "bold"), "  and  ", (right.id, "bold")))
    if found:
        console.print(Text("\nConfiguration", "bold"))
        table = Table(box=None, padding=(0, 2, 0, 2), header_style="dim")
        for name in ("", left.id, right.id):
            table.add_column(name, overflow="fold")
        for d in found:
            table.add_row(d.name, quantity(d.name, d.left), quantity(d.name, d.right))
        console.print(table)
    else:
        console.print("Configuration: the same")
    _show_data(console, left, right)
    _show_code(console, left, right, code)
    _show_metrics(console, left, right)
    _show_curves(console, left, right)
    other = divided_words(left, right)
    if other:
        console.print(Text(f"\n{other}", "bold"))
    else:
        console.print(Text(f"\n{parting_words(parting(left, right))}", "bold"))


def _show_data(console: Console, left: Run, right: Run) -> None:
    found = data.differences(left, right)
    less_known = (
        "" if data.exact(left, right) else " (of one of them neither files nor contents are recorded)"
    )
    if not found:
        console.print(f"Data: the same{less_known or f' ({data.in_words(left)})'}")
        return
    console.print(Text.assemble(("\nData", "bold"), (less_known, "dim")))
    table = Table(box=None, padding=(0, 2, 0, 2), header_style="dim")
    for name in ("", left.id, right.id):
        table.add_column(name, overflow="fold")
    for d in found[:MOST_ROWS]:
        table.add_row(d.name, d.left or "–", d.right or "–")
    console.print(table)
    say_more(console, len(found))


def _show_code(console: Console, left: Run, right: Run, code: str) -> None:
    if code:
        console.print(Text("\nCode", "bold"))
        console.print(Syntax(code, "diff", background_color="default"))
    else:
        console.print("Code: the same")
    since = {run.id: since_commit(run).words() for run in (left, right)}
    if len(set(since.values())) == 1:
        console.print(Text(f"  {since[left.id]}", "dim"), soft_wrap=True)
        return
    for run, told in since.items():
        console.print(Text(f"  {run}: {told}", "dim"), soft_wrap=True)


def _show_metrics(console: Console, left: Run, right: Run) -> None:
    pairs = metric_pairs(left, right)
    if not pairs:
        return
    console.print(Text("\nMetrics", "bold"))
    table = Table(box=None, padding=(0, 2, 0, 2), header_style="dim")
    table.add_column("", overflow="fold")
    for name in (left.id, right.id, "difference"):
        table.add_column(name, justify="right", overflow="fold")
    for name in in_order(pairs)[:MOST_ROWS]:
        a, b = pairs[name]
        last, best = [f and f.last for f in (a, b)], [f and f.best for f in (a, b)]
        same = comparable(name, left, right)
        title = metric_name(name) + divided(name, left, right)
        table.add_row(title, *map(number, last), _signed(*last) if same else "–")
        table.add_row("  best", *map(_best, (a, b)), _signed(*best) if same else "–", style="dim")
    console.print(table)
    say_more(console, len(pairs))


def _best(found: Final | None) -> str:
    if found is None or found.best is None:
        return "–"
    return f"{number(found.best)} at step {found.best_step}"


def _signed(left: float | None, right: float | None) -> str:
    found = less(left, right)
    return "–" if found is None else "0" if found == 0 else f"{found:+.3g}"


def _show_curves(console: Console, left: Run, right: Run) -> None:
    shared = in_order(n for n in left.series if n in right.series)[:MOST_ROWS]
    if not shared:
        return
    console.print(Text("\nCurves", "bold"))
    rows: list[Row] = []
    for name in shared:
        series = (left.series[name].values, right.series[name].values)
        drawn = tuple(Drawn(values=values, texts=(quantity(name, values[-1]),)) for values in series)
        rows.append(Row(name=name + divided(name, left, right), runs=drawn))
    show_curves(console, rows, heads=("last",), titles=(left.id, right.id), bars=_BARS)


def divided_words(left: Run, right: Run) -> str:
    """That the losses of two runs are divided otherwise before backward, if so."""
    by = {run.id: run.loss_divided_by for run in (left, right)}
    if len(set(by.values())) == 1 or not all(run.losses for run in (left, right)):
        return ""
    told = [f"{'as it is' if b == 1 else f'divided by {b:g}'} in {name}" for name, b in by.items()]
    return f"loss/0 is not the same number in both runs: the loss comes to backward {' and '.join(told)} (accumulated batches), so the two are not compared; metric/train/loss, where there is one, is undivided"


def parting_words(end: Parting) -> str:
    """Where the losses part, in a sentence."""
    if not end.compared:
        return "No loss is in both records at one step, so they cannot be compared"
    if end.step is None:
        return f"The losses are the same to the last bit, over {end.compared} steps"
    if end.left == end.right:
        return f"The losses part at step {end.step}: one run has more of them there"
    return f"The losses part at step {end.step}: {end.name} is {end.left!r} and {end.right!r}"
