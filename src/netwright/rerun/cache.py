"""Results of re-runs on disk. The key is what was run and how; an entry holds as long as the files that the program read are as they were."""

import contextlib
import hashlib
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .plan import Command, Plan
from .trace import FINISHED, STEPS, Trace

FOLDER = Path(".netwright") / "cache" / "rerun"
_FORMAT = 2
# The environment is part of the key: programs read settings from it. What a terminal or a session puts there is not.
_PASSING = re.compile(
    r"_|PWD|OLDPWD|SHLVL|COLUMNS|LINES|LS_COLORS|TERM\w*|COLORTERM|DISPLAY|WINDOWID|PYTEST_\w+|(SSH|XDG|DBUS|TMUX|VSCODE|GPG|GNOME)_?\w*"
)
_WHOLE = 1 << 20


def state_of(path: str) -> str | None:
    """What tells that a file has changed: a digest of a small one, size and time of a large one. ``None``: there is none."""
    try:
        status = os.stat(path)  # noqa: PTH116
        if not os.path.isfile(path):  # noqa: PTH113
            return None
        if status.st_size <= _WHOLE:
            return hashlib.blake2b(Path(path).read_bytes(), digest_size=16).hexdigest()
    except OSError:
        return None
    return f"{status.st_size} {status.st_mtime_ns}"


def fingerprint(command: Command, *more: str) -> str:
    """A digest of the program's file, its arguments and folder, the environment, the interpreter and torch, and of whatever else tells apart."""
    state = "" if command.is_module else str(state_of(str(command.folder / command.target)))
    target = command.target if command.is_module else os.path.normpath(command.target)
    try:
        torch = version("torch")
    except PackageNotFoundError:
        torch = ""
    parts = [*more, target, state, str(command.folder), torch, sys.version, *command.argv]
    parts += [f"{k}={v}" for k, v in sorted(command.environment.items()) if not _PASSING.fullmatch(k)]
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()


def keep_out(folder: Path) -> None:
    """Tell git to leave a folder alone that is netwright's."""
    if folder.is_dir() and not (ignore := folder / ".gitignore").exists():
        ignore.write_text("*\n", encoding="utf-8")


def unchanged(files: Mapping[str, str]) -> bool:
    """Whether files are as they were; ``files`` has their states by :func:`state_of`."""
    return all(state_of(path) == state for path, state in files.items())


def write_whole(path: Path, text: str, ours: Path | None) -> None:
    """Write a file so that a reader sees all of it or none; git leaves the folder ``ours`` above it alone, where there is one. A disk that is full keeps nothing."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        if ours is not None:
            keep_out(ours)
        fresh = path.with_suffix(f".{os.getpid()}")
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(path)


class Cache:
    """The results of one command, in a folder that may be deleted at any time."""

    def __init__(self, command: Command, folder: Path | None = None) -> None:
        self.command = command
        self.folder = folder or command.folder / FOLDER

    def _path(self, plan: Plan) -> Path:
        return self.folder / f"{fingerprint(self.command, str(_FORMAT), plan.to_json())}.json"

    def get(self, plan: Plan) -> Trace | None:
        """What came of the plan before, if nothing that the program read has changed since."""
        try:
            trace = Trace.from_json(self._path(plan).read_text("utf-8"))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return replace(trace, cached=True) if unchanged(trace.files) else None

    def put(self, plan: Plan, trace: Trace) -> None:
        """Keep a result. Those cut by the clock depend on how busy the machine was, and failures may be mended from outside: they are not kept."""
        if trace.ended not in (FINISHED, STEPS) or trace.cached:
            return
        usual = self.folder == self.command.folder / FOLDER
        write_whole(
            self._path(plan), trace.to_json(), self.command.folder / FOLDER.parts[0] if usual else None
        )
