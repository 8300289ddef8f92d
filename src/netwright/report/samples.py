"""Samples as the network got them, drawn: images as images, rows as bars."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from .model import Sample
from .svg import png, short, strip

_SMALLEST = 4
_CHANNELS = (1, 3, 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A picture of a sample as HTML, and its caption."""

    picture: Markup
    caption: str
    detail: str


def draw(sample: Sample) -> Drawn:
    """The picture of one sample."""
    finite = [v for v in sample.values if math.isfinite(v)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 0.0)
    form = " × ".join(map(str, sample.shape)) or "scalar"
    caption = f"target {sample.target}" if sample.target else sample.name
    detail = f"{form}, {short(low)} to {short(high)}"
    plane = _image(sample)
    if plane is None:
        row = strip(sample.values, label=f"{sample.name}: {detail}")
        return Drawn(picture=Markup(row), caption=caption, detail=detail)
    channels, rows, columns, strides = plane
    span = (high - low) or 1.0

    def pixel(channel: int, row: int, column: int) -> float:
        value = sample.values[channel * strides[0] + row * strides[1] + column * strides[2]]
        return (value - low) / span if math.isfinite(value) else 0.0

    def colour(row: int, column: int) -> tuple[float, ...]:
        return tuple(pixel(c, row, column) for c in range(3 if channels >= 3 else 1))

    image = png([[colour(r, c) for c in range(columns)] for r in range(rows)])
    if len(sample.shape) == 1:
        detail = f"{form} values as {rows} × {columns}, {short(low)} to {short(high)}"
    alt = f"{sample.name}: {caption}, {detail}"
    picture = Markup('<img src="{}" alt="{}" title="{}">').format(image, alt, alt)
    return Drawn(picture=picture, caption=caption, detail=detail)


def _image(sample: Sample) -> tuple[int, int, int, tuple[int, int, int]] | None:
    """Channels, rows, columns and the strides of each, when the shape is that of an image."""
    shape, count = _squeezed(sample.shape), len(sample.values)
    if math.prod(shape) != count:
        return None
    if len(shape) == 1:
        side = math.isqrt(shape[0])
        return (1, side, side, (0, side, 1)) if side * side == shape[0] and side >= 7 else None
    if len(shape) == 2 and min(shape) >= _SMALLEST:
        return 1, shape[0], shape[1], (0, shape[1], 1)
    if len(shape) == 3 and min(shape[1:]) >= _SMALLEST and shape[0] <= shape[2]:
        channels, rows, columns = shape
        return channels if channels in _CHANNELS else 1, rows, columns, (rows * columns, columns, 1)
    if len(shape) == 3 and min(shape[:2]) >= _SMALLEST and shape[2] in _CHANNELS:
        rows, columns, channels = shape
        return channels, rows, columns, (1, columns * channels, channels)
    return None


def _squeezed(shape: Sequence[int]) -> tuple[int, ...]:
    return tuple(shape[1:]) if len(shape) == 3 and shape[0] == 1 else tuple(shape)
