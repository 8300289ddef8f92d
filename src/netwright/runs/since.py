"""What the program's own files had in them that the commit they stood on has not. The record holds the files and the commit; git is asked when a person looks, never while the program runs."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..masking import hidden_code
from .code import digest
from .compare import code_diff
from .run import Kept, Run

_SECONDS = 20.0
# Nothing is fetched, asked or locked for this.
_QUIET = {"GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"}


class _Unknown(Exception):
    """It cannot be told. The message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Since:
    """The files of a run against their commit.

    ``files`` is how many files of the run lie in the repository. ``changed`` are those that the commit has otherwise, ``new`` those that it has not, ``outside`` those that
    lie elsewhere. ``diff`` leads from the commit to the run, with ``added`` and ``removed`` lines. ``unknown`` is why nothing is known, else empty.
    """

    commit: str = ""
    files: int = 0
    changed: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()
    added: int = 0
    removed: int = 0
    diff: str = ""
    unknown: str = ""

    @property
    def clean(self) -> bool:
        """Whether all files are known to be those of the commit."""
        return not (self.changed or self.new or self.unknown)

    def words(self) -> str:
        """In a few words, such as ``3 files, 1 changed since commit abc1234 (+4 -1)``."""
        if self.unknown:
            return self.unknown
        count = f"{self.files} file{'' if self.files == 1 else 's'}"
        away = f"; {len(self.outside)} outside of the repository" if self.outside else ""
        if self.clean:
            return f"{count}, as in commit {self.commit[:7]}{away}"
        parts = [f"{len(g)} {w}" for g, w in ((self.changed, "changed"), (self.new, "new")) if g]
        return f"{count}, {', '.join(parts)} since commit {self.commit[:7]} (+{self.added} -{self.removed}){away}"


def since_commit(run: Run) -> Since:
    """What a run's own files have that their commit has not."""
    code: dict[str, Any] = run.part("code")
    commit, root = str(code.get("commit", "")), str(code.get("root", ""))
    if not root:
        return Since(unknown="no git repository")
    if not commit:
        return Since(unknown=f"the git repository {root} had no commit that could be read")
    folder = Path(str(run.command.get("folder", "")))
    inside, outside = _split(run.sources, folder, Path(root))
    try:
        theirs = _texts(_repository(Path(root), run.folder, commit), commit, list(inside))
    except _Unknown as why:
        return Since(commit=commit, unknown=f"commit {commit[:7]}; {why}")
    new = tuple(p for p in inside if p not in theirs)
    changed = tuple(p for p, kept in inside.items() if p in theirs and not _same(kept, theirs[p]))
    diff = code_diff(
        {p: _text(theirs[p]) if inside[p].text is not None else None for p in changed},
        {p: _lines(inside[p].text) for p in (*changed, *new)},
    )
    lines = [line for line in diff.splitlines() if not line.startswith(("+++", "---"))]
    return Since(
        commit=commit,
        files=len(inside),
        changed=changed,
        new=new,
        outside=tuple(outside),
        added=sum(line.startswith("+") for line in lines),
        removed=sum(line.startswith("-") for line in lines),
        diff=diff,
    )


def _split(sources: Mapping[str, Kept], folder: Path, root: Path) -> tuple[dict[str, Kept], list[str]]:
    """The files by their path in the repository, and those that do not lie in it."""
    inside: dict[str, Kept] = {}
    outside: list[str] = []
    for path, kept in sources.items():
        whole = folder / path
        for there, base in ((whole, root), (whole.resolve(), root.resolve())):
            if there.is_relative_to(base):
                inside[there.relative_to(base).as_posix()] = kept
                break
        else:
            outside.append(path)
    return inside, outside


def _repository(root: Path, record: Path, commit: str) -> Path:
    """The repository that has a commit: where it was, or around the record where that was moved along.

    Raises:
        _Unknown: there is none.
    """
    above = next((p for p in record.absolute().parents if (p / ".git").exists()), None)
    places = [p for p in dict.fromkeys((root, above)) if p is not None and (p / ".git").exists()]
    if not places:
        raise _Unknown(f"its repository is gone: {root}")
    for place in places:
        if _git(place, ["cat-file", "-e", f"{commit}^{{commit}}"], b"", fails=True) is not None:
            return place
    raise _Unknown(f"the repository {places[0]} has no such commit any more")


def _texts(root: Path, commit: str, paths: Sequence[str]) -> dict[str, bytes]:
    """The files of a commit by path; those that it has not are left out."""
    asked = [p for p in paths if "\n" not in p]
    if not asked:
        return {}
    out = _git(root, ["cat-file", "--batch"], "".join(f"{commit}:{p}\n" for p in asked).encode()) or b""
    found: dict[str, bytes] = {}
    at = 0
    for path in asked:
        end = out.find(b"\n", at)
        if end < 0:
            raise _Unknown("git broke off")
        head = out[at:end].split()
        at = end + 1
        if len(head) == 3 and head[2].isdigit():
            size = int(head[2])
            if head[1] == b"blob":
                found[path] = out[at : at + size]
            at += size + 1
    return found


def _git(root: Path, arguments: Sequence[str], given: bytes, *, fails: bool = False) -> bytes | None:
    """What a git command says; ``None`` where it may fail, and does.

    Raises:
        _Unknown: it cannot be run, or fails.
    """
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments],
            input=given,
            capture_output=True,
            check=False,
            timeout=_SECONDS,
            env={**environment, **_QUIET},
        )
    except FileNotFoundError as error:
        raise _Unknown("git is not installed here, so it cannot be compared") from error
    except subprocess.TimeoutExpired as error:
        raise _Unknown(f"git did not answer within {_SECONDS:.0f} s") from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().partition("\n")[0]
        if fails and "dubious ownership" not in said:
            return None
        raise _Unknown(f"git fails: {said or done.returncode}")
    return done.stdout


def _same(kept: Kept, theirs: bytes) -> bool:
    """Whether a file is that of the commit; ends of lines are as the checkout made them."""
    return kept.digest == digest(theirs) or (kept.text is not None and _lines(kept.text) == _text(theirs))


def _text(raw: bytes) -> str | None:
    return _lines(raw.decode("utf-8", "replace"))


def _lines(text: str | None) -> str | None:
    return None if text is None else hidden_code(text.replace("\r\n", "\n"))
