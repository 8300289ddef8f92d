"""A working folder for a re-run in which the program finds everything where it is, and overwrites nothing of the user's.

The folder stands at the end of a chain of folders that bears the names of the real one's path, each with links to what lies beside the next: ``data/train.csv``, ``../data`` and ``__file__`` lead where
they would. Before the program writes to something that is a link, or lies in a folder that is one, the link gives way to a copy (:func:`detach`).
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import folders

_NOT_LINKED = {".netwright", "__pycache__"}
_MOST = 50_000  # links; a folder with more entries is entered by one link to all of it
# Written by native code that does not tell Python, when such a file is there already: copied at once.
_NATIVE = (".safetensors", ".h5", ".hdf5", ".onnx", ".nc")
_COPIED_AT_ONCE = 256 << 20
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Place:
    """The shadow of a folder. ``base`` is its temporary root, ``folder`` the working folder in it, ``real`` the folder it shadows."""

    def __init__(self, base: Path, real: Path) -> None:
        self.base = base
        self.real = real
        self.folder = base.joinpath(*real.parts[1:])

    @staticmethod
    def make(real: Path) -> "Place":
        """A new one for a folder. :meth:`remove` takes it away."""
        place = Place(folders.make("rerun"), Path(os.path.realpath(real)))
        place.folder.mkdir(parents=True)
        source, shadow = Path(place.real.anchor), place.base
        for name in (*place.real.parts[1:], None):
            _link_entries(source, shadow, leave=name)
            if name is not None:
                source, shadow = source / name, shadow / name
        return place

    def remove(self) -> None:
        """Delete it. Links are deleted, never what they lead to."""
        folders.remove(self.base)

    def real_path(self, path: str) -> str:
        """The path that a path in the shadow stands for."""
        base = str(self.base)
        return path[len(base) :] or os.sep if path.startswith(base + os.sep) else path

    def put(self, path: str, text: str) -> None:
        """Let a file (by its real path) have other contents here."""
        shadow = str(self.base) + os.path.realpath(path)
        self.detach(shadow, keep=False)
        Path(shadow).write_bytes(text.encode("utf-8"))

    def own(self, path: str) -> bool:
        """Whether a path (absolute, links not followed) lies in the shadow."""
        return path.startswith(str(self.base) + os.sep)

    def detach(self, path: str, *, keep: bool = True) -> None:
        """Make a path in the shadow one that may be written to: linked folders on the way become folders of links, a linked file its copy (without ``keep``: nothing)."""
        path = os.path.abspath(path)  # noqa: PTH100 - links are not followed
        if not self.own(path):
            return
        current = self.base
        parts = Path(path).relative_to(self.base).parts
        for index, name in enumerate(parts):
            current = current / name
            if not current.is_symlink():
                continue
            target = Path(os.path.realpath(current))
            if target.is_dir():
                if index == len(parts) - 1:
                    return  # the folder itself is opened, not something in it
                current.unlink()
                current.mkdir()
                _link_entries(target, current, leave=None)
            elif index == len(parts) - 1:
                current.unlink()
                if keep and target.exists():
                    shutil.copy2(target, current)


def _link_entries(source: Path, shadow: Path, leave: str | None) -> None:
    try:
        with os.scandir(source) as entries:
            for count, entry in enumerate(entries):
                if count > _MOST:
                    break
                if entry.name == leave or entry.name in _NOT_LINKED:
                    continue
                link = shadow / entry.name
                if (
                    entry.name.endswith(_NATIVE)
                    and entry.is_file()
                    and entry.stat().st_size < _COPIED_AT_ONCE
                ):
                    shutil.copy2(entry.path, link)
                else:
                    link.symlink_to(entry.path)
    except PermissionError:
        return


class Guard:
    """An audit hook of the interpreter: told of every file that the program opens, before it is opened.

    Files below the shadow are detached before they are written to; writing into the real folder by its absolute path is refused. What is read there is noted in ``read``, unless the program itself has made it anew before.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self.read: set[str] = set()
        self._made: set[str] = set()
        self.refused: str | None = None
        self._busy = False
        self._real = str(place.real) + os.sep
        self._temporary = os.path.realpath(tempfile.gettempdir()) + os.sep
        if self._real != self._temporary and self._real.startswith(self._temporary):
            self._temporary = str(place.base) + os.sep
        self._events: dict[str, Callable[[tuple[Any, ...]], None]] = {
            "open": self._open,
            "sqlite3.connect": lambda a: self._write(a[0]),
            "shutil.rmtree": lambda a: self._entries(Path(os.fsdecode(a[0])) / "any"),
        }
        for name in ("truncate", "chmod", "utime"):
            self._events[f"os.{name}"] = lambda a: self._write(a[0])
        for name in ("mkdir", "remove", "rmdir"):
            self._events[f"os.{name}"] = lambda a: self._entries(a[0])
        for name in ("rename", "link", "symlink"):
            self._events[f"os.{name}"] = self._two

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        """Called by the interpreter."""
        handle = self._events.get(event)
        if handle is None or self._busy:
            return
        self._busy = True
        try:
            handle(args)
        finally:
            self._busy = False

    def start(self) -> None:
        """Begin; audit hooks stay until the process ends."""
        sys.addaudithook(self)

    def saving(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Around ``torch.save``, which opens files without telling the interpreter."""

        def save(*args: Any, **kwargs: Any) -> Any:
            file = args[1] if len(args) > 1 else kwargs.get("f")
            self._write(file, keep=False)
            return original(*args, **kwargs)

        return save

    def _open(self, args: tuple[Any, ...]) -> None:
        path, mode, flags = args
        if not isinstance(path, str | bytes | os.PathLike):
            return
        writes = bool(set("wax+") & set(mode)) if isinstance(mode, str) else bool(int(flags or 0) & _WRITES)
        if writes:
            self._write(path, keep=not (isinstance(mode, str) and "w" in mode))
        elif len(self.read) < 2000:
            path = self.place.real_path(os.path.abspath(os.fsdecode(path)))  # noqa: PTH100
            if path.startswith(self._real) and path not in self._made:
                self.read.add(path)

    def _write(self, path: Any, *, keep: bool = True) -> None:
        text = self._allowed(path)
        if text is not None:
            if not keep:
                self._made.add(self.place.real_path(text))
            self.place.detach(text, keep=keep)

    def _entries(self, path: Any) -> None:
        """An entry of a folder comes or goes: the folder must be the shadow's own, the entry itself may stay a link."""
        text = self._allowed(path)
        if text is not None:
            self.place.detach(os.path.join(os.path.dirname(text), ".any"))  # noqa: PTH118, PTH120

    def _two(self, args: tuple[Any, ...]) -> None:
        self._entries(args[0])
        self._entries(args[1])
        if (text := self._allowed(args[1])) is not None:
            self._made.add(self.place.real_path(text))

    def _allowed(self, path: Any) -> str | None:
        """The path as absolute text; raises when it lies in the real folder."""
        if not isinstance(path, str | bytes | os.PathLike):
            return None
        text = os.path.abspath(os.fsdecode(path))  # noqa: PTH100 - links are not followed
        if self._users(text):
            self.refused = text
            raise PermissionError(13, "a re-run may not write to the folder of the program itself", text)
        return text

    def _users(self, path: str) -> bool:
        """Whether a path is the user's: in the real folder, and neither a cache nor a temporary file."""
        if not path.startswith(self._real) or self.place.own(path) or "__pycache__" in path:
            return False
        return not path[len(self._real) :].startswith(".") and not path.startswith(self._temporary)
