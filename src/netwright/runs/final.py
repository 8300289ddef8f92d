"""The final metrics of a run: of every loss and every metric the last value and the best one, each with its step. They are kept up to date while the run is recorded."""

import math
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..evidence.history import Series
from .store import Chunk

_HIGHER = frozenset(("accuracy", "f1", "mean_iou"))
_LOWER = frozenset(("loss", "perplexity", "absolute_error"))
# Of the metrics that one program has, what tells most of it stands first: of an image of classes the overlap, of a sequence the perplexity, else the accuracy.
_TELLING = ("mean_iou", "perplexity", "accuracy", "f1", "absolute_error")
_MOST_LAYOUTS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Final:
    """A loss or metric at the end of what is recorded. ``best`` is the best finite value (``None``: there is none), ``best_step`` the first step that had it."""

    last: float
    last_step: int
    best: float | None = None
    best_step: int | None = None


def is_final(name: str) -> bool:
    """Whether a series is a loss or a metric."""
    return name.startswith(("loss/", "metric/"))


def rises(name: str) -> bool | None:
    """Whether more of a series is better; ``None`` where that is not known."""
    if name.startswith("loss/"):
        return False
    quantity = name.rpartition("/")[2]
    return True if quantity in _HIGHER else False if quantity in _LOWER else None


def final(name: str, steps: Sequence[int], values: Sequence[float]) -> Final | None:
    """The last and the best value of a series in the order of its steps; ``None`` of an empty one."""
    if not len(values):
        return None
    up = rises(name)
    finite = values if all(map(math.isfinite, values)) else [v for v in values if math.isfinite(v)]
    if up is None or not len(finite):
        return Final(last=values[-1], last_step=steps[-1])
    best = max(finite) if up else min(finite)
    return Final(last=values[-1], last_step=steps[-1], best=best, best_step=steps[values.index(best)])


def joined(name: str, earlier: Final | None, later: Final) -> Final:
    """What two parts of a series come to; they may have come in another order than their steps."""
    if earlier is None:
        return later
    last = later if later.last_step >= earlier.last_step else earlier
    best = max((earlier, later), key=lambda f: _rank(name, f))
    return Final(last=last.last, last_step=last.last_step, best=best.best, best_step=best.best_step)


def _rank(name: str, known: Final) -> tuple[float, int]:
    """How good the best value is; of equals the first one is wanted."""
    if known.best is None or known.best_step is None:
        return -math.inf, 0
    return known.best if rises(name) else -known.best, -known.best_step


def of_series(series: Mapping[str, Series]) -> dict[str, Final]:
    """Those of a run whose record was made before they were kept."""
    found = {n: final(n, s.steps, s.values) for n, s in series.items() if is_final(n)}
    return {name: f for name, f in found.items() if f is not None}


def telling(finals: Mapping[str, Final]) -> str | None:
    """The one metric that tells most of a run: of an evaluation where there was one."""
    for phase in ("eval", "train"):
        for quantity in _TELLING:
            if (name := f"metric/{phase}/{quantity}") in finals:
                return name
        if phase == "eval" and "metric/eval/loss" in finals:
            return "metric/eval/loss"
    return None


class Finals:
    """Follows the losses and metrics of a record as its only writer knows them."""

    def __init__(self) -> None:
        self._known: dict[str, Final] = {}
        self._changed: set[str] = set()
        self._columns: dict[tuple[str, ...], list[tuple[int, str]]] = {}

    def add(self, names: tuple[str, ...], chunk: Chunk) -> None:
        """Samples have come."""
        columns = self._columns.get(names)
        if columns is None:
            if len(self._columns) >= _MOST_LAYOUTS:
                self._columns.clear()
            columns = self._columns[names] = [(i, n) for i, n in enumerate(names) if is_final(n)]
        for index, name in columns:
            found = final(name, chunk.steps, chunk.column(index))
            if found is not None:
                self._known[name] = joined(name, self._known.get(name), found)
                self._changed.add(name)

    def write(self, db: sqlite3.Connection) -> None:
        """Put what has changed on disk."""
        rows = [(n, f.last, f.last_step, f.best, f.best_step) for n in self._changed if (f := self._known[n])]
        self._changed.clear()
        db.executemany(
            "INSERT OR REPLACE INTO finals (name, last, last_step, best, best_step) VALUES (?, ?, ?, ?, ?)",
            rows,
        )


def read(db: sqlite3.Connection) -> dict[str, Final]:
    """The final metrics in a file. SQLite holds no NaN: a last value that is missing was one."""
    rows = db.execute("SELECT name, last, last_step, best, best_step FROM finals ORDER BY name").fetchall()
    return {
        name: Final(last=math.nan if last is None else last, last_step=step, best=best, best_step=best_step)
        for name, last, step, best, best_step in rows
    }
