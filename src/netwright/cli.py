"""The command line. torch is not imported here: only ``run`` and ``check`` lead to it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TextIO, TypeVar

import click

from . import __version__
from .arguments import Examination, ExperimentName, Share
from .options import ON_ERROR, PROVE_S, REHEARSE_S, RunOptions
from .runs.commands import runs

if TYPE_CHECKING:
    from .diagnosis import Proof
    from .report.model import Report
    from .rerun import Command
    from .rule import Rule

F = TypeVar("F", bound=Callable[..., Any])
_HELP = {"help_option_names": ["-h", "--help"]}


# Rules that can judge any step alone.
_OF_ONE_STEP = ("NW105", "NW311", "NW414")

_FORWARD = {**_HELP, "allow_interspersed_args": False, "ignore_unknown_options": False}


@click.group(context_settings=_HELP)
@click.version_option(__version__, prog_name="netwright")
def main() -> None:
    """Find out why a neural network does not train.

    \b
    netwright run train.py --epochs 5     your own program, its own arguments
    netwright check train.py              the same, stopping after the first steps
    netwright fix train.py                try the remedies, prove the one that works, show the patch
    netwright runs                        what was run here before, and what came of it
    netwright demo                        see it work on a faulty script
    """


main.add_command(runs)


def _run_options(function: F) -> F:
    """Options of ``run`` and ``check``. They come before the script; what comes after it is the script's."""
    for option in reversed(
        (
            click.option(
                "-m", "is_module", is_flag=True, help="The target is a module's name, as in python -m."
            ),
            click.option(
                "--json",
                "json_path",
                type=click.Path(path_type=Path, dir_okay=False),
                help="Write the report as JSON.",
            ),
            click.option(
                "--html",
                "html_path",
                type=click.Path(path_type=Path, dir_okay=False),
                help="Write the report as one HTML file.",
            ),
            click.option(
                "--fail-on",
                type=click.Choice(["error", "warning"]),
                help="Exit with 4 when something this grave, or graver, is found.",
            ),
            click.option(
                "--select",
                multiple=True,
                metavar="CODE",
                help="Only these rules: a code, a name, or a prefix such as NW4.",
            ),
            click.option("--ignore", multiple=True, metavar="CODE", help="Not these rules."),
            click.option(
                "-v",
                "--verbose",
                is_flag=True,
                help="Also what is only worth knowing, and the state of every rule.",
            ),
            click.option(
                "-q", "--quiet", is_flag=True, help="One line for each finding; nothing when all is well."
            ),
            click.option(
                "--no-report", is_flag=True, help="Keep neither a report nor a record under .netwright/."
            ),
            click.option(
                "--no-record",
                is_flag=True,
                help="Keep the report alone: no settings, code and curves (netwright runs).",
            ),
            click.option(
                "--steps",
                type=click.IntRange(min=1),
                default=8,
                show_default=True,
                help="Training steps to look at closely.",
            ),
            click.option(
                "--wait-evaluation",
                type=click.FloatRange(min=0),
                default=1.0,
                show_default=True,
                metavar="SECONDS",
                help="check: how long to wait for a first evaluation after those steps.",
            ),
            click.option(
                "--prove",
                type=click.FloatRange(min=10),
                is_flag=False,
                flag_value=PROVE_S,
                metavar="[SECONDS]",
                help=f"Afterwards try the remedies of what was found, as netwright fix does, for so long ({PROVE_S:g} s unless said otherwise), and rank the causes by it.",
            ),
            click.option(
                "--rehearse", type=click.FloatRange(min=0), hidden=True
            ),  # netwright fix asks for it
            click.argument("target", metavar="SCRIPT"),
            click.argument("argv", nargs=-1, type=click.UNPROCESSED, metavar="[ARGUMENTS]..."),
        )
    ):
        function = option(function)
    return function


@main.command(cls=Examination, context_settings=_FORWARD)
@click.option(
    "--watch/--no-watch",
    default=True,
    help="Whether to watch the rest of the run after the first steps (default: yes).",
)
@click.option(
    "--watch-budget",
    "--budget",
    "watch_budget",
    type=Share(),
    default=0.01,
    show_default=True,
    metavar="SHARE",
    help="Share of the run time that watching may take.",
)
@click.option(
    "--watch-every",
    type=click.IntRange(min=1),
    metavar="STEPS",
    help="Sample every so many steps, whatever it costs.",
)
@click.option(
    "--watch-rank", is_flag=True, help="Also the effective rank of the modules' outputs in each sample."
)
@click.option(
    "--watch-histograms", is_flag=True, help="Also quantiles of weights and gradients in each sample."
)
@click.option(
    "--on-error",
    type=click.Choice(ON_ERROR),
    default="warn",
    show_default=True,
    help="When something grave is found while the program runs (NaN, a loss that grows without bound): say it; end the program (exit code 4); or keep weights, optimizer state and batch in a file beside the report.",
)
@_run_options
def run(**options: Any) -> NoReturn:
    """Run a training program to its end and say what is wrong with it.

    The program runs as `python SCRIPT ARGUMENTS` would, unmodified, and keeps its output and its exit code. The report goes to stderr.
    """
    sys.exit(_doctor(stop_after_preflight=False, **options))


