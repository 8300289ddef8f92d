"""Lines of the user's program around a place, read when the report is drawn."""

from dataclasses import dataclass
from pathlib import Path

from ..evidence import Where
from ..masking import hidden_code

_LARGEST = 4_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One source line. ``marked`` is the line the finding points at."""

    number: int
    text: str
    marked: bool


def excerpt(where: Where, *, around: int = 2) -> tuple[Line, ...]:
    """The line and its neighbours; only the remembered line when the file cannot be read or has changed since; else nothing."""
    if where.file is None or where.line is None:
        return ()
    lines = _read(Path(where.file))
    index = where.line - 1
    code = None if where.code is None else hidden_code(where.code.strip())
    changed = code is not None and (index >= len(lines) or code not in hidden_code(lines[index]))
    if changed or not 0 <= index < len(lines):
        return (Line(number=where.line, text=code, marked=True),) if code else ()
    first, last = max(0, index - around), min(len(lines), index + around + 1)
    return tuple(
        Line(number=i + 1, text=hidden_code(lines[i]), marked=i == index) for i in range(first, last)
    )


def _read(path: Path) -> list[str]:
    try:
        if path.stat().st_size > _LARGEST:
            return []
        return path.read_text(encoding="utf-8", errors="replace").expandtabs(4).splitlines()
    except OSError:
        return []
