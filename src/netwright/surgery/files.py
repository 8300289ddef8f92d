"""The patch: shown as a diff, and made in the user's files when that is asked for."""

import difflib
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from ..remedies import Patch, merged


class CannotFix(Exception):
    """What was asked for cannot be done. The message says why."""


def diff(patches: Sequence[Patch], folder: Path) -> str:
    """A unified diff of all patches, with paths as they are seen from a folder (``patch -p1`` and ``git apply`` take it)."""
    parts: list[str] = []
    originals = {p.path: p.source.text for p in patches}
    for path, text in merged(patches).items():
        try:
            name = path.resolve().relative_to(folder.resolve()).as_posix()
        except ValueError:
            name = path.as_posix()
        lines = difflib.unified_diff(
            originals[path].splitlines(keepends=True),
            text.splitlines(keepends=True),
            f"a/{name}",
            f"b/{name}",
        )
        parts += [
            line if line.endswith("\n") else line + "\n\\ No newline at end of file\n" for line in lines
        ]
    return "".join(parts)


def write(patches: Sequence[Patch]) -> list[str]:
    """Make the changes in the user's files. The original stays beside a file (``train.py.orig``) that is not committed as it is.

    Returns:
        What was done, a sentence for each file.

    Raises:
        CannotFix: a file has changed since it was examined, or cannot be written.
    """
    files = merged(patches)
    originals = {p.path: p.source.text for p in patches}
    for path, text in originals.items():
        if path.read_bytes().decode("utf-8") != text:
            raise CannotFix(f"{path.name} has changed since it was examined; run netwright fix again")
    said: list[str] = []
    for path, text in files.items():
        kept = None
        if not _committed(path):
            kept = path.with_name(path.name + ".orig")
            if kept.exists():
                raise CannotFix(f"{kept.name} is there already and would be overwritten; move it away first")
        try:
            if kept is not None:
                kept.write_bytes(path.read_bytes())
            fresh = path.with_name(f".{path.name}.{os.getpid()}")
            fresh.write_bytes(text.encode("utf-8"))
            os.chmod(fresh, path.stat().st_mode)  # noqa: PTH101
            fresh.replace(path)
        except OSError as error:
            raise CannotFix(f"{path.name} could not be written: {error.strerror or error}") from error
        said.append(
            f"{path.name} is changed"
            + (f"; what it was stands in {kept.name}" if kept else " (git has what it was)")
        )
    return said


def _committed(path: Path) -> bool:
    """Whether git has the file as it is."""
    try:
        known = subprocess.run(
            ["git", "ls-files", "--error-unmatch", path.name],
            cwd=path.parent,
            capture_output=True,
            check=False,
        )
        clean = subprocess.run(
            ["git", "diff", "--quiet", "HEAD", "--", path.name],
            cwd=path.parent,
            capture_output=True,
            check=False,
        )
    except OSError:
        return False
    return known.returncode == 0 and clean.returncode == 0
