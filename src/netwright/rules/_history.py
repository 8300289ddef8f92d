"""What several rules ask of the history of a run."""

import bisect
import math
import statistics
from collections.abc import Iterator
from dataclasses import replace

from ..evidence import NOWHERE, Events, History, ParameterInfo, Parameters, Series, Task, TaskKind, Where
from ..rule import NotApplicable
from ._trends import Slope, blocks, slope

RECENT = 64  # samples
LEVELS = 12
STRETCHES = 8
WARMING = 0.9  # of the largest rate so far
CHANCE = 0.05
BENT = 0.5


def quantities(history: History, kind: str, quantity: str) -> Iterator[tuple[str, Series]]:
    """Series of one quantity of every parameter or module, by name of that."""
    start, end = f"{kind}/", f"/{quantity}"
    for name in history.series:
        if name.startswith(start) and name.endswith(end):
            yield name[len(start) : -len(end)], history.series[name]


def place(history: History, name: str) -> Where:
    """Where a series comes from: its own place, or that of the module or optimizer it belongs to."""
    while name and name not in history.places:
        name = name.rpartition("/")[0]
    return history.places.get(name, NOWHERE)


def optimizer_place(history: History) -> Where | None:
    """Where the first optimizer was made."""
    return next((where for name, where in history.places.items() if name.startswith("rate/")), None)


def current_loss(history: History, task: Task | None = None) -> tuple[str, Series]:
    """The loss that is trained now: its name and series.

    Raises:
        NotApplicable: there is none, or several are trained in turns (as in a GAN), which may rise and fall on purpose, or it is known to be no measure of what is learned.
    """
    losses = [(f"loss/{rest}", series) for rest, series in history.under("loss") if len(series)]
    if not losses:
        raise NotApplicable("no loss was seen")
    name, last = max(losses, key=lambda entry: entry[1].steps[-1])
    if any(series.steps[-1] > last.steps[0] for other, series in losses if other != name):
        raise NotApplicable("several losses are trained in turns")
    if (
        task is not None
        and len(task.objectives) > 1
        and all(o.kind is TaskKind.UNKNOWN for o in task.objectives)
    ):
        raise NotApplicable("what the losses ask for is not known")
    if task is not None and (moves := next((o.moves for o in task.objectives if o.moves), "")):
        raise NotApplicable(moves)
    return name, last


def flat_loss(
    history: History,
    task: Task | None,
    events: Events | None,
    fall: float,
    steps: float,
    *,
    sure: bool = True,
) -> tuple[str, float, Slope] | None:
    """The loss that has certainly fallen by less than a share ``fall`` of its usual value since it was first seen: its name, that value, its slope. None where it may have fallen further; with ``sure`` false, where it has more likely than not.

    What it fell in the first steps, before the watch began (``events``), counts.

    Raises:
        NotApplicable: there is no such loss, it was seen at fewer than ``steps`` steps, or the rate is still being raised.
    """
    name, series = current_loss(history, task)
    if len(series) < steps:
        raise NotApplicable("the loss was not seen for long enough")
    if warming_up(history):
        raise NotApplicable("the learning rate is still being raised")
    level = abs(usual(series))
    if _fell_before(series, events, fall):
        return None
    found = slope(series.steps, series.values)
    if found is None or not level:
        return None
    # What hardly scatters and bends leaves the slope without an interval: then no two blocks lie further apart than the lowest and the highest. A bend may be the end of what
    # the data give (labels that are mostly chance), so what it fell before that must be far from enough.
    _, medians = blocks(series.steps, series.values)
    apart = max(medians) - min(medians)
    if apart < BENT * fall * level:
        found = replace(found, low=max(found.low, -apart / found.span))
    if (found.most if sure else max(found.least, -found.change)) >= fall * level:
        return None
    return name, level, found


def _fell_before(series: Series, events: Events | None, fall: float) -> bool:
    """Whether the very first loss is above the usual one by a share ``fall``, and above nearly all that came later: where single losses scatter as far, one of them says nothing."""
    before = events.losses[0] if events is not None and events.losses else math.nan
    if not usual(series) < before - fall * abs(before):
        return False
    return sum(v >= before for v in series.values[1:]) <= CHANCE * len(series)


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


