"""The files that a program reads: heard of where ``open`` is called, and told apart by size, time and a digest of what is in them.

``open`` is what csv readers, pandas, numpy, PIL, ``torch.load`` and the program itself come to. Between two calls of it this costs nothing, and it can be taken away again; an
audit hook of the interpreter would be called by every ``id()`` of the program, until its process ends.
"""

import builtins
import io
import os
import re
import sysconfig
import tempfile
import threading
import time
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path, PurePath
from typing import Any, cast

from .code import shown_path

_MOST = 256  # files of a run
_MOST_OTHERS = 4096  # names that are remembered
_WHOLE = 1 << 20  # bytes of a file that is read whole; of a longer one half of it from each end
_SECONDS = 1.0  # for digests, each time that they are made
_OURS = os.path.realpath(Path(__file__).parents[1]) + os.sep
_LIBRARIES = tuple(
    os.path.realpath(sysconfig.get_path(k)) + os.sep for k in ("stdlib", "platstdlib", "purelib", "platlib")
)
_SYSTEM = ("/proc/", "/sys/", "/dev/", "/etc/", "/lib/", "/usr/lib/", "/usr/share/")
_CODE = (".py", ".pyc", ".pyi", ".so", ".pyd", ".dll", ".dylib", ".ttf")
_KEYS = (".pem", ".key", ".p12", ".pfx", ".crt", ".cer")
_FOLDERS = frozenset(
    "site-packages dist-packages __pycache__ matplotlib fontconfig pip torch_extensions triton".split()
)
_CACHE = ".cache"  # of hidden folders the one in which data sets lie
_SECRET = re.compile(
    r"id_(rsa|dsa|ecdsa|ed25519)|(.*[-_.])?(secrets?|credentials?|passw(or)?ds?|token|(api|access|private)[-_]?keys?)(\.(txt|json|ya?ml|toml|ini|cfg))?",
    re.IGNORECASE,
)
Entry = dict[str, object]


class _Open:
    """Stands in the place of ``open``: an object and no function, so that a class may hold it as one may hold the built-in one, and it is pickled by the same name."""

    __module__ = "io"

    def __init__(self, original: Callable[..., Any], heard: Callable[[object, object], None]) -> None:
        self.original, self.heard = original, heard
        self.__name__ = self.__qualname__ = "open"
        self.__doc__ = original.__doc__
        self.__wrapped__ = original

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        file = self.original(*args, **kwargs)
        self.heard(
            args[0] if args else kwargs.get("file"), args[1] if len(args) > 1 else kwargs.get("mode", "r")
        )
        return file

    def __repr__(self) -> str:
        return repr(self.original)

    def __reduce__(self) -> str:
        return "open"


class FilesRead:
    """Hears of the files that the program opens, from :meth:`start` to :meth:`stop`.

    Args:
        folder: the working folder; paths are recorded from there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._from = os.path.realpath(folder) + os.sep
        temporary = os.path.realpath(tempfile.gettempdir()) + os.sep
        self._temporary = () if self._from.startswith(temporary) else (temporary,)
        self._heard: set[str] = set()
        self._written: set[str] = set()
        self._paths: dict[str, None] = {}
        self._known: dict[str, Entry] = {}
        self._more = False
        self._ours: _Open | None = None
        self._lock = threading.Lock()

    def start(self) -> None:
        """Begin to hear."""
        self._ours = _Open(builtins.open, self._hear)
        builtins.open = io.open = self._ours  # type: ignore[assignment]  # pyright: ignore

    def stop(self) -> None:
        """Take it away again; what the program has put in its place since stays there."""
        ours, self._ours = self._ours, None
        if ours is None:
            return
        ours.heard = _nothing
        for module in (builtins, io):
            if module.open is ours:
                module.open = ours.original  # type: ignore[assignment]  # pyright: ignore

    def _hear(self, file: object, mode: object) -> None:
        """The program has opened a file. What was heard of before costs a look into a set."""
        if isinstance(file, str) and file in self._heard and mode in {"r", "rb"}:
            return
        try:
            self._note(file, mode)
        except Exception:  # noqa: BLE001 - the harm boundary: the program's own call is done
            return

    def _note(self, file: object, mode: object) -> None:
        if self._more or not isinstance(file, str | bytes | os.PathLike):
            return
        path = os.path.abspath(os.fsdecode(cast("str", file)))  # noqa: PTH100 - links stay links
        if isinstance(mode, str) and set("wax+") & set(mode):
            if len(self._written) < _MOST_OTHERS:
                self._written.add(path)
            return
        if isinstance(file, str) and len(self._heard) < _MOST_OTHERS:
            self._heard.add(file)
        if path in self._paths or path in self._written or not self._is_data(path):
            return
        if len(self._paths) < _MOST:
            self._paths[path] = None
        else:
            self._more = True

    def _is_data(self, path: str) -> bool:
        """Whether it may be data of the program's: no code, no library's, nothing of the system's, nothing secret."""
        name = os.path.basename(path)  # noqa: PTH119
        if name.startswith(".") or name.endswith((*_CODE, *_KEYS)) or _SECRET.fullmatch(name):
            return False
        real = os.path.realpath(path)
        own = real.startswith(self._from)
        parts = PurePath(real[len(self._from) :] if own else real).parts[:-1]
        if real.startswith(_OURS) or any(map(_is_no_home, parts)):
            return False
        return own or not real.startswith((*_LIBRARIES, *_SYSTEM, *self._temporary))

    def found(self) -> dict[str, object]:
        """What was read so far; called in the record's thread. A file is looked at once, soon after it was opened."""
        with self._lock:
            until = time.monotonic() + _SECONDS
            for path in list(self._paths):
                shown = shown_path(Path(path), self.folder)
                if shown not in self._known or self._known[shown].get("late"):
                    entry = _state(path, read=time.monotonic() < until)
                    if entry is not None:
                        self._known[shown] = entry
            return {"files": {"read": dict(sorted(self._known.items())), "more": self._more}}


def _is_no_home(folder: str) -> bool:
    """Whether no data of the program's lie in a folder of this name."""
    hidden = folder.startswith(".") and folder != _CACHE
    return hidden or folder in _FOLDERS or folder.startswith("torchinductor")


def _nothing(file: object, mode: object) -> None:
    """The run is over."""


def _state(path: str, *, read: bool) -> Entry | None:
    """Size, time and digest of a file; ``None`` of what is no plain file. ``part``: the digest is that of both ends. Without ``read`` there is no digest, for want of time."""
    try:
        with io.FileIO(path) as file:
            state = os.fstat(file.fileno())
            if not os.path.isfile(path):  # noqa: PTH113
                return None
            size = state.st_size
            entry: Entry = {"size": size, "modified": state.st_mtime}
            if not read:
                return {**entry, "late": True}
            found = blake2b(digest_size=16)
            if size <= _WHOLE:
                found.update(file.readall())
                return {**entry, "digest": found.hexdigest()}
            found.update(file.read(_WHOLE // 2))
            file.seek(size - _WHOLE // 2)
            found.update(file.read(_WHOLE // 2))
            return {**entry, "digest": found.hexdigest(), "part": True}
    except OSError:
        return None
