"""Where a finished report goes: files, the terminal, the exit code."""

import sys
import time
from pathlib import Path
from typing import TextIO

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


def write(report: Report, options: RunOptions) -> Path | None:
    """Write what was asked for. The HTML's path, if one was written.

    Raises:
        OSError: a file could not be written; the others were.
    """
    text = to_json(report)
    failed: list[OSError] = []

    def _save(path: Path, text: str) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            error.filename = error.filename or str(path)
            failed.append(error)

    if options.json_path:
        _save(options.json_path, text)
    run_html = options.run_dir / "report.html" if options.run_dir else None
    pages = [p for p in (options.html_path, run_html) if p]
    if options.run_dir:
        _save(options.run_dir / "report.json", text)
        _save(options.run_dir / "pictures.json", pictures_to_json(report.pictures))
        keep_out = options.run_dir.parent.parent
        if keep_out.name == ".netwright" and not (keep_out / ".gitignore").exists():
            _save(keep_out / ".gitignore", "*\n")
    if pages:
        page = to_html(report)
        for path in pages:
            _save(path, page)
    if failed:
        raise failed[0]
    return pages[0] if pages else None


def deliver(report: Report, options: RunOptions, *, stream: TextIO | None = None, told: bool = False) -> None:
    """Write the files that were asked for and print the report to ``stream`` (default: stderr).

    ``told``: the person knows already that the run's folder cannot be written to.
    """
    trouble: OSError | None = None
    path: Path | None = None
    try:
        path = write(report, options) or options.json_path
    except OSError as error:
        trouble = error
    show(report, verbose=options.verbose, quiet=options.quiet, path=path, stream=stream)
    if trouble is not None and not told:
        print(
            f"netwright: the report could not be written to {trouble.filename}: {trouble.strerror or trouble}",
            file=stream or sys.stderr,
        )


def exit_code(report: Report, script_code: int, options: RunOptions) -> int:
    """The script's own code; 4 when that is 0 and ``--fail-on`` is met."""
    if script_code or options.fail_on is None:
        return script_code
    bad = counted(report.findings, Severity.ERROR)
    if options.fail_on == "warning":
        bad += counted(report.findings, Severity.WARNING)
    return FAILED_ON if bad else 0
