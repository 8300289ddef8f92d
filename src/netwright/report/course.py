"""A watched run as curves over its steps: what is drawn of a :class:`History`, and how a long series becomes few points."""

import math
import statistics
from collections.abc import Callable, Iterable, Iterator

from ..evidence import History, Series
from .model import Course, Curve

_POINTS = 200  # of a curve
_LINES = 6  # in one picture
_WIDE = 20.0  # times the smallest value the largest must be for a logarithmic axis


def courses(history: History) -> Iterator[Course]:
    """Loss, learning rate, gradients and updates of a few parameters, metrics: what was seen at two steps at least."""
    yield from _course("Loss", _named(history, "loss", _loss_name), log=None)
    yield from _course("Learning rate", _named(history, "rate", _rate_name), log=None)
    chosen = _parameters(history)
    for title, quantity in (
        ("Gradient norm", "grad_norm"),
        ("Size of a step beside its weight (dotted: 1e-3, the usual)", "update_ratio"),
    ):
        lines = [
            (name, history.series[key])
            for name in chosen
            if (key := f"parameter/{name}/{quantity}") in history.series
        ]
        yield from _course(title, lines, log=True, mark=1e-3 if quantity == "update_ratio" else None)
    for phase, title in (("train", "Metrics in training"), ("eval", "Metrics in evaluation")):
        lines = [(n, s) for n, s in history.under(f"metric/{phase}") if n != "loss"]
        yield from _course(title, lines, log=None)


def _course(
    title: str, lines: Iterable[tuple[str, Series]], *, log: bool | None, mark: float | None = None
) -> Iterator[Course]:
    curves = tuple(_curve(name, series) for name, series in list(lines)[:_LINES] if len(series) > 1)
    values = [v for c in curves for v in c.values if v is not None]
    if not values:
        return
    positive = min(values) > 0
    logarithmic = log if log is not None else positive and max(values) > _WIDE * min(values)
    yield Course(title=title, curves=curves, log=logarithmic and max(values) > 0, mark=mark)


def _named(history: History, kind: str, name: Callable[[str, int], str]) -> list[tuple[str, Series]]:
    found = list(history.under(kind))
    return [(name(rest, len(found)), series) for rest, series in found]


def _loss_name(rest: str, many: int) -> str:
    return "loss" if many == 1 else f"loss {int(rest) + 1}" if rest.isdecimal() else rest


def _rate_name(rest: str, many: int) -> str:
    optimizer, _, group = rest.partition("/")
    return "rate" if many == 1 else f"optimizer {optimizer}, group {group}"


def _parameters(history: History) -> list[str]:
    """The weights that are drawn: from the first to the last of the network, evenly; biases only where there is nothing else."""
    names = [
        n[: -len("/grad_norm")]
        for n, s in history.under("parameter")
        if n.endswith("/grad_norm") and len(s) > 1
    ]
    weights = [n for n in names if not n.endswith("bias")] or names
    if len(weights) <= _LINES:
        return weights
    return [weights[round(i * (len(weights) - 1) / (_LINES - 1))] for i in range(_LINES)]


def _curve(name: str, series: Series) -> Curve:
    """At most so many points: medians of equal parts of the series, with the least and the largest value of each; what is no number is a gap."""
    size = max(1, math.ceil(len(series) / _POINTS))
    parts = [range(a, min(a + size, len(series))) for a in range(0, len(series), size)]
    steps: list[int] = []
    values: list[float | None] = []
    low: list[float | None] = []
    high: list[float | None] = []
    for part in parts:
        known = [v for i in part if math.isfinite(v := series.values[i])]
        steps.append(series.steps[part[len(part) // 2]])
        values.append(statistics.median(known) if known else None)
        low.append(min(known, default=None))
        high.append(max(known, default=None))
    spread = size > 1
    return Curve(
        name=name,
        steps=tuple(steps),
        values=tuple(values),
        low=tuple(low) if spread else (),
        high=tuple(high) if spread else (),
    )
