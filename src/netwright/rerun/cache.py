"""Results of re-runs on disk. The key is what was run and how; an entry holds as long as the files that the program read are as they were."""

import contextlib
import hashlib
import os
import sys
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .plan import Command, Plan
from .trace import FINISHED, STEPS, Trace

FOLDER = Path(".netwright") / "cache" / "rerun"
_FORMAT = 1
# Of the environment only what changes the arithmetic or what runs: most of the rest (a terminal, a session) is other every time.
_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "CUDA_VISIBLE_DEVICES",
    "PYTHONHASHSEED",
    "PYTHONPATH",
    "CUBLAS_WORKSPACE_CONFIG",
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


class Cache:
    """The results of one command, in a folder that may be deleted at any time."""

    def __init__(self, command: Command, folder: Path | None = None) -> None:
        self.command = command
        self.folder = folder or command.folder / FOLDER

    def _path(self, plan: Plan) -> Path:
        command = self.command
        target = command.target if command.is_module else state_of(str(command.folder / command.target))
        try:
            torch = version("torch")
        except PackageNotFoundError:
            torch = ""
        parts = [
            str(_FORMAT),
            command.target,
            str(target),
            str(command.folder),
            torch,
            sys.version,
            plan.to_json(),
        ]
        parts += [*command.argv, *(f"{k}={command.environment.get(k)}" for k in _VARIABLES)]
        key = hashlib.blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()
        return self.folder / f"{key}.json"

    def get(self, plan: Plan) -> Trace | None:
        """What came of the plan before, if nothing that the program read has changed since."""
        try:
            trace = Trace.from_json(self._path(plan).read_text("utf-8"))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if any(state_of(path) != state for path, state in trace.files.items()):
            return None
        return replace(trace, cached=True)

    def put(self, plan: Plan, trace: Trace) -> None:
        """Keep a result. Those cut by the clock depend on how busy the machine was, and failures may be mended from outside: they are not kept."""
        if trace.ended not in (FINISHED, STEPS) or trace.cached:
            return
        path = self._path(plan)
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            ignore = self.command.folder / ".netwright" / ".gitignore"
            if self.folder == self.command.folder / FOLDER and not ignore.exists():
                ignore.write_text("*\n", encoding="utf-8")
            fresh = path.with_suffix(f".{os.getpid()}")
            fresh.write_text(trace.to_json(), encoding="utf-8")
            fresh.replace(path)
