"""What several rules ask of the history of a run."""

import math
import statistics
from collections.abc import Iterator

from ..evidence import NOWHERE, History, Series, Task, TaskKind, Where
from ..rule import NotApplicable
from ._trends import blocks

RECENT = 64  # samples
LEVELS = 12
WARMING = 0.9  # of the largest rate so far


def quantities(history: History, kind: str, quantity: str) -> Iterator[tuple[str, Series]]:
    """Series of one quantity of every parameter or module, by name of that."""
    for rest, series in history.under(kind):
        name, _, last = rest.rpartition("/")
        if last == quantity:
            yield name, series


def place(history: History, name: str) -> Where:
    """Where a series comes from, with the last step it was seen at."""
    series = history.series[name]
    return history.places.get(name, NOWHERE).on(step=series.steps[-1] if len(series) else None)


def optimizer_place(history: History) -> Where | None:
    """Where the first optimizer was made."""
    return next((place(history, name) for name in history.places if name.startswith("rate/")), None)


def current_loss(history: History, task: Task | None = None) -> tuple[str, Series]:
    """The loss that is trained now: its name and series.

    Raises:
        NotApplicable: there is none, or several are trained in turns (as in a GAN), which may rise and fall on purpose.
    """
    losses = [(f"loss/{rest}", series) for rest, series in history.under("loss") if len(series)]
    if not losses:
        raise NotApplicable("no loss was seen")
    name, last = max(losses, key=lambda entry: entry[1].steps[-1])
    if any(series.steps[-1] > last.steps[0] for other, series in losses if other != name):
        raise NotApplicable("several losses are trained in turns")
    if task is not None and len(task.objectives) > 1 and all(o.kind is TaskKind.UNKNOWN for o in task.objectives):
        raise NotApplicable("what the losses ask for is not known")
    return name, last


def since(series: Series, step: float) -> Series:
    """The part of a series from a step on."""
    at = next((i for i, s in enumerate(series.steps) if s >= step), len(series))
    return Series(steps=series.steps[at:], values=series.values[at:])


def last(series: Series, samples: int = RECENT) -> Series:
    """The last so many samples."""
    return Series(steps=series.steps[-samples:], values=series.values[-samples:])


def usual(series: Series) -> float:
    """The median of what is a number; NaN where nothing is."""
    values = [v for v in series.values if math.isfinite(v)]
    return statistics.median(values) if values else math.nan


def levels(series: Series) -> list[float]:
    """Medians of twelve blocks of the series, in order; empty where it has fewer numbers than that."""
    _, medians = blocks(series.steps, series.values, LEVELS)
    return medians if len(medians) == LEVELS else []


def beginning(series: Series, samples: int = 8) -> float:
    """The median of the first few numbers; NaN where there are none."""
    values = [v for v in series.values if math.isfinite(v)][:samples]
    return statistics.median(values) if values else math.nan


def rates(history: History) -> dict[str, Series]:
    """Learning rates by optimizer and group."""
    return {name: series for name, series in history.under("rate") if len(series)}


def warming_up(history: History) -> bool:
    """Whether a learning rate is on its way up: it began lower, has never been as high as now, and is still rising."""
    for series in rates(history).values():
        now, half = series.values[-1], series.values[len(series) // 2]
        if now >= max(series.values) and half < WARMING * now:
            return True
    return False


def rate_share(history: History) -> float:
    """The largest of the learning rates now as a share of the largest they have been; 1 where none is known."""
    shares = [s.values[-1] / max(s.values) for s in rates(history).values() if max(s.values) > 0]
    return max(shares, default=1.0)
