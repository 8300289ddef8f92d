"""Where a finished report goes: files, the terminal, the exit code."""

import contextlib
import os
import sys
import time
from pathlib import Path
from typing import TextIO

from ..masking import cleared, hider_of_command
from ..options import FAILED_ON, RUNS, RunOptions
from ..rule import Severity
from .build import counted
from .html import to_html
from .json import pictures_to_json, to_json
from .model import Report
from .terminal import show


def new_run_dir(base: Path | None = None) -> Path:
    """A new folder ``.netwright/runs/<date-time>`` in the working directory, not made yet."""
    root = (base or Path.cwd()) / RUNS
    name = time.strftime("%Y-%m-%d-%H%M%S")
    path, count = root / name, 1
    while path.exists():
        count += 1
        path = root / f"{name}-{count}"
    return path


def write(report: Report, options: RunOptions) -> tuple[Path | None, list[OSError]]:
    """Write what was asked for. The file to look at first, if one was written, and what could not be written; of that nothing is left behind."""
    failed: list[OSError] = []

    def saved(path: Path, text: str) -> bool:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _write_whole(path, text)
        except OSError as error:
            error.filename = str(path)
            failed.append(error)
            return False
        return True

    text = to_json(report)
    written: list[Path] = []
    if options.json_path and saved(options.json_path, text):
        written.append(options.json_path)
    run_html = options.run_dir / "report.html" if options.run_dir else None
    pages = [p for p in (options.html_path, run_html) if p]
    if options.run_dir:
        saved(options.run_dir / "report.json", text)
        saved(options.run_dir / "pictures.json", pictures_to_json(report.pictures))
        keep_out = options.run_dir.parent.parent
        if keep_out.name == ".netwright" and not (keep_out / ".gitignore").exists():
            saved(keep_out / ".gitignore", "*\n")
    if pages:
        page = to_html(report)
        written = [path for path in pages if saved(path, page)] + written
    return next(iter(written), None), failed


def _write_whole(path: Path, text: str) -> None:
    """Write a file so that there is all of it or, on a disk that is full, what was there before. What is no file of a folder (``/dev/stdout``, a pipe) is written to as it is.

    Raises:
        OSError: it cannot be written.
    """
    raw = text.encode("utf-8")
    target = path.resolve()
    if target.exists() and not (target.is_file() and os.access(target.parent, os.W_OK)):
        path.write_bytes(raw)
        return
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with fresh.open("wb") as file:
            file.write(raw)
        if target.exists():
            fresh.chmod(target.stat().st_mode & 0o7777)
        fresh.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise


def deliver(report: Report, options: RunOptions, *, stream: TextIO | None = None) -> None:
    """Write the files that were asked for and print the report to ``stream`` (default: stderr), without the secrets of the command line."""
    report = cleared(report, hider_of_command(options.argv))
    path, failed = write(report, options)
    show(report, verbose=options.verbose, quiet=options.quiet, path=path, stream=stream)
    if failed:
        print(f"netwright: the report could not be written to {_names(failed)}", file=stream or sys.stderr)


def _names(failed: list[OSError]) -> str:
    """``a/report.json, pictures.json: No space left on device``. A folder is named once."""
    why: dict[str, list[Path]] = {}
    for error in failed:
        why.setdefault(error.strerror or str(error), []).append(Path(str(error.filename)))
    parts: list[str] = []
    for reason, paths in why.items():
        before = [None, *(p.parent for p in paths)]
        named = [p.name if p.parent == above else str(p) for p, above in zip(paths, before, strict=False)]
        parts.append(f"{', '.join(named)}: {reason}")
    return "; ".join(parts)


def exit_code(report: Report, script_code: int, options: RunOptions) -> int:
    """The script's own code; 4 when that is 0 and ``--fail-on`` is met."""
    if script_code or options.fail_on is None:
        return script_code
    bad = counted(report.findings, Severity.ERROR)
    if options.fail_on == "warning":
        bad += counted(report.findings, Severity.WARNING)
    return FAILED_ON if bad else 0
