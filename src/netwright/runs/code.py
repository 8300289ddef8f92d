"""The state of the program's own code: the commit it stands on, and its files as they were. Files are read; no command is started in the program's process."""

import hashlib
import os
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

_LIBRARIES = (
    *(os.path.normcase(os.path.abspath(sysconfig.get_paths()[k])) + os.sep for k in ("stdlib", "platstdlib")),  # noqa: PTH100
    os.path.normcase(str(Path(__file__).resolve().parents[1])) + os.sep,
)
_MARKERS = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
_MOST = 500  # files


def is_own(path: str) -> bool:
    """Whether a source file is the program's own: no library, nor ours."""
    if not path.endswith(".py"):
        return False
    path = os.path.normcase(os.path.abspath(path))  # noqa: PTH100 - links stay links
    return not any(m in path for m in _MARKERS) and not path.startswith(_LIBRARIES)


def own_files(script: str | None) -> list[Path]:
    """The script and the program's own modules that it has imported by now."""
    files = [str(getattr(m, "__file__", None) or "") for m in list(sys.modules.values())]
    paths = {os.path.abspath(f) for f in ([script] if script else []) + files if f and is_own(f)}  # noqa: PTH100
    return [Path(p) for p in sorted(paths)][:_MOST]


def digest(text: bytes) -> str:
    """What tells that a file has changed."""
    return hashlib.blake2b(text, digest_size=16).hexdigest()


def shown_path(path: Path, folder: Path) -> str:
    """A path as it is recorded: from the working folder where it lies below it."""
    try:
        return path.relative_to(folder).as_posix()
    except ValueError:
        return path.as_posix()


def git_state(start: Path) -> dict[str, str]:
    """The commit and branch of the repository that a folder lies in; empty where there is none."""
    for folder in (start, *start.parents):
        dot_git = folder / ".git"
        if dot_git.is_dir():
            return _head(folder, dot_git)
        if dot_git.is_file():  # a worktree, or a submodule
            target = dot_git.read_text("utf-8").partition("gitdir:")[2].strip()
            return _head(folder, (folder / target).resolve())
    return {}


def _head(root: Path, git: Path) -> dict[str, str]:
    head = (git / "HEAD").read_text("utf-8").strip()
    if not head.startswith("ref:"):
        return {"root": str(root), "commit": head}
    ref = head.partition(":")[2].strip()
    commit = next((c for folder in _git_folders(git) if (c := _of_ref(folder, ref))), "")
    return {"root": str(root), "branch": ref.removeprefix("refs/heads/"), "commit": commit}


def _git_folders(git: Path) -> Iterator[Path]:
    """Where refs lie: in a worktree's own folder, and in that of the repository."""
    yield git
    common = git / "commondir"
    if common.is_file():
        yield (git / common.read_text("utf-8").strip()).resolve()


def _of_ref(git: Path, ref: str) -> str:
    loose = git / ref
    if loose.is_file():
        return loose.read_text("utf-8").strip()
    packed = git / "packed-refs"
    lines = packed.read_text("utf-8").splitlines() if packed.is_file() else []
    return next((line.split()[0] for line in lines if line.endswith(f" {ref}")), "")
