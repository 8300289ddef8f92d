"""What is known of the data that a run trained on, and what of it two runs have not in common."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from .run import Run

_LOADER = ("samples", "batch_size", "shuffled", "workers")
_LOADER_EXACT = (*_LOADER, "dataset", "sampler", "drop_last")
_BATCHES = {"first_batch": "input", "first_targets": "target"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Datum:
    """One thing that is known of the data: ``text`` for a person, ``key`` for what must be equal in two runs that trained on the same."""

    text: str
    key: object
    is_file: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DataDifference:
    """Data of two runs that are not the same; empty where a run does not have them."""

    name: str
    left: str
    right: str


def known(run: Run, *, exact: bool = True) -> dict[str, Datum]:
    """Everything that is known of a run's data, by name: the files that it read, its loaders and what they read from, the first batch.

    Args:
        run: the run.
        exact: with files and digests. Records of earlier versions have none, or others.
    """
    found: dict[str, Datum] = {}
    if exact:
        found.update({path: _of_file(entry) for path, entry in _files(run).items()})
    data = run.part("data")
    for index, loader in enumerate(_tables(data.get("loaders"))):
        found.update(_of_loader(f"loader {index}", loader, exact=exact))
    for name, word in _BATCHES.items() if exact else ():
        for index, part in enumerate(_tables(data.get(name))):
            found[f"first batch: {word} {index}"] = _of_array(part)
    return found


def exact(*runs: Run) -> bool:
    """Whether the records of all of these runs hold files and digests."""
    return all("files" in run.meta for run in runs)


def differences(left: Run, right: Run) -> tuple[DataDifference, ...]:
    """The data that two runs do not share, as far as both records tell."""
    told = exact(left, right)
    a, b = known(left, exact=told), known(right, exact=told)
    return tuple(
        DataDifference(name=n, left=a[n].text if n in a else "", right=b[n].text if n in b else "")
        for n in {**a, **b}
        if (a[n].key if n in a else None) != (b[n].key if n in b else None)
    )


def in_words(run: Run) -> str:
    """How much of the data is known: ``3 files, 2 loaders``."""
    files, loaders = len(_files(run)), len(_tables(run.part("data").get("loaders")))
    more = " and more" if run.part("files").get("more") else ""
    parts = [f"{files} file{'' if files == 1 else 's'}{more}"] * bool(files)
    parts += [f"{loaders} loader{'' if loaders == 1 else 's'}"] * bool(loaders)
    return ", ".join(parts) or "the first batch"


def _files(run: Run) -> Mapping[str, Mapping[str, Any]]:
    return cast("Mapping[str, Mapping[str, Any]]", run.part("files").get("read") or {})


def _tables(value: object) -> list[dict[str, Any]]:
    items = cast("tuple[object, ...]", value) if isinstance(value, tuple) else ()
    return [cast("dict[str, Any]", i) for i in items if isinstance(i, dict)]


def _of_file(entry: Mapping[str, Any]) -> Datum:
    size, mark = int(entry.get("size", 0)), entry.get("digest")
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(float(entry.get("modified", 0))))
    ends = ", by its ends" if entry.get("part") else ""
    return Datum(
        text=f"{bytes_in_words(size)} of {when} ({_short(mark)}{ends})", key=(size, mark), is_file=True
    )


def _of_loader(name: str, loader: Mapping[str, Any], *, exact: bool) -> dict[str, Datum]:
    content = cast("Mapping[str, Mapping[str, Any]]", (exact and loader.get("content")) or {})
    setup = {k: loader[k] for k in (_LOADER_EXACT if exact else _LOADER) if loader.get(k) is not None}
    size, batch = loader.get("samples"), loader.get("batch_size")
    text = f"{loader.get('role', '?')}: {loader.get('dataset', 'a data set')}"
    text += f" of {size:,} samples" if isinstance(size, int) else " of unknown length"
    text += f", batches of {batch}" if batch else ""
    shuffled = loader.get("shuffled")
    text += "" if shuffled is None else ", shuffled" if shuffled else ", in order"
    workers = loader.get("workers")
    text += f", {workers} worker{'' if workers == 1 else 's'}" if workers else ""
    found = {name: Datum(text=text, key=tuple(sorted(setup.items(), key=lambda i: i[0])))}
    for part, told in content.items():
        found[f"{name}: {part}"] = _of_array(told)
    return found


def _of_array(part: Mapping[str, Any]) -> Datum:
    shape = tuple(cast("tuple[int, ...]", part.get("shape") or ()))
    kind = str(part.get("dtype", "?")).removeprefix("torch.")
    text = f"{kind} {' × '.join(map(str, shape))} ({_short(part.get('digest'))})"
    return Datum(text=text, key=(shape, kind, part.get("digest")))


def _short(mark: object) -> str:
    return mark[:8] if isinstance(mark, str) else "no digest"


def bytes_in_words(size: float) -> str:
    """``"1.2 MB"``."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
