"""Temporary folders, none of which outlives this process, however it is interrupted."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

_made: dict[Path, int] = {}  # and the process that made it: one that was forked from it leaves it alone


def make(kind: str) -> Path:
    """A new one for this kind of use."""
    path = Path(tempfile.mkdtemp(prefix=f"netwright-{kind}-"))
    _made[path] = os.getpid()
    return path


def remove(path: Path) -> None:
    """Delete it with all that is in it."""
    shutil.rmtree(path, ignore_errors=True)
    _made.pop(path, None)


@atexit.register
def _remove_all() -> None:
    for path, process in list(_made.items()):
        if process == os.getpid():
            remove(path)
