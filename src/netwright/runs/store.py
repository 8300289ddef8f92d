"""The file of a record: its tables and their versions, and how samples are packed.

Samples that name the same series lie together in *chunks*: one row holds what came in a fraction of a second, as plain 64-bit numbers. A row for each
number would cost five times the space and the time, on the training's own processor.
"""

import json
import sqlite3
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

FILE = "record.sqlite"
# Each entry leads from one version of the tables to the next; a file says in ``user_version`` how many it has behind it. Entries are never changed.
MIGRATIONS = (
    """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE series (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
    CREATE TABLE layouts (id INTEGER PRIMARY KEY, series TEXT NOT NULL UNIQUE);
    CREATE TABLE chunks (
        id INTEGER PRIMARY KEY, layout INTEGER NOT NULL, first_step INTEGER NOT NULL, last_step INTEGER NOT NULL,
        steps BLOB NOT NULL, seconds BLOB NOT NULL, data BLOB NOT NULL
    );
    CREATE TABLE sources (path TEXT PRIMARY KEY, digest TEXT NOT NULL, text BLOB) WITHOUT ROWID;
    """,
    # A chunk says how often it was thinned; findings can be withdrawn.
    """
    ALTER TABLE chunks ADD COLUMN level INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE findings (key TEXT PRIMARY KEY, step INTEGER, state TEXT NOT NULL, finding TEXT NOT NULL) WITHOUT ROWID;
    """,
    # The last and the best value of every loss and metric. A missing ``last`` is NaN, which SQLite cannot hold.
    """
    CREATE TABLE finals (
        name TEXT PRIMARY KEY, last REAL, last_step INTEGER NOT NULL, best REAL, best_step INTEGER
    ) WITHOUT ROWID;
    """,
)
VERSION = len(MIGRATIONS)


class WrongVersion(ValueError):
    """The file was written by a later netwright than this one."""


def migrate(db: sqlite3.Connection) -> None:
    """Bring the tables of a file, or of none yet, to the version of today.

    Raises:
        WrongVersion: they are of a later one.
    """
    (found,) = db.execute("PRAGMA user_version").fetchone()
    if found > VERSION:
        raise WrongVersion(
            f"the record has version {found}, this netwright reads up to {VERSION}: a later one wrote it"
        )
    for number in range(found, VERSION):
        db.executescript(f"BEGIN; {MIGRATIONS[number]} PRAGMA user_version = {number + 1}; COMMIT;")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Samples that name the same series, in order. ``data`` holds one row of ``width`` numbers for each of ``steps``."""

    width: int
    steps: "array[int]"
    seconds: "array[float]"
    data: "array[float]"

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def size(self) -> int:
        """About how many bytes it takes on disk."""
        return 8 * (2 * len(self.steps) + len(self.data)) + 40

    def column(self, index: int) -> "array[float]":
        """The values of one series."""
        return self.data[index :: self.width]

    def halved(self) -> "Chunk":
        """Every second sample, the first one included."""
        kept = array("d", bytes(8 * self.width * ((len(self) + 1) // 2)))
        if self.width < len(self):
            for index in range(self.width):
                kept[index :: self.width] = self.data[index :: 2 * self.width]
        else:
            rows = (self.data[i * self.width : (i + 1) * self.width] for i in range(0, len(self), 2))
            kept = array("d", b"".join(row.tobytes() for row in rows))
        return Chunk(width=self.width, steps=self.steps[::2], seconds=self.seconds[::2], data=kept)

    def split(self, most: int) -> "Iterable[Chunk]":
        """The same in parts of about ``most`` bytes."""
        count = max(1, most // (8 * (self.width + 2)))
        for start in range(0, len(self), count):
            part = slice(start, start + count)
            rows = self.data[start * self.width : (start + count) * self.width]
            yield Chunk(width=self.width, steps=self.steps[part], seconds=self.seconds[part], data=rows)


def joined(chunks: Sequence[Chunk]) -> Chunk:
    """Chunks of one layout as one."""
    steps, seconds, data = array("q"), array("d"), array("d")
    for chunk in chunks:
        steps.extend(chunk.steps)
        seconds.extend(chunk.seconds)
        data.extend(chunk.data)
    return Chunk(width=chunks[0].width, steps=steps, seconds=seconds, data=data)


def read_chunk(steps: bytes, seconds: bytes, data: bytes) -> Chunk:
    """A chunk from its row.

    Raises:
        ValueError: the row is damaged.
    """
    found = Chunk(
        width=len(data) // len(steps) if steps else 0,
        steps=array("q", steps),
        seconds=array("d", seconds),
        data=array("d", data),
    )
    if len(found.seconds) != len(found.steps) or len(found.data) != found.width * len(found.steps):
        raise ValueError("a chunk of the record is damaged")
    return found


def insert(
    db: sqlite3.Connection, layout: int, chunk: Chunk, *, level: int = 0, at: int | None = None
) -> None:
    """Write a chunk; ``at`` is the id it gets (``None``: behind all others)."""
    row = (at, layout, chunk.steps[0], chunk.steps[-1], chunk.steps.tobytes(), chunk.seconds.tobytes(), chunk.data.tobytes(), level)  # fmt: skip
    db.execute(
        "INSERT INTO chunks (id, layout, first_step, last_step, steps, seconds, data, level) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        row,
    )


class Layouts:
    """Which series a chunk holds, by number; a layout is written when it is first met."""

    _MOST = 256  # kept in memory; a program that names other series in every sample must not fill it

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], int] = {}

    def number(self, db: sqlite3.Connection, names: tuple[str, ...]) -> int:
        """The number of a layout."""
        known = self._known.get(names)
        if known is not None:
            return known
        db.executemany("INSERT OR IGNORE INTO series (name) VALUES (?)", ((n,) for n in names))
        ids = json.dumps(
            [db.execute("SELECT id FROM series WHERE name = ?", (n,)).fetchone()[0] for n in names]
        )
        db.execute("INSERT OR IGNORE INTO layouts (series) VALUES (?)", (ids,))
        (number,) = db.execute("SELECT id FROM layouts WHERE series = ?", (ids,)).fetchone()
        if len(self._known) >= self._MOST:
            self._known.clear()
        self._known[names] = number
        return number
