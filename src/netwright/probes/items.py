"""Items of the evaluation's dataset, fetched twice from a copy: are they the same?"""

import contextlib
import copy
import io
import sys
import time
from collections.abc import Iterator, Sized
from typing import Any

import torch
from torch.utils.data import Dataset, IterableDataset, Subset, TensorDataset

from ..capture.measure import has_values
from ..evidence import EvaluationItems, Task, TaskKind
from ..rule import NotApplicable
from .observed import Observed

_ITEMS = 8
_SLOW_S = 0.25
_BYTES = 64 << 20
_PARTS = 20_000


def evaluation_items(observed: Observed, task: Task) -> EvaluationItems:
    """Fetch the first items of the dataset of an evaluation twice.

    The program's own dataset is left alone: what runs is a deep copy, with the random state put back afterwards. Nothing is fetched from what cannot be copied or is large.
    """
    if task.kind not in (TaskKind.CLASSIFICATION, TaskKind.BINARY):
        raise NotApplicable("only items with one class each are compared")
    records = [(r, r.loader()) for r in observed.recording.loaders]
    trained = {id(getattr(loader, "dataset", None)) for r, loader in records if r.trained}
    for record, loader in records:
        dataset = getattr(loader, "dataset", None)
        if record.trained or not record.epochs or dataset is None or id(dataset) in trained:
            continue
        found = _twice(dataset)
        return EvaluationItems(
            fetched=len(found), differing=sum(d > 0 for d in found), largest=max(found), where=record.where
        )
    raise NotApplicable("no loader was seen that the program evaluates on and does not train on")


def _twice(dataset: object) -> list[float]:
    """How far two fetches of each item are apart, over the standard deviation of its numbers."""
    if (
        isinstance(dataset, IterableDataset)
        or not isinstance(dataset, Dataset)
        or not isinstance(dataset, Sized)
    ):
        raise NotApplicable("the evaluation's dataset has no items by number")
    if _always_the_same(dataset):
        return [0.0]
    if _large(dataset):
        raise NotApplicable("the evaluation's dataset is large: it is not copied")
    found: list[float] = []
    try:
        own: Any = copy.deepcopy(dataset)
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            for index in range(min(_ITEMS, len(dataset))):
                start = time.perf_counter()
                found.append(_apart(own[index], own[index]))
                if time.perf_counter() - start > 2 * _SLOW_S:
                    break
    except NotApplicable:
        raise
    except (
        Exception
    ) as error:  # whatever a dataset of the program's does when it is copied, or asked outside of its loader
        raise NotApplicable(
            f"the evaluation's dataset cannot be asked alone: {type(error).__name__}"
        ) from error
    if not found:
        raise NotApplicable("the evaluation's dataset is empty")
    return found


def _always_the_same(dataset: object) -> bool:
    while isinstance(dataset, Subset):
        dataset = dataset.dataset
    return type(dataset) is TensorDataset


def _large(dataset: object) -> bool:
    size = 0
    for count, part in enumerate(_parts(dataset)):
        size += int(getattr(part, "nbytes", 0)) if _is_array(part) else sys.getsizeof(part, 0)
        if size > _BYTES or count > _PARTS:
            return True
    return False


def _is_array(part: object) -> bool:
    return isinstance(part, torch.Tensor) or type(part).__module__ == "numpy"


def _parts(value: object) -> Iterator[object]:
    """Everything that a copy would take along, as far as it can be seen from attributes and containers."""
    todo, seen = [value], set[int]()
    while todo:
        part = todo.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        yield part
        if _is_array(part) or isinstance(part, str | bytes | type):
            continue
        if isinstance(part, dict):
            todo.extend(part.values())  # pyright: ignore[reportUnknownArgumentType]
        elif isinstance(part, list | tuple | set | frozenset):
            todo.extend(part)  # pyright: ignore[reportUnknownArgumentType]
        elif hasattr(part, "__dict__") and not callable(part):
            todo.extend(vars(part).values())
        elif hasattr(part, "__dict__"):
            todo.extend(v for v in vars(part).values() if _is_array(v))


def _apart(one: object, other: object) -> float:
    """The largest difference between two fetches of an item with one class.

    Raises:
        NotApplicable: it is no such item, or the class differs too (a dataset that makes its items up).
    """
    if (
        not isinstance(one, tuple | list)
        or not isinstance(other, tuple | list)
        or len(one) != 2
        or len(other) != 2
    ):  # pyright: ignore[reportUnknownArgumentType]
        raise NotApplicable("items are no pairs of input and class")
    classes = [_class(item[1]) for item in (one, other)]  # pyright: ignore[reportUnknownArgumentType]
    if classes[0] is None or classes[0] != classes[1]:
        raise NotApplicable("items have no class that stays the same")
    inputs = [_numbers(item[0]) for item in (one, other)]  # pyright: ignore[reportUnknownArgumentType]
    if inputs[0] is None or inputs[1] is None or inputs[0].shape != inputs[1].shape:
        raise NotApplicable("inputs are no tensors of one shape")
    spread = float(inputs[0].std()) if inputs[0].numel() > 1 else 0.0
    largest = float((inputs[0] - inputs[1]).abs().max()) if inputs[0].numel() else 0.0
    return largest / spread if spread > 0 else float(largest > 0)


def _class(value: object) -> int | None:
    if (
        isinstance(value, torch.Tensor)
        and value.numel() == 1
        and not value.is_floating_point()
        and has_values(value)
    ):
        return int(value)
    if type(value).__module__ == "numpy" and getattr(value, "ndim", 1) == 0 and "int" in type(value).__name__:
        return int(value)  # type: ignore[call-overload]  # pyright: ignore
    return value if isinstance(value, int) else None


def _numbers(value: object) -> torch.Tensor | None:
    if type(value).__module__ == "numpy" and hasattr(value, "dtype"):
        with contextlib.suppress(TypeError, ValueError):
            value = torch.as_tensor(value)
    if isinstance(value, torch.Tensor) and has_values(value) and not value.is_complex():
        return value.detach().double()
    return None
