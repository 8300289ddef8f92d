"""What data a program trains on, told by a bounded part of its bytes. Data sets are looked at where they lie in memory: no sample of them is fetched, so nothing of the program's is called and no
random number drawn."""

import hashlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from numbers import Number
from typing import Any, cast

import torch

from .capture.measure import has_values
from .rerun.digests import bytes_of

_WHOLE = 1 << 20  # bytes of an array that is read whole
_BLOCKS = 64  # of a longer one so many blocks at equal distances, as many bytes in all
_ITEMS = 4096  # of a list, as many at equal distances
_PARTS = 16  # arrays of a data set
_DEEP = 6
_MOST_LOOKED_AT = 512  # attributes and items
_PLAIN = (str, bytes, Number)
Part = dict[str, object]


def of_loader(loader: Any) -> dict[str, object]:
    """How a DataLoader is set up, and the fingerprint of its data set."""
    sampler = getattr(loader, "sampler", None)
    kind = type(sampler).__name__
    batch = getattr(loader, "batch_size", None)
    dataset = getattr(loader, "dataset", None)
    return {
        "dataset": type(dataset).__name__,
        "samples": _length(dataset),
        "batch_size": batch if isinstance(batch, int) else None,
        "shuffled": {"RandomSampler": True, "SequentialSampler": False, "WeightedRandomSampler": True}.get(
            kind
        ),
        "sampler": kind,
        "drop_last": bool(getattr(loader, "drop_last", False)),
        "workers": int(getattr(loader, "num_workers", 0) or 0),
        "content": of_dataset(dataset),
    }


def _length(dataset: object) -> int | None:
    try:
        return len(dataset)  # type: ignore[arg-type]
    except (TypeError, NotImplementedError, AttributeError):
        return None


def of_dataset(dataset: object) -> dict[str, Part]:
    """The arrays that a data set holds, by the name of its attribute: shape, type and digest of each; those of data sets within it likewise."""
    found: dict[str, Part] = {}
    for name, value in islice(_parts(dataset, "", _DEEP, frozenset()), _MOST_LOOKED_AT):
        if len(found) >= _PARTS:
            break
        part = of_array(value)
        if part is not None:
            found[name] = part
    return found


def _parts(value: object, name: str, deep: int, above: frozenset[int]) -> Iterator[tuple[str, object]]:
    """What may be data in an object: arrays, lists of plain values, and what lies in containers and data sets within it."""
    if deep < 0 or id(value) in above:
        return
    inner: Mapping[str, object] = {}
    if isinstance(value, dict):
        items = list(cast("dict[object, object]", value).items())[:_PARTS]
        inner = {k: v for k, v in items if isinstance(k, str)}
    elif isinstance(value, list | tuple):
        listed = cast("list[object] | tuple[object, ...]", value)
        if len(listed) <= _PARTS and not _is_plain(listed):
            inner = {str(i): item for i, item in enumerate(listed)}
        else:
            yield name or "items", listed
    elif isinstance(value, torch.utils.data.Dataset) or (deep == _DEEP and of_array(value) is None):
        inner = dict(getattr(cast("object", value), "__dict__", {}))
    else:
        yield name or "items", value
    yield name, None  # whoever counts counts this one too
    for key, item in inner.items():
        yield from _parts(
            item, f"{name}.{key}" if name else key, deep - 1, above | {id(cast("object", value))}
        )


def _is_plain(values: Sequence[object]) -> bool:
    """Whether items are plain values, or tuples of them such as (path, class)."""
    return all(
        isinstance(v, _PLAIN)
        or (isinstance(v, tuple) and all(isinstance(i, _PLAIN) for i in cast("tuple[object, ...]", v)))
        for v in values
    )


def of_array(value: object) -> Part | None:
    """Shape, type and digest of an array, or of a list of plain values or arrays; ``None`` of anything else."""
    if isinstance(value, torch.Tensor):
        return _of_tensor(value)
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.ndarray):
        return _of_numpy(cast("Any", value))
    if type(value).__module__.partition(".")[0] == "pandas" and hasattr(value, "iloc"):
        return _of_frame(cast("Any", value))
    if isinstance(value, list | tuple | range) and len(cast("Sequence[object]", value)):
        return _of_list(cast("list[object]", value))
    return None


def _of_tensor(tensor: torch.Tensor) -> Part | None:
    if not tensor.dim() or not tensor.numel() or not has_values(tensor):
        return None
    start = {"shape": list(tensor.shape), "dtype": str(tensor.dtype)}
    return {**start, "digest": _hash(bytes_of(t) for t in _blocks(tensor.detach()))}


def _blocks(tensor: torch.Tensor) -> Iterator[torch.Tensor]:
    """All of a small tensor; of a large one blocks at equal distances."""
    if tensor.numel() * tensor.element_size() <= _WHOLE:
        yield tensor
        return
    length = max(1, _WHOLE // _BLOCKS // tensor.element_size())
    if tensor.is_contiguous():
        flat, count = tensor.view(-1), tensor.numel()
        for i in range(_BLOCKS):
            start = (count - length) * i // (_BLOCKS - 1)
            yield flat[start : start + length]
        return
    for i in _spread(len(tensor), _BLOCKS):
        yield tensor[i].flatten()[:length]


def _of_numpy(array: Any) -> Part | None:
    if not array.ndim or not array.size:
        return None
    start: Part = {"shape": list(array.shape), "dtype": str(array.dtype)}
    if array.dtype.hasobject:
        if array.ndim != 1:
            return start
        items = [array[i] for i in _spread(len(array), _ITEMS)]
        return {**start, "digest": _hash([repr(items).encode()])} if _is_plain(items) else start
    if array.nbytes <= _WHOLE:
        return {**start, "digest": _hash([array.tobytes()])}
    length = max(1, _WHOLE // _BLOCKS // array.itemsize)
    if not array.flags.c_contiguous:
        return {
            **start,
            "digest": _hash(array[i].ravel()[:length].tobytes() for i in _spread(len(array), _BLOCKS)),
        }
    flat, count = array.reshape(-1), array.size
    starts = [(count - length) * i // (_BLOCKS - 1) for i in range(_BLOCKS)]
    return {**start, "digest": _hash(flat[s : s + length].tobytes() for s in starts)}


def _of_frame(frame: Any) -> Part:
    rows = frame.iloc[list(_spread(len(frame), _ITEMS // 4))]
    return {
        "shape": list(frame.shape),
        "dtype": type(frame).__name__,
        "digest": _hash([rows.to_csv().encode()]),
    }


def _of_list(items: "list[object]") -> Part | None:
    some = [items[i] for i in _spread(len(items), _ITEMS)]
    start: Part = {"shape": [len(items)], "dtype": type(some[0]).__name__}
    if _is_plain(some):
        return {**start, "digest": _hash([repr(some).encode()])}
    # Arrays of samples. A list that is filled as the program goes has gaps, and would tell the moment instead of the data.
    few = [of_array(items[i]) for i in _spread(len(items), _PARTS) if not isinstance(items[i], list | tuple)]
    digests = [str(part["digest"]) for part in few if part is not None and "digest" in part]
    if not digests or len(digests) < len(few):
        return None
    return {**start, "digest": _hash([" ".join(digests).encode()])}


def _spread(length: int, most: int) -> range | list[int]:
    """Places at equal distances, the first and the last among them."""
    return range(length) if length <= most else [(length - 1) * i // (most - 1) for i in range(most)]


def _hash(parts: "Iterator[bytes] | list[bytes]") -> str:
    found = hashlib.blake2b(digest_size=16)
    for part in parts:
        found.update(part)
    return found.hexdigest()
