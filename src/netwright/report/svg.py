"""Small pictures as inline SVG and PNG, drawn from plain numbers. Colours are CSS classes of the page, so they follow its theme."""

import base64
import math
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

_BINS = 48


def number(value: float) -> str:
    """A coordinate."""
    return f"{value:.1f}".rstrip("0").rstrip(".")


def short(value: float) -> str:
    """A number as an axis says it."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else str(value)
    return f"{value:.0f}" if value == round(value) and abs(value) < 1e5 else f"{value:.3g}"


def picture(width: float, height: float, body: Iterable[str], label: str) -> str:
    """Everything of one picture; ``label`` is for those who do not see it."""
    return (
        f'<svg viewBox="0 0 {number(width)} {number(height)}" role="img" aria-label="{escape(label)}" preserveAspectRatio="xMidYMid meet">'
        f"<title>{escape(label)}</title>{''.join(body)}</svg>"
    )


def text(
    x: float, y: float, word: str, *, anchor: str = "middle", kind: str = "tick", rotate: float = 0
) -> str:
    """A word at a place."""
    turn = f' transform="rotate({number(rotate)} {number(x)} {number(y)})"' if rotate else ""
    return f'<text x="{number(x)}" y="{number(y)}" text-anchor="{anchor}" class="{kind}"{turn}>{escape(word)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """A straight line of a CSS class."""
    return f'<line x1="{number(x1)}" y1="{number(y1)}" x2="{number(x2)}" y2="{number(y2)}" class="{kind}"/>'


def nice_ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers between two values."""
    if not high > low:
        return [low]
    raw = (high - low) / about
    power = 10 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(i * step, 12) for i in range(first, math.floor(high / step + 1e-9) + 1)]


def histogram(values: Sequence[float], other: Sequence[float] = (), *, label: str) -> str:
    """Histogram of values, with a second set (evaluation) as an outline, and the band -1..1 for comparison."""
    finite, second = [v for v in values if math.isfinite(v)], [v for v in other if math.isfinite(v)]
    if not finite:
        return ""
    width, height, left, bottom = 460.0, 170.0, 8.0, 22.0
    low, high = min(finite + second), max(finite + second)
    if high == low:
        low, high = low - 0.5, high + 0.5
    span = high - low

    def x(value: float) -> float:
        return left + (value - low) / span * (width - 2 * left)

    main, outline = _shares(finite, low, span), _shares(second, low, span)
    top = max([*main, *outline, 1e-12])
    floor = height - bottom
    step = (width - 2 * left) / _BINS
    body: list[str] = []
    if low < 1 and high > -1:
        a, b = x(max(low, -1)), x(min(high, 1))
        body.append(
            f'<rect x="{number(a)}" y="4" width="{number(b - a)}" height="{number(floor - 4)}" class="band"/>'
        )
    for i, share in enumerate(main):
        if share:
            h = max(1.0, share / top * (floor - 10))
            title = f"{short(low + i * span / _BINS)} to {short(low + (i + 1) * span / _BINS)}: {share:.1%}"
            body.append(
                f'<rect x="{number(left + i * step + 0.4)}" y="{number(floor - h)}" width="{number(step - 0.8)}" height="{number(h)}" class="bar">'
                f"<title>{escape(title)}</title></rect>"
            )
    if second:
        points = " ".join(
            f"{number(left + (i + e) * step)},{number(floor - s / top * (floor - 10))}"
            for i, s in enumerate(outline)
            for e in (0, 1)
        )
        body.append(f'<polyline points="{points}" class="outline"/>')
    body.append(line(left, floor, width - left, floor, "axis"))
    for tick in nice_ticks(low, high):
        body += [line(x(tick), floor, x(tick), floor + 4, "axis"), text(x(tick), height - 6, short(tick))]
    return picture(width, height, body, label)


def _shares(values: Sequence[float], low: float, span: float) -> list[float]:
    counts = [0] * _BINS
    for value in values:
        counts[min(_BINS - 1, int((value - low) / span * _BINS))] += 1
    return [c / len(values) for c in counts] if values else []


