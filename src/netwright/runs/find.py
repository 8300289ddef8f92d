"""Where runs lie, and which one a person means."""

from dataclasses import dataclass
from pathlib import Path

from ..options import RUNS
from .run import Run, Unreadable
from .store import FILE

LATEST = "latest"


class NoSuchRun(ValueError):
    """There is no run that could be meant. The message says what there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A run whose record cannot be read, and why."""

    id: str
    why: str


def home(start: Path) -> Path:
    """The folder of runs of a working folder, or of the nearest one above it that has some.

    Raises:
        NoSuchRun: there is none.
    """
    for folder in (start, *start.parents):
        if (folder / RUNS).is_dir():
            return folder / RUNS
    raise NoSuchRun(
        "nothing is recorded here; netwright run SCRIPT leaves a record of each run in .netwright/runs"
    )


def recorded(runs: Path) -> list[Path]:
    """The folders of runs that have a record, earliest first."""
    return sorted(p.parent for p in runs.glob(f"*/{FILE}"))


def every_run(runs: Path) -> list[Run | Broken]:
    """Every run, earliest first."""
    found: list[Run | Broken] = []
    for folder in recorded(runs):
        try:
            run = Run(folder)
            len(
                run.metrics
            )  # in a record of an earlier version they are read from its series, which may be damaged
            found.append(run)
        except Unreadable as error:
            found.append(Broken(id=folder.name, why=str(error)))
    return found


def find(runs: Path, name: str) -> Run:
    """The run of an id, of the beginning, the end or a part of one that no other run has, or ``latest``.

    Raises:
        NoSuchRun: none is meant, or several are.
        Unreadable: its record cannot be read.
    """
    folders = recorded(runs)
    if not folders:
        raise NoSuchRun(f"there is no record in {runs}")
    if name == LATEST:
        return Run(folders[-1])
    ways = (
        [f for f in folders if f.name == name],
        [f for f in folders if f.name.startswith(name)],
        [f for f in folders if f.name.endswith(name)],
        [f for f in folders if name in f.name],
    )
    for meant in ways:
        if len(meant) == 1:
            return Run(meant[0])
        if meant:
            several = ", ".join(f.name for f in meant[-5:])
            raise NoSuchRun(f"{name} may mean {len(meant)} runs: {several}")
    last = ", ".join(f.name for f in folders[-3:])
    raise NoSuchRun(f"there is no run {name} in {runs} (the last ones: {last}; netwright runs lists all)")
