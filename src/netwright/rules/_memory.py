"""Whether memory grows from step to step, for the rules that ask it."""

from dataclasses import dataclass

from ..evidence import History, Series
from ._history import since
from ._trends import Slope, climbs, slope


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """Memory of one kind (``memory_bytes``, ``device_memory_bytes``) that grows: by how many bytes so far, at which pace now, over which part of the run."""

    name: str
    series: Series
    pace: Slope
    grown: float


def growing(history: History, *, samples: float, even: float, size: float, share: float) -> list[Growth]:
    """The kinds of memory that grow evenly (the second half at ``even`` of the pace of the first, or more), by ``size`` bytes and a ``share`` of what there was at least.

    Series with fewer than so many ``samples`` are left out.
    """
    found: list[Growth] = []
    for name, series in history.under("run"):
        if name not in ("memory_bytes", "device_memory_bytes") or len(series) < samples:
            continue
        # The first eighth is where programs make what they keep anyway.
        settled = since(series, series.steps[len(series) // 8])
        half = len(settled) // 2
        first = slope(settled.steps[:half], settled.values[:half])
        late = since(settled, settled.steps[half])
        second = slope(late.steps, late.values)
        if first is None or second is None:
            continue
        steady = climbs(settled.values[:half]) and climbs(late.values)
        if not (steady or (first.rises and second.rises)):
            continue
        grown = first.change + second.change
        if second.per_step >= even * first.per_step and grown >= max(size, share * settled.values[0]):
            found.append(Growth(name=name, series=settled, pace=second, grown=grown))
    return found
