"""Examinations that are known from before, of the program as it is and of the mended one: the same program is not measured twice.

Like the results of re-runs they hold as long as every file is as it was that the program read, which re-runs tell.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import __version__
from ..report.json import from_json, to_json
from ..report.model import Report
from ..rerun import Command
from ..rerun.cache import fingerprint, keep_out, state_of

FOLDER = Path(".netwright") / "cache" / "examined"


def recall(command: Command, *, budget: float, changed: Mapping[Path, str] | None = None) -> Report | None:
    """What was found before in the same program, given the same time.

    Args:
        command: the program.
        budget: seconds for experiments.
        changed: the texts that stood in place of its files.
    """
    try:
        data: dict[str, Any] = json.loads(_path(command, budget, changed).read_text("utf-8"))
        if any(state_of(path) != state for path, state in data["files"].items()):
            return None
        return from_json(data["report"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def keep(
    command: Command,
    report: Report,
    files: Mapping[str, str],
    *,
    budget: float,
    changed: Mapping[Path, str] | None = None,
) -> None:
    """Keep a report where :func:`recall` finds it. ``files`` are those that the program read, with their states. Where none is known nothing is kept, nor on a full disk."""
    if not files:
        return
    path = _path(command, budget, changed)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        keep_out(command.folder / FOLDER.parts[0])
        fresh = path.with_suffix(f".{os.getpid()}")
        fresh.write_text(json.dumps({"files": dict(files), "report": to_json(report)}), encoding="utf-8")
        fresh.replace(path)


def _path(command: Command, budget: float, changed: Mapping[Path, str] | None) -> Path:
    texts = json.dumps(sorted((str(p), t) for p, t in (changed or {}).items()))
    digest = hashlib.blake2b(texts.encode(), digest_size=16).hexdigest()
    return command.folder / FOLDER / f"{fingerprint(command, __version__, f'{budget:g}', digest)}.json"