def bars(counts: Mapping[str, float], *, label: str) -> str:
    """Vertical bars with a number each."""
    items = list(counts.items())[:40]
    if not items:
        return ""
    width, height, floor = 460.0, 170.0, 148.0
    top = max(max(v for _, v in items), 1e-12)
    step = (width - 16) / len(items)
    body = [line(8, floor, width - 8, floor, "axis")]
    for i, (name, value) in enumerate(items):
        x, h = 8 + i * step, value / top * (floor - 22)
        body.append(
            f'<rect x="{number(x + step * 0.12)}" y="{number(floor - h)}" width="{number(step * 0.76)}" height="{number(h)}" class="bar">'
            f"<title>{escape(name)}: {short(value)}</title></rect>"
        )
        if len(items) <= 24:
            body += [
                text(x + step / 2, height - 6, name[:8]),
                text(x + step / 2, floor - h - 4, short(value)),
            ]
    return picture(width, height, body, label)


def ranges(features: Sequence[tuple[int, float, float, float, float]], *, label: str) -> str:
    """For each feature (index, mean, std, min, max): its whole range thin, mean ± std thick."""
    if not features:
        return ""
    width, height, left, right, floor = 460.0, 190.0, 46.0, 8.0, 166.0
    low, high = min(f[3] for f in features), max(f[4] for f in features)
    if high == low:
        low, high = low - 0.5, high + 0.5

    def y(value: float) -> float:
        return floor - (min(max(value, low), high) - low) / (high - low) * (floor - 8)

    step = (width - left - right) / len(features)
    body = [line(left, y(t), width - right, y(t), "grid") for t in nice_ticks(low, high, 4)]
    body += [text(left - 6, y(t) + 4, short(t), anchor="end") for t in nice_ticks(low, high, 4)]
    thick = max(1.0, min(9.0, step * 0.6))
    every = max(1, math.ceil(len(features) / 12))
    for i, (index, mean, std, least, most) in enumerate(features):
        x = left + (i + 0.5) * step
        title = f"<title>feature {index}: mean {mean:.3g}, std {std:.3g}, {least:.3g} to {most:.3g}</title>"
        body.append(f"<g>{title}{line(x, y(least), x, y(most), 'whisker')}")
        a, b = y(mean + std), y(mean - std)
        body.append(
            f'<rect x="{number(x - thick / 2)}" y="{number(a)}" width="{number(thick)}" height="{number(max(1.5, b - a))}" class="bar"/></g>'
        )
        if i % every == 0:
            body.append(text(x, height - 8, str(index)))
    return picture(width, height, body, label)


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One line of a chart; ``None`` where there is nothing to draw."""

    name: str
    kind: str
    values: tuple[float | None, ...]


def line_chart(
    names: Sequence[str],
    series: Sequence[Series],
    *,
    label: str,
    log: bool = True,
    size: tuple[float, float] = (960.0, 240.0),
) -> str:
    """Lines over named positions, on a logarithmic axis (zeros sit hollow on its floor) or on a linear one. ``size`` is the width of all and the height of the lines."""
    known = [v for s in series for v in s.values if v is not None and math.isfinite(v) and (v > 0 or not log)]
    if not known or not names:
        return ""
    levels = decades(known) if log else ticks(known)
    low, high = levels[0][0], levels[-1][0]
    longest = min(26, max(len(n) for n in names))
    width, left, right, foot = size[0], 58.0, 16.0, 18.0 + longest * 4.6
    height = size[1] + foot
    floor, top = height - foot, 12.0
    step = (width - left - right) / max(1, len(names))

    def y(value: float | None) -> float | None:
        if value is None or not math.isfinite(value):
            return None
        if log and value <= 0:
            return floor
        return floor - ((math.log10(value) if log else value) - low) / (high - low) * (floor - top)

    body: list[str] = []
    for position, word in levels:
        level = floor - (position - low) / (high - low) * (floor - top)
        body += [
            line(left, level, width - right, level, "grid"),
            text(left - 8, level + 4, word, anchor="end"),
        ]
    every = max(1, math.ceil(len(names) / 40))
    for i, name in enumerate(names):
        if i % every == 0:
            word = name if len(name) <= 26 else "…" + name[-25:]
            body.append(text(left + (i + 0.5) * step + 4, floor + 14, word, anchor="end", rotate=-45))
    for s in series:
        points = [(left + (i + 0.5) * step, y(v), v, names[i]) for i, v in enumerate(s.values)]
        for run in _runs(points):
            body.append(
                f'<polyline points="{" ".join(f"{number(px)},{number(py)}" for px, py, _, _ in run)}" class="line {s.kind}"/>'
            )
            for px, py, value, name in run if len(names) <= 160 else []:
                hollow = " hollow" if log and value <= 0 else ""
                body.append(
                    f'<circle cx="{number(px)}" cy="{number(py)}" r="3.2" class="dot {s.kind}{hollow}">'
                    f"<title>{escape(name)}: {escape(s.name)} {value:.3g}</title></circle>"
                )
    return picture(width, height, body, label)


def decades(values: Sequence[float]) -> list[tuple[float, str]]:
    """Powers of ten around some values, as exponents, with what a logarithmic axis says of each."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    high = max(high, low + 2)
    every = max(1, math.ceil((high - low) / 8))
    powers = [*range(low, high, every), high]
    return [(power, f"1e{power}") for power in powers]


