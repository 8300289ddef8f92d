"""A recorded run once more: the same command in the same folder. First what has changed since, afterwards whether the losses are the same."""

import os
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import cast

from ..masking import hidden_code
from ..options import RUNS
from .code import digest
from .compare import code_diff
from .find import recorded
from .run import Run, Unreadable


class CannotRepeat(ValueError):
    """The run cannot be started again. The message says why."""


def changed_since(run: Run) -> tuple[str, str]:
    """What is not as it was: the diff of the program's files from then to now, and the rest in lines.

    Raises:
        CannotRepeat: it was a loop within a program, its folder or its script is gone, or its command line held secrets, which are not recorded.
    """
    folder = Path(str(run.command.get("folder", "")))
    if not run.command.get("target"):
        raise CannotRepeat(f"{run.id} does not say how it was started")
    if run.command.get("kind") == "watch":
        raise CannotRepeat(
            f"{run.id} is a loop watched by nw.watch; run its program again, and compare the runs"
        )
    if not folder.is_dir():
        raise CannotRepeat(f"the folder that {run.id} was started in is gone: {folder}")
    if run.command.get("masked"):
        raise CannotRepeat(
            f"the command of {run.id} had a secret in it, which is not recorded ({' '.join(map(str, run.command.get('argv', ())))}); start the program yourself with it, then netwright runs compare {run.id} latest"
        )
    if not run.command.get("is_module") and not (folder / str(run.command["target"])).exists():
        raise CannotRepeat(f"the script of {run.id} is gone: {folder / str(run.command['target'])}")
    return _code_since(run, folder), _rest_since(run)


def _code_since(run: Run, folder: Path) -> str:
    then: dict[str, str | None] = {}
    now: dict[str, str | None] = {}
    for path, kept in run.sources.items():
        file = folder / path
        text = file.read_bytes() if file.is_file() else b""
        if digest(text) != kept.digest:
            then[path] = kept.text
            now[path] = hidden_code(text.decode("utf-8", "replace")) if kept.text is not None else None
    return code_diff(then, now)


def _rest_since(run: Run) -> str:
    environment = run.part("environment")
    lines: list[str] = []
    if environment.get("python") not in (None, python_version()):
        lines.append(f"Python was {environment['python']}, now it is {python_version()}")
    for name, then in cast("Mapping[str, str]", environment.get("packages") or {}).items():
        try:
            now = version(name)
        except (PackageNotFoundError, ValueError):
            continue
        if now.partition("+")[0] != then.partition("+")[0]:
            lines.append(f"{name} was {then}, now it is {now}")
    if not run.meta.get("seeds"):
        lines.append("the program seeds nothing that was seen, so its losses may part by chance alone")
    return "\n".join(lines)


def again(run: Run) -> tuple[Run | None, int]:
    """Run it. The new run (``None``: it left no record) and the exit code."""
    command = run.command
    folder = Path(str(command["folder"]))
    variables = cast("Mapping[str, str]", run.part("environment").get("variables") or {})
    kind = "check" if command.get("kind") == "check" else "run"
    arguments = [sys.executable, "-m", "netwright", kind, "--quiet"]
    if kind == "check":
        arguments.append("--no-experiments")
    arguments += ["-m"] * bool(command.get("is_module"))
    arguments += [str(command["target"]), *map(str, command.get("argv", ()))]
    with subprocess.Popen(arguments, cwd=folder, env={**os.environ, **variables}) as process:
        code = process.wait()
    return _of_process(folder, process.pid), code


def _of_process(folder: Path, pid: int) -> Run | None:
    for found in reversed(recorded(folder / RUNS)):
        try:
            run = Run(found)
        except Unreadable:
            continue
        if run.part("process").get("pid") == pid:
            return run
    return None
