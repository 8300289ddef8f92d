"""Curves over optimizer steps as inline SVG."""

import math
from collections.abc import Callable, Iterator, Sequence
from html import escape

from .model import Course, Curve
from .svg import decades, line, nice_ticks, number, picture, short, text, ticks

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _FOOT = 460.0, 210.0, 50.0, 12.0, 16.0, 24.0
_FLOOR = _HEIGHT - _FOOT
_WORDS = 4  # moments that are named
_APART = 44.0  # between two names

Place = Callable[[float], float]


def curves(course: Course, moments: Sequence[tuple[int, str]] = ()) -> str:
    """The picture, ``""`` where there is nothing to draw. ``moments`` are steps to mark, each with a word."""
    known = [v for c in course.curves for v in (*c.values, *c.low, *c.high) if v is not None]
    shown = [v for v in known if v > 0 or not course.log]
    steps = [s for c in course.curves for s in c.steps]
    if not shown or not steps:
        return ""
    levels = decades(shown) if course.log else ticks(shown)
    first, last = min(steps), max(max(steps), min(steps) + 1)
    low, high = levels[0][0], levels[-1][0]

    def x(step: float) -> float:
        return _LEFT + (step - first) / (last - first) * (_WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        place = value if not course.log else math.log10(value) if value > 0 else low
        return _FLOOR - (min(max(place, low), high) - low) / (high - low) * (_FLOOR - _TOP)

    body: list[str] = []
    for level, word in levels:
        at = y(10**level if course.log else level)
        body += [line(_LEFT, at, _WIDTH - _RIGHT, at, "grid"), text(_LEFT - 6, at + 4, word, anchor="end")]
    for step in nice_ticks(first, last):
        body += [line(x(step), _FLOOR, x(step), _FLOOR + 4, "axis"), text(x(step), _HEIGHT - 6, _step(step))]
    if course.mark is not None and low <= (math.log10(course.mark) if course.log else course.mark) <= high:
        body.append(line(_LEFT, y(course.mark), _WIDTH - _RIGHT, y(course.mark), "level"))
    for i, curve in enumerate(course.curves):
        body += _drawing(curve, f"c{i}", x, y)
    body += _moments([(s, w) for s, w in moments if first <= s <= last], x)
    return picture(_WIDTH, _HEIGHT, body, f"{course.title} over the steps of the run")


def _step(step: float) -> str:
    return f"{step:,.0f}" if step < 10_000 else f"{step / 1000:,g}k"


def _drawing(curve: Curve, kind: str, x: Place, y: Place) -> Iterator[str]:
    """The band of a curve and its line, on a logarithmic axis with what is 0 on its floor."""
    for part in _unbroken(curve):
        steps = [x(curve.steps[i]) for i in part]
        if curve.low:
            upper = _points(steps, [y(curve.high[i] or 0.0) for i in part])
            lower = _points(steps[::-1], [y(curve.low[i] or 0.0) for i in reversed(part)])
            yield f'<polygon points="{upper} {lower}" class="area {kind}"/>'
        at, now = curve.steps[part[-1]], curve.values[part[-1]] or 0.0
        title = f"<title>{escape(curve.name)}: {short(now)} at step {at:,}</title>"
        points = _points(steps, [y(curve.values[i] or 0.0) for i in part])
        yield f'<polyline points="{points}" class="line {kind}">{title}</polyline>'


def _points(across: Sequence[float], down: Sequence[float]) -> str:
    return " ".join(f"{number(a)},{number(b)}" for a, b in zip(across, down, strict=True))


def _unbroken(curve: Curve) -> list[list[int]]:
    """Runs of points without a gap, as positions."""
    parts: list[list[int]] = [[]]
    for i, value in enumerate(curve.values):
        if value is not None:
            parts[-1].append(i)
        elif parts[-1]:
            parts.append([])
    return [part for part in parts if part]


def _moments(moments: Sequence[tuple[int, str]], x: Place) -> Iterator[str]:
    free = -math.inf
    named = 0
    for step, word in sorted(moments):
        at = x(step)
        yield line(at, _TOP, at, _FLOOR, "moment")
        if at >= free and named < _WORDS:
            left = at > _WIDTH - _RIGHT - _APART
            yield text(at, _TOP - 5, word, anchor="end" if left else "start", kind="word")
            free, named = at + _APART, named + 1
