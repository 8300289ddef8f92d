"""A recorded run, read while it is written or afterwards. Nothing is ever written here, also not to a file of an earlier version."""

import contextlib
import json
import os
import shutil
import sqlite3
import tempfile
import zlib
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

from ..evidence.history import History, Series
from ..masking import hidden, hidden_code, masked
from ..report.plain import number
from .final import Final, of_series, read
from .record import process_began
from .store import FILE, VERSION, Chunk, WrongVersion, migrate, read_chunk

LOST = "lost"
FIRST_LOSS = "loss/0"
_OF_SETTINGS = ("arguments", "constants", "configurations")


class Unreadable(ValueError):
    """The file of a run cannot be read. The message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A source file as it was when the run read it. ``text`` is ``None`` where only the digest was kept."""

    path: str
    digest: str
    text: str | None


class Run:
    """One run, by its folder. ``steps`` are the optimizer steps that were seen.

    Args:
        folder: the folder of the run; its name is the run's id.

    Raises:
        Unreadable: there is no record in it, or a damaged one, or one of a later version.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self.id = self.folder.absolute().name
        with self._file() as db:
            rows = db.execute("SELECT key, value FROM meta").fetchall()
            last = db.execute("SELECT max(last_step) FROM chunks").fetchone()[0]
            finals = read(db)
            found = db.execute("SELECT finding, state, step FROM findings ORDER BY key").fetchall()
        self.meta: dict[str, Any] = {
            key: _without_secrets(key, number(json.loads(value))) for key, value in rows
        }
        self.steps = int(last or 0)
        self._finals = finals
        self.findings: tuple[dict[str, Any], ...] = tuple(
            {**json.loads(text), "state": state, "step": step} for text, state, step in found
        )

    @contextlib.contextmanager
    def _file(self) -> Iterator[sqlite3.Connection]:
        """The tables of the record, of today's version."""
        path = self.folder / FILE
        if not path.is_file():
            raise Unreadable(f"there is no record in {self.folder}")
        try:
            with contextlib.closing(_open(path)) as db:
                yield db
        except WrongVersion as error:
            raise Unreadable(f"{path}: {error}") from error
        except (sqlite3.Error, ValueError, OSError, KeyError, TypeError) as error:
            raise Unreadable(f"{path} cannot be read: {error}") from error

    @property
    def status(self) -> str:
        """How it ended; ``running`` while its process lives, ``lost`` when that is gone without a word, ``checked`` after the first steps by ``netwright check``."""
        status = str(self.meta.get("status", LOST))
        if status == "stopped" and self.command.get("kind") == "check":
            return "checked"
        return LOST if status == "running" and not self._alive() else status

    def _alive(self) -> bool:
        process = self.part("process")
        if process.get("host") != (os.uname().nodename if hasattr(os, "uname") else ""):
            return True  # on another machine: nothing tells
        pid = int(process.get("pid", 0))
        try:
            os.kill(pid, 0)
        except PermissionError:
            pass
        except (OSError, OverflowError):
            return False
        return pid > 0 and process_began(pid) == process.get("began")

    def part(self, name: str) -> dict[str, Any]:
        """What is known by a name, where that is a table; else an empty one."""
        value = self.meta.get(name)
        return cast("dict[str, Any]", value) if isinstance(value, dict) else {}

    @property
    def command(self) -> dict[str, Any]:
        """How the program was started."""
        return self.part("command")

    @cached_property
    def metrics(self) -> Mapping[str, Final]:
        """The last and the best value of every loss and metric, by the name of its series. Of a run that goes on, or did not come to its end, as far as it is recorded."""
        return self._finals or of_series(self.series)

    @property
    def loss_divided_by(self) -> float:
        """What the first loss is divided by before backward, as it is accumulated over several batches; 1 where it is not, or nothing is known of it."""
        found = self.part("accumulation").get("loss_divided_by")
        return float(found) if isinstance(found, int | float) and found > 0 else 1.0

    @property
    def last_loss(self) -> float | None:
        """The last value of the first loss as backward had it, ``None`` where there is none."""
        first = FIRST_LOSS if FIRST_LOSS in self.metrics else None
        first = first or min((n for n in self.metrics if n.startswith("loss/")), default=None)
        return None if first is None else self.metrics[first].last

    @cached_property
    def series(self) -> Mapping[str, Series]:
        """Every series, by name."""
        with self._file() as db:
            names = dict(db.execute("SELECT id, name FROM series"))
            layouts = {n: json.loads(ids) for n, ids in db.execute("SELECT id, series FROM layouts")}
            rows = db.execute("SELECT layout, steps, seconds, data FROM chunks ORDER BY id")
            return _series([([names[i] for i in layouts[n]], read_chunk(*row)) for n, *row in rows])

    @cached_property
    def history(self) -> History:
        """The whole run as evidence for rules."""
        with self._file() as db:
            rows = db.execute("SELECT seconds FROM chunks").fetchall()
        seconds = max((max(array("d", row[0]), default=0.0) for row in rows), default=0.0)
        return History(series=self.series, steps=self.steps, seconds=seconds, ended=self.status != "running")

    @cached_property
    def sources(self) -> Mapping[str, Kept]:
        """The program's own source files, by path."""
        with self._file() as db:
            rows = db.execute("SELECT path, digest, text FROM sources ORDER BY path").fetchall()
            return {path: Kept(path=path, digest=digest, text=_text(packed)) for path, digest, packed in rows}

    @property
    def losses(self) -> Mapping[str, Series]:
        """The losses, by the name of their series."""
        return {name: s for name, s in self.series.items() if name.startswith("loss/")}


