"""Whether a planted fault does harm: three healthy seeds against three faulty ones.

A fault bites when every faulty run is worse than every healthy run (complete separation of three and three: one-sided exact rank-sum test,
p = 1/20) and the mean loss is at least 5 % of the way from what the healthy program is held to (`reach`) down to the trivial predictor.
How often healthy runs with other seeds would pass for a fault by this test is printed with the results.
"""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence

from bench.faultbench.programs import Metric

SMALLEST_SHARE = 0.05


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Bite:
    """The result of the test."""

    bites: bool
    share: float  # mean loss over the distance from `reach` to trivial; above 1: worse than trivial


def bite(metric: Metric, healthy: Sequence[float], faulty: Sequence[float | None]) -> Bite:
    """Judge runs of a healthy program against runs of a changed one."""
    worst = min(healthy) if metric.better == "higher" else max(healthy)
    losses = [metric.loss(worst, value) for value in faulty]
    mean = statistics.fmean(metric.loss(statistics.fmean(healthy), value) for value in faulty)
    span = _span(metric, healthy, faulty)
    share = mean / span if span else 0.0
    return Bite(bites=min(losses) > 0 and share >= SMALLEST_SHARE, share=round(share, 4))


def _span(metric: Metric, healthy: Sequence[float], faulty: Sequence[float | None]) -> float:
    if metric.trivial is not None and metric.reach is not None:
        return abs(metric.reach - metric.trivial)
    # Real programs state no trivial predictor: an accuracy is measured against its full scale, anything else against the larger of both.
    if metric.better == "higher":
        return 1.0
    finite = [abs(v) for v in (*healthy, *faulty) if v is not None and v == v and abs(v) != float("inf")]
    return max(finite, default=1.0)
