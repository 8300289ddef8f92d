"""Curves as rows of bars in a terminal, of one run or of two beside each other. Names and numbers are whole at any width; the bars take what is left."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

_BARS = "▁▂▃▄▅▆▇█"
_LEAST = 12  # bars; with less room than that a name gets a line of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A series of one run: its values, and numbers as texts."""

    values: Sequence[float]
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What stands in one line: the same series of one run or of several."""

    name: str
    runs: tuple[Drawn, ...]


def sparkline(values: Sequence[float], width: int) -> str:
    """Values as a row of bars; where a part holds something that is no number, ``!`` stands."""
    count = min(width, len(values))
    parts = [values[i * len(values) // count : (i + 1) * len(values) // count] for i in range(count)]
    means = [math.fsum(p) / len(p) if all(map(math.isfinite, p)) else math.nan for p in parts]
    finite = [m for m in means if math.isfinite(m)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    span = high - low
    return "".join(
        "!" if not math.isfinite(m) else _BARS[min(7, int(8 * (m - low) / span)) if span > 0 else 0]
        for m in means
    )


def show_curves(
    console: Console, rows: Sequence[Row], *, heads: Sequence[str], titles: Sequence[str], bars: int
) -> None:
    """Print the rows.

    Args:
        console: where to.
        rows: one for each series.
        heads: what the numbers of a run are.
        titles: what stands above the bars of each run.
        bars: how many there are where there is room.
    """
    count = len(titles)
    widths = [
        [max(len(head), *(len(row.runs[i].texts[j]) for row in rows)) for j, head in enumerate(heads)]
        for i in range(count)
    ]
    names = max(len(row.name) for row in rows)
    taken = 2 + sum(2 + w for group in widths for w in group) + 2 * count
    least = max(_LEAST, *(len(title) for title in titles))
    room = (console.width - taken - names) // count
    own_line = room < least
    if own_line:
        names, room = 2, (console.width - taken - 2) // count
    size = max(min(bars, room), least)

    def line(name: str, runs: Sequence[tuple[str, Sequence[str]]]) -> str:
        parts = [f"  {name:<{names}}"]
        for (drawn, texts), group in zip(runs, widths, strict=True):
            parts.append(f"  {drawn:<{size}}")
            parts += [f"  {text:>{w}}" for text, w in zip(texts, group, strict=True)]
        return "".join(parts).rstrip()

    _print(console, line("", [(title, heads) for title in titles]), "dim")
    for row in rows:
        if own_line:
            _print(console, f"  {row.name}")
        runs = [(sparkline(drawn.values, size), drawn.texts) for drawn in row.runs]
        _print(console, line("" if own_line else row.name, runs))


def _print(console: Console, text: str, style: str = "") -> None:
    console.print(Text(text, style), soft_wrap=True)
