"""Examinations that are known from before, of the program as it is and of the mended one: the same program is not measured twice.

Like the results of re-runs they hold as long as every file is as it was that the program read, which re-runs tell.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import __version__
from ..report.json import from_json, to_json
from ..report.model import Report
from ..rerun import Command
from ..rerun.cache import fingerprint, unchanged, write_whole

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
        return from_json(data["report"]) if unchanged(data["files"]) else None
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
    text = json.dumps({"files": dict(files), "report": to_json(report)})
    write_whole(_path(command, budget, changed), text, command.folder / FOLDER.parts[0])


def _path(command: Command, budget: float, changed: Mapping[Path, str] | None) -> Path:
    texts = json.dumps(sorted((str(p), t) for p, t in (changed or {}).items()))
    digest = hashlib.blake2b(texts.encode(), digest_size=16).hexdigest()
    return command.folder / FOLDER / f"{fingerprint(command, __version__, f'{budget:g}', digest)}.json"