@main.command(cls=Examination, context_settings=_FORWARD)
@click.option(
    "--experiments/--no-experiments",
    default=True,
    help="Whether to try things out on copies of the captured step as well: learn a batch by heart, other learning rates, a gradient check (default: yes). Those that run the program again are done by name only (--only).",
)
@click.option(
    "--only",
    multiple=True,
    type=ExperimentName(),
    help="Of the experiments only this one (repeatable), or serious: those that an error or a warning can rest on. repeat-run, seeds, learning-curve and largest-batch run the whole program again, many times, in processes of their own: they are done only when named here.",
)
@click.option(
    "--budget",
    type=click.FloatRange(min=1),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="Time for all experiments together.",
)
@click.option(
    "--look-at",
    type=click.IntRange(min=0),
    metavar="STEP",
    help="Let the program train up to this step (counted from 0, as in every message) and look at it and the one after it in place of the first ones, for values that are not finite.",
)
@_run_options
def check(
    *, experiments: bool, only: tuple[str, ...], look_at: int | None, select: tuple[str, ...], **options: Any
) -> NoReturn:
    """Run a training program's first steps only, then say what is wrong with it.

    The program waits while experiments train copies of its parameters; the program itself stays untouched.

    The exit code is 0 when the check is done, 4 when --fail-on is met.
    """
    wanted = (only or ("all",)) if experiments and look_at is None else ()
    chosen = select or (_OF_ONE_STEP if look_at is not None else ())
    sys.exit(
        _doctor(stop_after_preflight=True, experiments=wanted, look_at=look_at, select=chosen, **options)
    )


@main.command(context_settings=_FORWARD)
@click.option("-m", "is_module", is_flag=True, help="The target is a module's name, as in python -m.")
@click.option(
    "--budget",
    type=click.FloatRange(min=10),
    default=PROVE_S,
    show_default=True,
    metavar="SECONDS",
    help="Time for all re-runs of the program.",
)
@click.option(
    "--seeds",
    type=click.IntRange(min=2),
    default=5,
    show_default=True,
    help="Matched pairs of re-runs for the proof.",
)
@click.option("--write", is_flag=True, help="Make the proven changes in the program's files.")
@click.option("--unproved", is_flag=True, help="Also what could not be proven: all remedies that hold.")
@click.option("-q", "--quiet", is_flag=True, help="The proof and the patch alone.")
@click.argument("target", metavar="SCRIPT")
@click.argument("argv", nargs=-1, type=click.UNPROCESSED, metavar="[ARGUMENTS]...")
def fix(**options: Any) -> NoReturn:
    """Find the smallest change of a training program that makes it train, prove it by training with it, show it as a patch.

    The program is run again many times in processes of its own, in a folder of links to yours; your files stay as they are without --write. The patch goes to stdout.

    The exit code is 0 when there is nothing to mend or the patch is proven, 5 otherwise.
    """
    if not options["is_module"]:
        _must_exist(options["target"])
    from .surgery.door import run as operate

    sys.exit(operate(**options))


def _doctor(
    *,
    target: str,
    is_module: bool,
    no_report: bool,
    no_record: bool,
    stop_after_preflight: bool,
    prove: float | None,
    rehearse: float | None,
    **rest: Any,
) -> int:
    if not is_module:
        _must_exist(target)
    from .config import ConfigError, validate
    from .registry import all_rules
    from .report.deliver import new_run_dir

    try:
        validate(rest["select"], all_rules(), at="--select")
        validate(rest["ignore"], all_rules(), at="--ignore")
    except ConfigError as error:
        raise click.UsageError(str(error)) from error
    from . import doctor

    options = RunOptions(
        target=target,
        is_module=is_module,
        stop_after_preflight=stop_after_preflight,
        run_dir=None if no_report else new_run_dir(),
        record=not no_record,
        rehearse=(REHEARSE_S if prove is not None else 0.0) if rehearse is None else rehearse,
        **rest,
    )
    try:
        return doctor.run(options, proofs=_proofs(prove, quiet=options.quiet))
    except ConfigError as error:
        raise click.UsageError(str(error)) from error