def ticks(values: Sequence[float]) -> list[tuple[float, str]]:
    """Round levels of a linear axis from below the least value to above the largest, with what the axis says of each."""
    low, high = min(values), max(values)
    if not high > low:
        low, high = low - 0.5, high + 0.5
    found = nice_ticks(low, high)
    gap = found[1] - found[0] if len(found) > 1 else high - low
    found = [found[0] - gap, *found, found[-1] + gap]
    return [(t, short(t)) for t in found if low - gap < t < high + gap]


def _runs(
    points: Sequence[tuple[float, float | None, float | None, str]],
) -> list[list[tuple[float, float, float, str]]]:
    runs: list[list[tuple[float, float, float, str]]] = [[]]
    for x, y, value, name in points:
        if y is None or value is None:
            runs.append([])
        else:
            runs[-1].append((x, y, value, name))
    return [run for run in runs if run]


def strip(values: Sequence[float], *, label: str) -> str:
    """A row of values as small bars around zero."""
    finite = [v if math.isfinite(v) else 0.0 for v in values[:128]]
    if not finite:
        return ""
    low, high = min(0.0, *finite), max(0.0, *finite)
    span = (high - low) or 1.0
    width, height = 160.0, 60.0
    step = width / len(finite)
    zero = 2 + high / span * (height - 4)
    body = [line(0, zero, width, zero, "axis")]
    for i, value in enumerate(finite):
        h = abs(value) / span * (height - 4)
        top = zero - h if value > 0 else zero
        body.append(
            f'<rect x="{number(i * step)}" y="{number(top)}" width="{number(max(0.8, step * 0.8))}" height="{number(h)}" class="bar"/>'
        )
    return picture(width, height, body, label)


def png(rows: Sequence[Sequence[tuple[float, ...]]]) -> str:
    """A ``data:`` address of an image from rows of pixels, each one (grey) or three (red, green, blue) numbers in 0..1."""
    colour = len(rows[0][0]) == 3
    raw = bytearray()
    for row in rows:
        raw.append(0)
        for pixel in row:
            raw += bytes(round(255 * min(1.0, max(0.0, p))) for p in pixel)
    header = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 2 if colour else 0, 0, 0, 0)
    data = (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(bytes(raw), 9))
        + _chunk(b"IEND", b"")
    )
    return "data:image/png;base64," + base64.b64encode(data).decode("ascii")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
