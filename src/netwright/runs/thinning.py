"""Keeps a record within its size: where it has the most of one kind, every second of the oldest samples goes.

A *kind* is a layout at a level: samples thinned once are level 1, thinned twice level 2. So the loss of every step never drives out the rare samples
of all parameters, and after any number of steps the oldest part is still there, only coarser.
"""

import sqlite3
from collections import defaultdict

from .store import Chunk, insert, joined, read_chunk

_PART = 64 << 10  # bytes in a chunk made of several
_AFTER = 0.8  # of the limit, after thinning


class Sizes:
    """Bytes of samples in a record by kind, as the only writer knows them."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._bytes: dict[tuple[int, int], int] = defaultdict(int)

    @property
    def total(self) -> int:
        """All bytes of samples."""
        return sum(self._bytes.values())

    def add(self, layout: int, chunk: Chunk, level: int = 0) -> None:
        """A chunk was written."""
        self._bytes[layout, level] += chunk.size

    def keep(self, db: sqlite3.Connection) -> None:
        """Thin until the record is well within its limit."""
        if self.total <= self.limit:
            return
        stubborn: set[tuple[int, int]] = set()
        while self.total > _AFTER * self.limit:
            kinds = [k for k in self._bytes if k not in stubborn]
            if not kinds:
                return
            kind = max(kinds, key=lambda k: self._bytes[k])
            if not self._thin(db, kind):
                stubborn.add(kind)

    def _thin(self, db: sqlite3.Connection, kind: tuple[int, int]) -> bool:
        """Halve the older half of a kind. ``False``: there is nothing to halve."""
        layout, level = kind
        rows = db.execute(
            "SELECT id, length(steps) + length(seconds) + length(data) + 40 FROM chunks WHERE layout = ? AND level = ? ORDER BY id",
            kind,
        ).fetchall()
        total, taken, ids = sum(size for _, size in rows), 0, list[int]()
        for number, size in rows:
            if taken >= total / 2 and len(ids) > 1:
                break
            ids.append(number)
            taken += size
        marks = [(n,) for n in ids]
        found = [
            read_chunk(*db.execute("SELECT steps, seconds, data FROM chunks WHERE id = ?", m).fetchone())
            for m in marks
        ]
        if sum(map(len, found)) < 2:
            return False
        db.executemany("DELETE FROM chunks WHERE id = ?", marks)
        self._bytes[kind] = total - taken
        # The parts are no more than what they were made of, so that the numbers of those suffice and the order stays.
        parts = list(joined(found).halved().split(max(_PART, *(c.size for c in found))))
        for number, part in zip(ids, parts, strict=False):
            insert(db, layout, part, level=level + 1, at=number)
            self.add(layout, part, level + 1)
        return True
