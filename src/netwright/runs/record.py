"""The record of a run while it is written: samples go in from the training thread in microseconds, a thread of its own puts them on disk.

It is never in the way: nothing here raises into the program or lets it wait for a disk. When the disk fails there is one warning, and the record ends there.
"""

import atexit
import contextlib
import ctypes
import json
import os
import sqlite3
import sys
import threading
import time
import zlib
from array import array
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..evidence.history import Sample
from ..forks import hear
from ..report.plain import to_plain
from .final import Finals
from .store import FILE, Chunk, Layouts, insert, migrate
from .thinning import Sizes

LIMIT = 50 << 20  # bytes of samples
EVERY_S = (
    0.25  # between two writes: what is lost at most when the process is killed, with the time of one write
)
_WAITING = 1 << 20  # numbers that may wait for a slow disk
_GIVES_WAY_S = 0.2  # how long a fork waits for a write
_OVERDUE_S = 0.5  # without a write, after which one comes before a fork: a program may fork all the time
_LARGEST_SOURCE = 1 << 20

Task = Callable[[sqlite3.Connection], None]


def _warn(text: str) -> None:
    with contextlib.suppress(OSError, ValueError, AttributeError):
        print(f"netwright: {text}", file=sys.stderr)  # noqa: T201


class Record:
    """One run on disk. Made by :meth:`create`; every method may be called from the training thread at any time, also after a failure.

    ``folder`` is where it lies. ``failed`` says why nothing is recorded any more, or ``None``. ``spent_s`` is the processor's time that its thread has taken.
    """

    def __init__(self, folder: Path, *, limit: int, every_s: float, warn: Callable[[str], None]) -> None:
        self.folder = folder
        self.failed: str | None = None
        self.spent_s = 0.0
        self._every = every_s
        self._warn = warn
        self._warned = False
        self._process = os.getpid()
        self._samples: deque[Sample] = deque()
        self._tasks: deque[Task] = deque()
        self._slow: deque[Callable[[], Mapping[str, object]]] = deque()
        self._put = self._taken = self._left_out = 0
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._closing = self._closed = self._parked = False
        self._thread: threading.Thread | None = None
        self._db: sqlite3.Connection | None = None
        self._layouts = Layouts()
        self._sizes = Sizes(limit)
        self._finals = Finals()
        self._overdue = 0.0
        self._forget_forks: Callable[[], None] = lambda: None

    @classmethod
    def create(
        cls,
        folder: Path,
        meta: Mapping[str, object],
        *,
        limit: int = LIMIT,
        every_s: float = EVERY_S,
        warn: Callable[[str], None] = _warn,
    ) -> "Record":
        """Begin the record of a run.

        Args:
            folder: the run's own folder; it is made.
            meta: what is known of the run, values that JSON can hold by name.
            limit: bytes of samples; beyond it old ones are thinned.
            every_s: seconds between two writes.
            warn: is told, once, that something is not recorded.

        Returns:
            A record; where the folder cannot be made, one that records nothing.
        """
        record = cls(folder, limit=limit, every_s=every_s, warn=warn)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            keep_out = folder.parent.parent
            if keep_out.name == ".netwright" and not (keep_out / ".gitignore").exists():
                (keep_out / ".gitignore").write_text("*\n", encoding="utf-8")
        except OSError as error:
            record._fail(
                f"the run cannot be recorded in {folder}, nor its report be kept there: {error.strerror or error}"
            )
            return record
        record._forget_forks = hear(before=record._park, in_parent=record._unpark, in_child=record._abandon)
        atexit.register(record.close)
        host = os.uname().nodename if hasattr(os, "uname") else ""
        process = {"pid": os.getpid(), "host": host, "began": process_began(os.getpid())}
        record.meta({**meta, "started": time.time(), "status": "running", "process": process})
        record._wake.set()
        return record

    @property
    def is_here(self) -> bool:
        """Whether it is this process that writes, and not the parent that it was forked from."""
        return os.getpid() == self._process

    # -- from the training thread -----------------------------------------------------------------------------------------------

    def add(self, sample: Sample) -> None:
        """Record what was measured at a step. Where the disk does not keep up, samples are left out rather than waited for."""
        if not sample.values or not self._writes():
            return
        if self._put - self._taken > _WAITING:
            self._left_out += 1
            self._say_once(
                "the disk is slower than the samples come: some are left out of the record of this run"
            )
            return
        self._samples.append(sample)
        self._put += len(sample.values)

    def meta(self, values: Mapping[str, object]) -> None:
        """Record what is known of the run; a name given again replaces what it held."""
        rows = [(name, json.dumps(to_plain(value))) for name, value in values.items()]
        self._do(lambda db: _write_meta(db, rows))

    def later(self, collect: Callable[[], Mapping[str, object]]) -> None:
        """Record what a function returns, called in the thread of the record: for what takes time (reading files)."""
        if self._writes():
            self._slow.append(collect)

    def finding(self, finding: object, *, key: str, step: int | None = None, state: str = "stands") -> None:
        """Record a finding, as JSON can hold it. ``key`` tells findings apart: given again, it is updated. ``state`` is ``stands`` or ``withdrawn``."""
        row = (key, step, state, json.dumps(to_plain(finding)))
        self._do(lambda db: _write_finding(db, row))

    def source(self, path: str, digest: str, text: bytes) -> None:
        """Record a source file of the program as it is now; one that is recorded already stays as it is. Of a very large one the digest alone is kept."""
        packed = zlib.compress(text) if len(text) <= _LARGEST_SOURCE else None
        row = (path, digest, packed)
        self._do(lambda db: _write_source(db, row))

    def end(self, status: str) -> None:
        """Record how the run ended: ``finished``, ``crashed``, ``failed``, ``interrupted``, ``terminated`` or ``stopped``."""
        known: dict[str, object] = {"status": status, "ended": time.time()}
        if self._left_out:
            known["left_out"] = self._left_out
        self.meta(known)

    def close(self, seconds: float = 5.0) -> None:
        """Write what waits, and let go of the file. A disk that takes longer than ``seconds`` is left behind."""
        if self._closed or os.getpid() != self._process:
            return
        self._start()
        thread = self._thread
        self._closed = self._closing = True
        atexit.unregister(self.close)
        self._forget_forks()
        self._wake.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(seconds)
            if thread.is_alive():
                self._say_once("the disk is slow: the end of this run is not recorded")

    def _do(self, task: Task) -> None:
        if self._writes():
            self._tasks.append(task)

    def _writes(self) -> bool:
        """Whether there is a record to write to, in this process; sees to it that the thread runs."""
        if self.failed is not None or os.getpid() != self._process:
            return False
        if self._closed:  # the thread itself may still collect
            return threading.current_thread() is self._thread
        if self._thread is None:
            self._start()
        return True

    def _start(self) -> None:
        with self._lock, contextlib.suppress(RuntimeError):  # no new thread while the interpreter ends
            if self._thread is None and not self._parked and self.failed is None:
                thread = threading.Thread(target=self._work, name="netwright-record", daemon=True)
                thread.start()
                self._thread = thread

    # -- the thread ---------------------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        began = self.spent_s
        try:
            while True:
                self._wake.wait(self._every)
                self._wake.clear()
                closing = self._closing
                if not self._parked or time.monotonic() > self._overdue:
                    self._write()
                    self._overdue = time.monotonic() + _OVERDUE_S
                self.spent_s = began + time.thread_time()
                if closing:
                    self._finish_file()
                    return
                if self._leaves():
                    return
        except Exception as error:  # the harm boundary
            self._give_up(error)

    def _leaves(self) -> bool:
        """Whether a fork waits for this thread to end."""
        with self._lock:
            if self._parked:
                self._thread = None
            return self._parked

    def _write(self) -> None:
        """Put what waits on disk. What takes time is left for later when a fork waits."""
        while self._slow and not self._parked:
            self._collect(self._slow.popleft())
        db = self._open()
        if not self._tasks and not self._samples:
            return
        db.execute("BEGIN IMMEDIATE")
        while self._tasks:
            self._tasks.popleft()(db)
        for names, samples in self._grouped().items():
            layout = self._layouts.number(db, names)
            chunk = _packed(samples)
            insert(db, layout, chunk)
            self._sizes.add(layout, chunk)
            self._finals.add(names, chunk)
        self._finals.write(db)
        self._sizes.keep(db)
        db.execute("COMMIT")

    def _grouped(self) -> dict[tuple[str, ...], list[Sample]]:
        """What waits, by the series that are named."""
        found: dict[tuple[str, ...], list[Sample]] = {}
        for _ in range(len(self._samples)):
            sample = self._samples.popleft()
            self._taken += len(sample.values)
            found.setdefault(tuple(sample.values), []).append(sample)
        return found

    def _collect(self, collect: Callable[[], Mapping[str, object]]) -> None:
        try:
            self.meta(collect())
        except Exception as error:  # the harm boundary: one thing less is known
            self.meta({"not_collected": f"{type(error).__name__}: {error}"})

    def _open(self) -> sqlite3.Connection:
        if self._db is None:
            path = self.folder / FILE
            self._db = db = sqlite3.connect(path, timeout=5.0, isolation_level=None, check_same_thread=False)
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute("PRAGMA journal_size_limit = 4194304")
            migrate(db)
        return self._db

    def _close_file(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def _finish_file(self) -> None:
        """The log is folded into the file, so that a finished run is one file that is read without writing beside it."""
        db = self._open()
        with contextlib.suppress(sqlite3.OperationalError):  # someone reads it now
            db.execute("PRAGMA busy_timeout = 200")
            db.execute("PRAGMA journal_mode = DELETE")
        self._close_file()

    def _give_up(self, error: Exception) -> None:
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        self._fail(f"the record of this run stops here ({why}); the program goes on")
        self._tasks.clear()
        self._slow.clear()
        self._samples.clear()
        with contextlib.suppress(sqlite3.Error):
            self._close_file()

    def _fail(self, why: str) -> None:
        self.failed = why
        self._say_once(why)

    def _say_once(self, text: str) -> None:
        if not self._warned:
            self._warned = True
            with contextlib.suppress(Exception):
                self._warn(text)

    # -- forks --------------------------------------------------------------------------------------------------------------------

    def _park(self) -> None:
        """A fork is near: no thread, and nothing of SQLite's at work, so that the child inherits no lock that is held."""
        thread = self._thread
        if os.getpid() != self._process or thread is threading.current_thread():
            return
        self._parked = True
        self._wake.set()
        if thread is not None:
            thread.join(_GIVES_WAY_S)

    def _unpark(self) -> None:
        self._parked = False
        self._start()

    def _abandon(self) -> None:
        """In a forked child: the record is the parent's. The file is never closed here, as that would fold up the parent's log."""
        self._closed = True
        if self._db is not None:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._db))
            self._db = None


def _packed(samples: list[Sample]) -> Chunk:
    data = array("d")
    for sample in samples:
        data.extend(sample.values.values())
    return Chunk(
        width=len(samples[0].values),
        steps=array("q", [s.step for s in samples]),
        seconds=array("d", [s.seconds for s in samples]),
        data=data,
    )


def _write_meta(db: sqlite3.Connection, rows: list[tuple[str, str]]) -> None:
    db.executemany("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", rows)


def _write_finding(db: sqlite3.Connection, row: tuple[Any, ...]) -> None:
    db.execute("INSERT OR REPLACE INTO findings (key, step, state, finding) VALUES (?, ?, ?, ?)", row)


def _write_source(db: sqlite3.Connection, row: tuple[Any, ...]) -> None:
    db.execute("INSERT OR IGNORE INTO sources (path, digest, text) VALUES (?, ?, ?)", row)


def process_began(pid: int) -> str:
    """What tells a process from a later one of the same number, where the system says it (Linux); else nothing, as for one that has ended."""
    try:
        known = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    except (OSError, ValueError):
        return ""
    return "" if known[0] == "Z" else known[19]
