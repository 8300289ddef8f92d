"""What two runs have not in common: settings, code, and the first step at which their losses part."""

import difflib
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from ..evidence.history import Series
from .final import Final
from .run import FIRST_LOSS, Run

# What may be told apart by eye first, then what a run stands on.
SECTIONS = (
    "command", "arguments", "configurations", "constants", "optimizers", "accumulation", "seeds", "environment", "hardware",
)  # fmt: skip
_OF_THE_START = ("command.masked", "command.kind")


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A setting that two runs do not share; ``None`` where a run does not have it."""

    name: str
    left: object
    right: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Parting:
    """How far the losses of two runs are the same to the last bit.

    ``compared`` steps are in both records. ``step`` is the first of them at which the series ``name`` has two values (``None``: there is none).
    """

    compared: int
    name: str = ""
    step: int | None = None
    left: float = 0.0
    right: float = 0.0

    @property
    def same(self) -> bool:
        """Whether something was compared, and it was the same."""
        return self.compared > 0 and self.step is None


def settings(run: Run) -> dict[str, object]:
    """Everything that tells how a run was made, by dotted name."""
    found: dict[str, object] = {}
    for section in SECTIONS:
        found.update(_flat(section, run.meta.get(section)))
    return {name: value for name, value in found.items() if name not in _OF_THE_START}


def _flat(name: str, value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        for key, item in cast("Mapping[str, object]", value).items():
            yield from _flat(f"{name}.{key}", item)
    elif isinstance(value, tuple) and any(isinstance(i, Mapping) for i in cast("tuple[object, ...]", value)):
        for index, item in enumerate(cast("tuple[object, ...]", value)):
            yield from _flat(f"{name}.{index}", item)
    elif value is not None:
        yield name, value


def differences(left: Run, right: Run) -> tuple[Difference, ...]:
    """The settings that two runs do not share."""
    a, b = settings(left), settings(right)
    names = sorted({**a, **b}, key=lambda n: SECTIONS.index(n.partition(".")[0]))
    return tuple(
        Difference(name=n, left=a.get(n), right=b.get(n)) for n in names if not _equal(a.get(n), b.get(n))
    )


def _equal(a: object, b: object) -> bool:
    return a == b or (a != a and b != b)


def code_diff(left: Mapping[str, str | None], right: Mapping[str, str | None]) -> str:
    """A unified diff of source files by path; ``None`` is a file of which only its change is known. All of them have changed."""
    parts: list[str] = []
    for path in sorted({*left, *right}):
        a, b = left.get(path, ""), right.get(path, "")
        if a is None or b is None:
            parts.append(f"{path} has changed; its text was too long to be kept\n")
            continue
        if a == b:  # their digests tell them apart
            parts.append(f"{path} has changed in a text that is masked\n")
            continue
        lines = difflib.unified_diff(
            a.splitlines(keepends=True), b.splitlines(keepends=True), f"a/{path}", f"b/{path}"
        )
        parts += [line if line.endswith("\n") else f"{line}\n" for line in lines]
    return "".join(parts)


def changed_code(left: Run, right: Run) -> str:
    """The diff of the code of two runs; files of which one run knows nothing count where both ran the same script."""
    a, b = left.sources, right.sources
    paths = [p for p in {*a, *b} if (a[p].digest if p in a else "") != (b[p].digest if p in b else "")]
    return code_diff(
        {p: a[p].text for p in paths if p in a},
        {p: b[p].text for p in paths if p in b},
    )


def parting(left: Run, right: Run) -> Parting:
    """The first step at which the losses of two runs part, bit for bit."""
    shared = [n for n in left.losses if n in right.losses]
    found = [_first(name, left.losses[name], right.losses[name]) for name in shared]
    parted = [p for p in found if p.step is not None]
    if parted:
        return min(parted, key=lambda p: cast("int", p.step))
    return Parting(compared=sum(p.compared for p in found))


def _first(name: str, left: Series, right: Series) -> Parting:
    b: dict[int, list[float]] = _by_step(right)
    compared = 0
    for step, values in _by_step(left).items():
        others = b.get(step)
        if others is None:
            continue
        compared += 1
        for x, y in zip(values, others, strict=False):
            if _bits(x) != _bits(y):
                return Parting(compared=compared, name=name, step=step, left=x, right=y)
        if len(values) != len(others):
            return Parting(compared=compared, name=name, step=step, left=values[-1], right=others[-1])
    return Parting(compared=compared)


def _by_step(series: Series) -> dict[int, list[float]]:
    """A step may have several backward passes."""
    found: dict[int, list[float]] = {}
    for step, value in zip(series.steps, series.values, strict=True):
        found.setdefault(step, []).append(value)
    return found


def _bits(value: float) -> bytes:
    return struct.pack("d", value) if value == value else b"nan"


def metric_pairs(left: Run, right: Run) -> dict[str, tuple[Final | None, Final | None]]:
    """The final metrics of two runs beside each other, by name; ``None`` where a run does not have one."""
    a, b = left.metrics, right.metrics
    return {name: (a.get(name), b.get(name)) for name in {**a, **b}}


def comparable(name: str, left: Run, right: Run) -> bool:
    """Whether the values of a series mean the same in two runs: a loss that is divided by the number of accumulated batches is another quantity."""
    return name != FIRST_LOSS or left.loss_divided_by == right.loss_divided_by


def less(left: float | None, right: float | None) -> float | None:
    """By how much the right of two values is more than the left one."""
    return None if left is None or right is None else right - left