def _proofs(seconds: float | None, *, quiet: bool) -> Callable[[Command, Report, TextIO], Proof | None]:
    """Where the examination asks for a proof. What makes it is loaded when it is asked, after the program."""

    def asked(command: Command, report: Report, stream: TextIO) -> Proof | None:
        if "torch" not in sys.modules:
            return None  # the program ended before it loaded it
        from .surgery.proof import prove, recall

        if seconds is None:
            return recall(command)
        return prove(command, report, budget=seconds, stream=stream, quiet=quiet)

    return asked


def _must_exist(target: str) -> None:
    path = Path(target)
    if path.exists():
        return
    folder = path.parent
    names = [p.name for p in folder.glob("*.py")] if folder.is_dir() else []
    close = get_close_matches(path.name, names, n=1)
    hint = f"; did you mean {folder / close[0]}?" if close else ""
    if not close and not target.endswith(".py") and "/" not in target:
        hint = f" (for a module: netwright run -m {target})"
    raise click.UsageError(f"there is no script {target}{hint}")


@main.command(context_settings=_HELP)
@click.argument("rule", metavar="CODE|NAME")
def explain(rule: str) -> None:
    """Print a rule's page: what it measures, why it matters, how to mend it."""
    from .registry import all_rules, find_rule

    found = find_rule(rule)
    if found is None:
        from .catalogue import CODES
        from .config import suggest

        code = rule.strip().upper()
        if code in CODES:
            raise click.UsageError(f"{code} ({CODES[code]}) is planned; this netwright does not check it yet")
        raise click.UsageError(
            f"no rule has the code or name {rule!r}{suggest(rule, all_rules())} (netwright rules lists them)"
        )
    _print_page(found)


def _print_page(rule: Rule) -> None:
    from rich.console import Console
    from rich.markdown import Markdown

    from .page import page

    console = Console(highlight=False)
    console.width = min(console.width, 100)
    console.print(Markdown(page(rule)))


@main.command(context_settings=_HELP)
def rules() -> None:
    """List every rule."""
    from rich.console import Console
    from rich.table import Table

    from .registry import all_rules

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for column in ("code", "name", "severity", "kind"):
        table.add_column(column, no_wrap=True)
    table.add_column("what it says", overflow="fold")
    for rule in all_rules():
        table.add_row(rule.code, rule.name, rule.severity.value, rule.kind.value, rule.title)
    Console(highlight=False).print(table)


@main.command(context_settings=_HELP)
@click.argument("path", type=click.Path(path_type=Path, exists=True))
@click.option(
    "--html",
    "html_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the HTML report again, here.",
)
@click.option(
    "-v", "--verbose", is_flag=True, help="Also what is only worth knowing, and the state of every rule."
)
def report(path: Path, html_path: Path | None, verbose: bool) -> None:
    """Print a saved report: a report.json, or the folder of a run."""
    from .report.html import to_html
    from .report.json import from_json
    from .report.terminal import show

    file = path / "report.json" if path.is_dir() else path
    if not file.is_file():
        raise click.UsageError(f"there is no report.json in {path}")
    pictures = file.with_name("pictures.json")
    try:
        text = file.read_text(encoding="utf-8")
        loaded = from_json(text, pictures.read_text(encoding="utf-8") if pictures.is_file() else None)
    except (ValueError, OSError) as error:
        raise click.UsageError(f"{file}: {error}") from error
    if html_path is not None:
        html_path.write_text(to_html(loaded), encoding="utf-8")
    page = file.with_name("report.html")
    show(loaded, verbose=verbose, path=html_path or (page if page.is_file() else file), stream=sys.stdout)


@main.command(context_settings=_HELP)
@click.option("--fresh", is_flag=True, help="Replace netwright_demo.py if it is there already.")
def demo(fresh: bool) -> NoReturn:
    """Copy a faulty training script here (netwright_demo.py) and run netwright on it."""
    from importlib.resources import files
    from importlib.util import find_spec

    if find_spec("sklearn") is None:
        raise click.UsageError("the demo trains on scikit-learn's digits: pip install scikit-learn")
    source = files("netwright.demo").joinpath("train.py").read_text("utf-8")
    script = Path("netwright_demo.py")
    if not script.exists() or fresh:
        script.write_text(source, encoding="utf-8")
        click.echo(f"netwright: wrote {script}, a training script that runs and does not work", err=True)
    elif script.read_text(encoding="utf-8") != source:
        click.echo(f"netwright: running your {script} as it is (--fresh puts the faulty one back)", err=True)
    click.echo(f"netwright: netwright run {script}", err=True)
    from . import doctor
    from .report.deliver import new_run_dir

    run_dir = new_run_dir()
    code = doctor.run(RunOptions(target=str(script), run_dir=run_dir), proofs=_proofs(None, quiet=False))
    page = run_dir / "report.html"
    if page.is_file():
        click.echo(f"\nnetwright: open {page.absolute()} in a browser for the pictures", err=True)
    sys.exit(code)
