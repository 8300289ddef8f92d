"""The run so far in memory: every series, thinned so that its memory is bounded however long the run is."""

from array import array
from collections.abc import Iterator, Mapping

from ..evidence import Sample, Series

MOST_POINTS = 2048
ALL_POINTS = 4_000_000
FEWEST_POINTS = 64


class _Points:
    """One series: every ``stride``-th of the values that came."""

    __slots__ = ("came", "steps", "stride", "values")

    def __init__(self) -> None:
        self.steps = array("q")
        self.values = array("d")
        self.stride = 1
        self.came = 0

    def add(self, step: int, value: float, most: int) -> None:
        if self.came % self.stride == 0:
            self.steps.append(step)
            self.values.append(value)
            if len(self.steps) > most:
                self.steps, self.values, self.stride = self.steps[::2], self.values[::2], 2 * self.stride
        self.came += 1


class Store:
    """At most 2048 points of each series, and 4 million of all of them (64 MB), though never fewer than 64 of each.

    A series that grows longer loses every second of its points, and takes half as many from then on.
    """

    def __init__(self) -> None:
        self._series: dict[str, _Points] = {}

    def __len__(self) -> int:
        return len(self._series)

    def add(self, sample: Sample) -> None:
        """Keep the values of a sample. Samples come in the order of their steps."""
        series = self._series
        most = max(FEWEST_POINTS, min(MOST_POINTS, ALL_POINTS // max(len(series), 1)))
        for name, value in sample.values.items():
            points = series.get(name)
            if points is None:
                points = series[name] = _Points()
            points.add(sample.step, value, most)

    def view(self) -> Mapping[str, Series]:
        """The series as they are now; each is put together when it is first looked at."""
        last = max((p.steps[-1] for p in self._series.values() if len(p.steps)), default=-1)
        return _View(self._series, last)


class _View(Mapping[str, Series]):
    """Series up to a step. What comes later is not in it, though a series may be thinned once more until it is looked at."""

    def __init__(self, series: dict[str, _Points], last: int) -> None:
        self._source = {n: p for n, p in series.items() if len(p.steps)}
        self._last = last
        self._made: dict[str, Series] = {}

    def __getitem__(self, name: str) -> Series:
        made = self._made.get(name)
        if made is None:
            points = self._source[name]
            count = sum(1 for s in points.steps if s <= self._last) if points.steps[-1] > self._last else None
            made = self._made[name] = Series(
                steps=tuple(points.steps[:count]), values=tuple(points.values[:count])
            )
        return made

    def __iter__(self) -> Iterator[str]:
        return iter(self._source)

    def __len__(self) -> int:
        return len(self._source)
