"""What a terminal shows while a program is watched: findings as they come, and now and then a line on how the run goes. It keeps out of the program's own output."""

import contextlib
import math
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any, TextIO

from ..evidence import History, Series

_FIRST_S = 15.0
_LATEST_S = 300.0
_SMOOTHED = 20  # losses in the mean that is shown


class LiveView:
    """Writes whole lines to a stream.

    A progress bar of tqdm is asked to make room; on a terminal an unfinished line of the program's (a counter that is rewritten in place) is cleared first, as the program will write it
    again. Findings are always written, lines on the run's progress on a terminal only, after 15 s and then each time the run is twice as long, at least every five minutes.

    Args:
        stream: mostly stderr.
        quiet: write nothing at all; what is found stands in the report.
        clock: seconds.
    """

    def __init__(
        self, stream: TextIO, *, quiet: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.stream, self.quiet, self.clock = stream, quiet, clock
        self.terminal = _is_terminal(stream)
        self._began = clock()
        self._next = _FIRST_S

    def say(self, lines: Iterable[str]) -> None:
        """Write lines, one after the other. A stream that cannot be written to is left alone."""
        if self.quiet:
            return
        text = "\n".join(lines)
        with contextlib.suppress(OSError, ValueError):
            if (bars := _bars()) is not None:
                bars.write(text, file=self.stream)
                return
            self.stream.write(("\r\x1b[K" if self.terminal else "") + text + "\n")
            self.stream.flush()

    @property
    def due(self) -> bool:
        """Whether it is time for a line on how the run goes."""
        return self.terminal and not self.quiet and self.clock() - self._began >= self._next

    def status(self, history: History) -> None:
        """Write one line on how the run goes."""
        elapsed = self.clock() - self._began
        self._next = elapsed + min(max(elapsed, _FIRST_S), _LATEST_S)
        self.say([status_line(history)])


def status_line(history: History) -> str:
    """Steps, loss and where it goes, learning rate, speed, and the share of the time that watching takes."""
    parts = [f"step {history.steps:,}"]
    for name, series in history.under("loss"):
        label = "loss" if name == "0" else f"loss {int(name) + 1}"
        parts.append(f"{label} {_trend(series)}")
    rates = [s for _, s in history.under("rate") if s.values]
    if rates:
        parts.append(f"rate {rates[0].values[-1]:.3g}")
    if (speed := _last(history, "run/steps_per_s")) is not None:
        parts.append(f"{speed:.3g} steps/s")
    if (loading := _last(history, "run/loading_share")) is not None and loading >= 0.1:
        parts.append(f"{loading:.0%} loading data")
    if (share := _last(history, "run/watch_share")) is not None:
        parts.append(f"watching {share:.1%}")
    return "netwright: " + " · ".join(parts)


def _trend(series: Series) -> str:
    """The mean of the last losses, and what it was half as long ago."""
    if not series.values:
        return "?"
    now = _mean(series.values[-_SMOOTHED:])
    if len(series) < 2 * _SMOOTHED:
        return f"{now:.4g}"
    middle = len(series) // 2
    before = _mean(series.values[max(0, middle - _SMOOTHED) : middle])
    return f"{now:.4g} (at step {series.steps[middle]:,}: {before:.4g})"


def _mean(values: tuple[float, ...]) -> float:
    return math.fsum(values) / len(values) if all(map(math.isfinite, values)) else values[-1]


def _last(history: History, name: str) -> float | None:
    series = history.series.get(name)
    return series.values[-1] if series is not None and series.values else None


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except (ValueError, AttributeError):
        return False


def _bars() -> Any:
    """The class of tqdm's bars, where the program has one on the screen."""
    module = sys.modules.get("tqdm")
    bars = getattr(module, "tqdm", None)
    return bars if bars is not None and len(getattr(bars, "_instances", ())) else None
