"""Trends of noisy series: right where there is one, and rarely where there is none."""

import itertools
import math
import random

import pytest

from netwright.rules._trends import (
    alternation,
    blocks,
    change_point,
    climbs,
    deviation,
    median_interval,
    slope,
    spikes,
    stands_still,
)

TRIES = 60


def noise(points, memory, draw):
    value, found = 0.0, []
    for _ in range(50 + points):
        value = memory * value + draw.gauss(0, 1)
        found.append(value)
    return found[50:]


def alarms(judge, points, memory):
    draw = random.Random(7)
    return sum(bool(judge(noise(points, memory, draw))) for _ in range(TRIES)) / TRIES


# At a level of 1 %, of 60 tries 3 at most with p = 0.997; memory of ten steps against blocks of eight costs a little more.
@pytest.mark.parametrize(("memory", "most"), [(0.0, 0.05), (0.5, 0.05), (0.9, 0.07)])
@pytest.mark.parametrize(
    "judge",
    [
        lambda v: (f := slope(range(len(v)), v)).rises or f.falls,
        lambda v: change_point(range(len(v)), v).p < 0.01,
        lambda v: alternation(v).z > 2.576,
        lambda v: spikes([10 + x for x in v]),
    ],
    ids=["slope", "change point", "alternation", "spikes"],
)
def test_noise_without_a_trend_is_seldom_taken_for_one(judge, memory, most):
    assert alarms(judge, 192, memory) <= most


def test_slope_finds_a_line_in_noise_and_its_interval_holds_it():
    draw = random.Random(0)
    inside = 0
    for _ in range(TRIES):
        found = slope(range(200), [5 - 0.02 * i + x for i, x in enumerate(noise(200, 0.5, draw))])
        assert found.falls
        inside += found.low <= -0.02 <= found.high
    assert inside >= 0.95 * TRIES


def test_slope_is_not_moved_by_outliers_or_what_is_no_number():
    values = [0.1 * i for i in range(100)]
    values[10], values[50], values[77] = 1e9, math.nan, -math.inf
    found = slope(range(100), values)
    assert found.per_step == pytest.approx(0.1, rel=0.05)
    assert found.rises
    assert found.change == pytest.approx(0.1 * found.span, rel=0.05)


def test_slope_of_too_few_points_is_none():
    assert slope(range(5), [1, 2, 3, 4, 5]) is None
    assert slope([3] * 9, range(9)) is None  # all at one step
    assert slope(range(20), [math.nan] * 20) is None


def test_what_fell_at_least_and_at_most():
    found = slope(range(24), [10 - i for i in range(24)])
    assert found.least == pytest.approx(23)
    assert found.most == pytest.approx(23)


def test_change_point_finds_the_step():
    draw = random.Random(1)
    values = [x + (3 if i >= 120 else 0) for i, x in enumerate(noise(192, 0.0, draw))]
    found = change_point(range(192), values)
    assert found.p < 1e-3
    assert found.step == pytest.approx(120, abs=9)  # a block of eight
    assert found.after - found.before == pytest.approx(3, abs=0.7)
    assert change_point(range(10), [1.0] * 10) is None
    assert change_point(range(3), [1, 2, 3]) is None


@pytest.mark.parametrize("memory", [0.0, 0.3, 0.6])
def test_a_jump_far_above_the_noise_is_sure_whatever_the_noise_remembers(memory):
    draw = random.Random(4)
    tries = [
        [x + (20 if i >= 12 else 0) for i, x in enumerate(noise(36, memory, draw))] for _ in range(TRIES)
    ]
    assert all(change_point(range(36), values).p < 1e-3 for values in tries)


@pytest.mark.parametrize("points", [12, 24, 192])
def test_a_walk_is_seldom_taken_for_a_change(points):
    draw = random.Random(5)
    walks = [list(itertools.accumulate(noise(points, 0.0, draw))) for _ in range(TRIES)]
    assert sum(change_point(range(points), w).p < 0.01 for w in walks) <= 3


def test_alternation_of_a_series_that_jumps_to_and_fro():
    draw = random.Random(2)
    found = alternation([5 + (1 if i % 2 else -1) + 0.3 * draw.gauss(0, 1) for i in range(100)])
    assert found.z > 4
    assert found.turning > 0.95
    assert found.amplitude == pytest.approx(1, rel=0.1)
    assert alternation(range(50)).z < -4
    assert alternation([1, 2, 1]) is None


def test_spikes_are_counted_and_their_neighbours_are_not():
    draw = random.Random(3)
    values = [1 + 0.05 * draw.gauss(0, 1) for _ in range(200)]
    for i in (40, 90, 91, 150):
        values[i] = 5.0
    values[60] = math.nan
    assert spikes(values) == [40, 90, 91, 150]


def test_a_level_shift_is_a_spike_only_until_it_is_usual():
    assert len(spikes([1.0] * 50 + [3.0] * 50)) == 16


def test_standing_still_must_be_certain():
    draw = random.Random(4)
    flat = [1 + 0.01 * draw.gauss(0, 1) for _ in range(200)]
    assert stands_still(range(200), flat, 0.05)
    assert not stands_still(range(200), flat, 1e-4)  # not known so exactly
    assert not stands_still(range(200), [v - 0.001 * i for i, v in enumerate(flat)], 0.05)
    assert stands_still([1], [1.0], 1) is None


def test_blocks_are_medians_and_cover_everything():
    x, y = blocks(range(100), range(100), 10)
    assert y == [4.5 + 10 * i for i in range(10)]
    assert x == y
    assert blocks([0, 1], [1.0, math.nan], 10) == ([0], [1.0])


def test_deviation_is_that_of_normal_noise():
    draw = random.Random(5)
    values = [draw.gauss(3, 2) for _ in range(2000)]
    assert deviation([*values, 1e9, -1e9]) == pytest.approx(2, rel=0.1)


def test_what_climbs_from_block_to_block():
    curved = [1e9 + 1e6 * i + 30 * i * i for i in range(60)]
    assert climbs(curved)
    assert not climbs([*curved[:30], *curved[10:40]])
    assert not climbs(curved[:11])


def test_walks_without_direction_do_not_climb():
    draws = random.Random(0)
    climbing = 0
    for _ in range(400):
        value, walk = 0.0, []
        for _ in range(48):
            value += draws.gauss(0, 1)
            walk.append(value)
        climbing += climbs(walk)
    assert climbing == 0


def test_the_interval_of_a_median_is_that_of_order_statistics():
    numbers = [float(v) for v in range(16, 0, -1)]
    assert median_interval(numbers) == (
        4.0,
        13.0,
    )  # fewer than 2.5 % of samples have three or fewer of 16 on one side of the median
    assert median_interval(numbers[:6]) == (11.0, 16.0)
    assert median_interval(numbers[:5]) == (-math.inf, math.inf)
    assert median_interval([]) == (-math.inf, math.inf)