def _without_secrets(part: str, value: Any) -> Any:
    """A part of a record as it is shown and handed on. An earlier version may have written what is masked today."""
    if part == "command" and isinstance(value, dict):
        command = cast("dict[str, Any]", value)
        argv = tuple(command.get("argv", ()))
        shown = tuple(masked(argv))
        return {**command, "argv": shown, "masked": bool(command.get("masked")) or shown != argv}
    return hidden("", value) if part in _OF_SETTINGS else value


def _text(packed: bytes | None) -> str | None:
    return None if packed is None else hidden_code(zlib.decompress(packed).decode("utf-8", "replace"))


def _series(parts: list[tuple[list[str], Chunk]]) -> dict[str, Series]:
    steps: dict[str, array[int]] = {}
    values: dict[str, array[float]] = {}
    for names, chunk in parts:
        for index, name in enumerate(names):
            steps.setdefault(name, array("q")).extend(chunk.steps)
            values.setdefault(name, array("d")).extend(chunk.column(index))
    return {name: _in_order(steps[name], values[name]) for name in sorted(steps)}


def _in_order(steps: "array[int]", values: "array[float]") -> Series:
    """Where layouts took turns in naming a series their chunks overlap."""
    pairs = list(zip(steps, values, strict=True))
    if any(a > b for a, b in pairwise(steps)):
        pairs.sort(key=lambda pair: pair[0])
    return Series(steps=tuple(s for s, _ in pairs), values=tuple(v for _, v in pairs))


def _open(path: Path) -> sqlite3.Connection:
    """The file for reading; one of an earlier version is brought to today's in memory."""
    try:
        db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=5.0)
        (version,) = db.execute("PRAGMA user_version").fetchone()
    except sqlite3.OperationalError:
        return _copied(path)  # the log of a killed run can only be read where one may write beside it
    if version == VERSION:
        return db
    with contextlib.closing(db):
        return _in_memory(db)


def _copied(path: Path) -> sqlite3.Connection:
    with tempfile.TemporaryDirectory() as folder:
        for beside in (path, path.with_name(path.name + "-wal")):
            if beside.exists():
                shutil.copyfile(beside, Path(folder) / beside.name)
        with contextlib.closing(sqlite3.connect(Path(folder) / path.name)) as db:
            return _in_memory(db)


def _in_memory(db: sqlite3.Connection) -> sqlite3.Connection:
    memory = sqlite3.connect(":memory:")
    db.backup(memory)
    migrate(memory)
    return memory
