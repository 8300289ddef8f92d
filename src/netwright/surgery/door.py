"""The door of ``netwright fix``: from the command line to the exit code."""

import contextlib
import functools
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ParamSpec

from ..options import NOT_PROVEN
from ..remedies import Patch, Treatment
from ..report.model import CANNOT_TELL, HEALTHY, Report
from ..report.terminal import make_console
from ..report.words import headline
from ..rerun import Command
from ..trial.search import compatible
from .doubts import doubted
from .examination import examine, watch
from .files import CannotFix
from .files import write as write_files
from .floor import held_against, reached
from .operation import Operation, operate
from .proof import keep
from .words import show, show_patch

_Given = ParamSpec("_Given")


def _ended_by_signals(command: Callable[_Given, int]) -> Callable[_Given, int]:
    """Decorator: SIGTERM and SIGHUP are as Ctrl-C, so what is known is said and nothing is left behind. The exit code is then 128 and the number of the signal."""

    @functools.wraps(command)
    def run(*args: _Given.args, **kwargs: _Given.kwargs) -> int:
        with _interrupted_by_signals() as signals:
            code = command(*args, **kwargs)
        return 128 + signals[0] if signals else code

    return run


@contextlib.contextmanager
def _interrupted_by_signals() -> Iterator[list[int]]:
    """Inside, SIGTERM and SIGHUP raise as Ctrl-C does. Those that came."""
    came: list[int] = []

    def handle(number: int, _: object) -> None:
        came.append(number)
        raise KeyboardInterrupt

    before: dict[int, object] = {}
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            with contextlib.suppress(ValueError):  # not in the main thread
                before[number] = signal.signal(number, handle)
    try:
        yield came
    finally:
        for number in before:
            signal.signal(number, signal.SIG_DFL)


@_ended_by_signals
def run(
    *,
    target: str,
    argv: tuple[str, ...],
    is_module: bool,
    budget: float,
    seeds: int,
    write: bool,
    unproved: bool,
    quiet: bool,
) -> int:
    """Do it. The exit code: 0 nothing to mend, or proven; 5 otherwise."""
    command = Command(
        target=target, argv=argv, is_module=is_module, folder=Path.cwd(), environment=dict(os.environ)
    )
    try:
        examined_s = min(60.0, budget / 4)
        report, doubt = examine(command, budget=examined_s), None
        if report.verdict == HEALTHY:
            report, doubt = _seen_later(command, report, seconds=examined_s)
        if report.verdict in (HEALTHY, CANNOT_TELL) and doubt is None:
            _tell(headline(report))
            return 0 if report.verdict == HEALTHY else NOT_PROVEN
        operation = operate(
            command,
            doubt or report,
            budget=budget,
            seeds=seeds,
            examined_s=None if doubt else examined_s,
            sick=doubt is None,
            quiet=quiet,
        )
    except CannotFix as why:
        _tell(str(why))
        return NOT_PROVEN
    except KeyboardInterrupt:
        _tell("interrupted before anything was tried")
        return NOT_PROVEN
    if doubt is not None and (operation.cure is None or not operation.cure.proven):
        # What was only worth knowing has been tried, and makes no difference that can be proven.
        _tell(headline(report))
        return 0
    show(operation, keep(operation), quiet=quiet)
    patches = tuple(p for p in _chosen(operation, unproved=unproved) if isinstance(p, Patch))
    if patches:
        show_patch(patches, Path.cwd())
        if write and not operation.interrupted:
            return _write(patches)
    proven = operation.cure is not None and operation.cure.proven
    return 0 if proven else NOT_PROVEN


def _seen_later(command: Command, report: Report, *, seconds: float) -> tuple[Report, Report | None]:
    """The report on a program whose first steps show nothing, with what its whole course shows: as it is watched, then in what it reaches. Beside it, where it stays healthy, that of what may hold it back all the same."""
    later = watch(command, seconds=seconds)
    if later is not None and later.serious:
        return later, None
    if report.floor is not None:
        report = held_against(report, reached(command, seconds=seconds))
    return report, doubted(later) if later is not None and report.verdict == HEALTHY else None


def _chosen(operation: Operation, *, unproved: bool) -> tuple[Patch | Treatment, ...]:
    """The remedies to show: those proven, or with ``unproved`` whatever holds."""
    cure = operation.cure
    if cure is not None and cure.patches and (cure.proven or unproved):
        return cure.patches
    return compatible(options[0] for options in operation.nominated)[0] if unproved else ()


def _write(patches: tuple[Patch, ...]) -> int:
    try:
        for line in write_files(patches):
            _tell(line)
    except CannotFix as why:
        _tell(str(why))
        return NOT_PROVEN
    return 0


def _tell(text: str) -> None:
    make_console().print(f"netwright: {text}", soft_wrap=True)
