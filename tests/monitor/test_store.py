"""Series are thinned, in order, never averaged; memory is bounded."""

import math
from itertools import pairwise

from netwright.evidence import Sample
from netwright.monitor.store import FEWEST_POINTS, MOST_POINTS, Store


def _filled(steps, names=("loss/0",)):
    store = Store()
    for step in range(steps):
        store.add(Sample(step=step, seconds=step / 10, values={n: float(step) for n in names}))
    return store


def test_short_series_are_whole():
    series = _filled(100).view()["loss/0"]
    assert series.steps == tuple(range(100))
    assert series.values == tuple(map(float, range(100)))


def test_long_series_keep_every_so_many_th_value():
    series = _filled(100_000).view()["loss/0"]
    assert MOST_POINTS / 2 <= len(series) <= MOST_POINTS
    strides = {b - a for a, b in pairwise(series.steps)}
    assert len(strides) == 1
    assert series.steps[0] == 0
    assert series.values == tuple(map(float, series.steps))


def test_many_series_have_fewer_points():
    store = Store()
    names = [f"parameter/{i}/grad_norm" for i in range(80_000)]
    for step in range(2):
        store.add(Sample(step=step, seconds=0.0, values=dict.fromkeys(names, math.nan)))
    few = {"parameter/0/grad_norm": 1.0}
    for step in range(2, 500):
        store.add(Sample(step=step, seconds=0.0, values=few))
    assert len(store.view()["parameter/0/grad_norm"]) <= FEWEST_POINTS


def test_a_view_holds_nothing_that_comes_later():
    store = _filled(10)
    view = store.view()
    store.add(Sample(step=10, seconds=1.0, values={"loss/0": 10.0, "loss/1": 1.0}))
    assert view["loss/0"].steps == tuple(range(10))
    assert list(view) == ["loss/0"]
