"""`netwright runs`: the list of runs, and what can be done with them."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from ..options import NOT_PROVEN

T = TypeVar("T")
_HELP = {"help_option_names": ["-h", "--help"]}
_FROM = click.option(
    "--from",
    "folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=Path(),
    help="The working folder of the runs (default: this one, or the nearest above it with runs).",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="As JSON.")
_TRACKERS = ("mlflow", "tensorboard", "wandb", "comet")


def _said(do: Callable[[], T]) -> T:
    """What cannot be done ends in a sentence and exit code 2."""
    from .export import NotInstalled
    from .find import NoSuchRun
    from .repeat import CannotRepeat
    from .run import Unreadable

    try:
        return do()
    except (NoSuchRun, Unreadable, CannotRepeat, NotInstalled) as why:
        print(f"netwright: {why}", file=sys.stderr)  # noqa: T201
        sys.exit(2)


def _found(folder: Path, name: str) -> Any:
    from .find import find, home

    return _said(lambda: find(home(folder.absolute()), name))


def _print_json(value: object) -> None:
    from ..report.plain import to_plain

    click.echo(json.dumps(to_plain(value), indent=2, ensure_ascii=False))


def _console() -> Any:
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = 120
    return console


@click.group(context_settings=_HELP, invoke_without_command=True)
@_FROM
@_JSON
@click.pass_context
def runs(context: click.Context, folder: Path, as_json: bool) -> None:
    """List the runs that were recorded here; look at one, compare two, repeat one, hand one to another tracker.

    A run is named by its id, by a part of it that no other run has, or `latest`.
    """
    if context.invoked_subcommand is not None:
        return
    from .find import every_run, home
    from .summary import summary
    from .words import show_list

    found = _said(lambda: every_run(home(folder.absolute())))
    if as_json:
        _print_json([summary(run) for run in found])
    else:
        show_list(_console(), found)


@runs.command(context_settings=_HELP)
@_FROM
@_JSON
@click.option("--diff", is_flag=True, help="Also what its code has that its git commit has not.")
@click.argument("run", metavar="RUN")
def show(folder: Path, as_json: bool, diff: bool, run: str) -> None:
    """One run: its code, configuration and data, what was found, its curves and final metrics."""
    from .summary import whole
    from .words import show_run

    one = _found(folder, run)
    _said(lambda: _print_json(whole(one)) if as_json else show_run(_console(), one, diff=diff))


@runs.command(context_settings=_HELP)
@_FROM
@_JSON
@click.argument("left", metavar="RUN")
@click.argument("right", metavar="RUN")
def compare(folder: Path, as_json: bool, left: str, right: str) -> None:
    """Two runs: the settings, data and code that differ, their final metrics and curves, and the first step at which their losses part to the last bit."""
    from .summary import comparison
    from .words_of_two import show_comparison

    a, b = _found(folder, left), _found(folder, right)
    if as_json:
        _said(lambda: _print_json(comparison(a, b)))
    else:
        _said(lambda: show_comparison(_console(), a, b))


@runs.command(context_settings=_HELP)
@_FROM
@click.argument("run", metavar="RUN")
def repeat(folder: Path, run: str) -> NoReturn:
    """Run a recorded program again, with the same arguments in the same folder; say before what has changed since, and afterwards whether the losses are the same.

    The exit code is 0 when they are, to the last bit, and 5 when they are not.
    """
    from .compare import parting
    from .repeat import again, changed_since
    from .words_of_two import parting_words

    then = _found(folder, run)
    code, rest = _said(lambda: changed_since(then))
    for line in rest.splitlines():
        click.echo(f"netwright: {line}", err=True)
    if code:
        click.echo(f"netwright: the code has changed since {then.id}:\n{code}", err=True)
    now, ended = again(then)
    if now is None:
        click.echo(f"netwright: the program left no record this time (exit code {ended})", err=True)
        sys.exit(NOT_PROVEN)
    end = _said(lambda: parting(then, now))
    click.echo(f"netwright: {then.id} and {now.id}: {parting_words(end)}", err=True)
    sys.exit(0 if end.same else NOT_PROVEN)


@runs.command(context_settings=_HELP)
@_FROM
@click.option("--to", "tracker", type=click.Choice(_TRACKERS), required=True, help="Which tracker.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="The folder that it is written to."
)
@click.argument("run", metavar="RUN")
def export(folder: Path, tracker: str, out: Path | None, run: str) -> None:
    """Hand a run to MLflow, TensorBoard, Weights & Biases or Comet, by their own libraries and without a connection."""
    from .export import export as write

    one = _found(folder, run)
    click.echo(f"netwright: written to {_said(lambda: write(one, tracker, out))}")