def went_up(levels: list[float]) -> bool:
    """Whether the last three of the levels all lie above the first three (by chance once in 20 times: only together with a size that matters)."""
    return bool(levels) and min(levels[-3:]) > max(levels[:3])


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


def names(parameters: Parameters) -> dict[str, ParameterInfo]:
    """Parameters by the names that their series bear: where two networks use one, the later one's bears its number."""
    found: dict[str, ParameterInfo] = {}
    for parameter in parameters.parameters:
        found.setdefault(
            parameter.name if parameter.name not in found else f"{parameter.root}:{parameter.name}", parameter
        )
    return found


def grown(history: History, parameters: Parameters, *, until: float) -> list[float]:
    """How many times its size each weight has come to, at its largest up to a step. Its size is what it was before the first step, or what is usual for its shape, whichever is larger. Biases are left out.

    Usual is a variance of one over the number of inputs (LeCun et al., "Efficient backprop", 1998): what begins much smaller (embeddings, last layers at 0) has to grow first.
    """
    found: list[float] = []
    for name, p in names(parameters).items():
        series = history.series.get(f"parameter/{name}/weight_norm")
        if series is None or p.initial is None or not p.fan_in or len(p.shape) < 2:
            continue
        early = [
            v for s, v in zip(series.steps, series.values, strict=True) if s <= until and math.isfinite(v)
        ]
        found.append(max(early, default=0.0) / (math.sqrt(p.numel) * max(p.initial.rms, p.fan_in**-0.5)))
    return found


def shrunk(history: History, parameters: Parameters | None = None) -> list[float]:
    """What is left of the norm that each weight had at first, before the first step where that is known. Biases, and what began at 0, are left out."""
    begun = {
        name: math.sqrt(p.numel) * p.initial.rms
        for name, p in (names(parameters).items() if parameters is not None else ())
        if p.initial is not None and len(p.shape) >= 2
    }
    norms = {
        n: s.values for n, s in quantities(history, "parameter", "weight_norm") if not n.endswith("bias")
    }
    return [v[-1] / first for n, v in norms.items() if (first := max(v[0], begun.get(n, 0.0))) > 0]


def moved(history: History, samples: int, until: float = math.inf) -> dict[str, float]:
    """How far each weight usually moves in a step, as a share of its size, over the last samples up to a step; by name. Biases, and what began at 0, are left out.

    Where a part of the gradient is 0 (rows of an embedding that no sample asks for) it is the share of the part that has one.
    """
    found: dict[str, float] = {}
    for name, series in quantities(history, "parameter", "update_ratio"):
        end = bisect.bisect_right(series.steps, until)
        start = history.series.get(f"parameter/{name}/weight_norm")
        if end < samples or name.endswith("bias") or start is None or not start.values[0] > 0:
            continue
        zeros = history.series.get(f"parameter/{name}/zero_share")
        share = (
            statistics.median(zeros.values[max(0, end - samples) : end])
            if zeros is not None and len(zeros) >= end
            else 0.0
        )
        value = usual(
            Series(steps=series.steps[end - samples : end], values=series.values[end - samples : end])
        )
        if math.isfinite(value):
            found[name] = value / math.sqrt(1 - share) if share < 1 else value
    return found


def fastest(history: History, samples: int) -> float:
    """How far the middle one of the weights has moved in a step when it moved furthest: the largest over eight stretches of the run so far; NaN where too little is known."""
    steps = next(
        (s.steps for _, s in quantities(history, "parameter", "update_ratio") if len(s) >= samples), ()
    )
    ends = (
        {steps[round(i * (len(steps) - 1) / STRETCHES)] for i in range(STRETCHES + 1)}
        if steps
        else set[int]()
    )
    ratios = (moved(history, samples, end).values() for end in sorted(ends))
    return max((statistics.median(r) for r in ratios if r), default=math.nan)


def last_module(history: History) -> str | None:
    """The module that gave its output last when the first sample was taken; None where no outputs were looked at."""
    names = [name for name, _ in quantities(history, "module", "std")]
    return names[-1] if names else None


def rate_share(history: History) -> float:
    """The largest of the learning rates now as a share of the largest they have been; 1 where none is known."""
    shares = [s.values[-1] / max(s.values) for s in rates(history).values() if max(s.values) > 0]
    return max(shares, default=1.0)
