"""Rescaled evaluation data against augmentation, trends and unlucky batches."""

import random
import statistics

import pytest

from netwright.evidence import DoorTensor, EvalInputs, FeatureStats, Stats, TrainInputs
from netwright.rules.data.preprocessed_differently import rule


def measure(values):
    return Stats(
        count=len(values),
        mean=statistics.fmean(values),
        std=statistics.pstdev(values),
        min=min(values),
        max=max(values),
    )


def door(table):
    """A tensor of some columns."""
    flat = [v for row in table for v in row]
    return DoorTensor(
        name="x",
        shape=(32, len(table[0])),
        dtype="float32",
        batches=4,
        stats=measure(flat),
        feeds="linear",
        feature_dim=1,
        features=tuple(
            FeatureStats(index=i, stats=measure(list(c))) for i, c in enumerate(zip(*table, strict=True))
        ),
        values=tuple(flat[:4096]),
    )


def normal(rows, columns, seed, scale=1.0, shift=0.0):
    draw = random.Random(seed)
    return [[shift + scale * draw.gauss(0, 1) for _ in range(columns)] for _ in range(rows)]


def judge(train, new):
    return rule.function(
        inputs=TrainInputs(tensors=(door(train),)), evaluation=EvalInputs(tensors=(door(new),))
    )


def test_other_scale_is_found():
    assert judge(normal(200, 5, 0), normal(100, 5, 1, scale=50, shift=120))


def test_raw_columns_are_found():
    raw = [[20 + 5 * a, 0.1 + 0.02 * b, 700 + 300 * c] for a, b, c in normal(100, 3, 1)]
    assert judge(normal(200, 3, 0), raw)
    assert judge(raw, normal(200, 3, 0))


def test_other_pixel_range_is_found():
    draw = random.Random(0)
    pixels = [[min(1.0, max(0.0, draw.gauss(0.4, 0.4))) for _ in range(64)] for _ in range(100)]
    assert judge([[2 * v - 1 for v in row] for row in pixels[:60]], pixels[60:])
    assert judge([[255 * v for v in row] for row in pixels[:60]], pixels[60:])


def test_column_divided_by_nothing_is_found():
    train = [[*row, 0.0] for row in normal(200, 4, 0)]
    new = [[*row, 3e7] for row in normal(100, 4, 1)]
    (found,) = judge(train, new)
    assert "column 4" in found.message


@pytest.mark.parametrize("seed", range(5))
def test_same_preprocessing_is_silent(seed):
    assert judge(normal(200, 5, seed), normal(40, 5, seed + 100)) == []


def test_trend_is_silent():
    rising = [[0.01 * t] * 4 for t in range(-100, 200)]
    assert judge(rising[:200], rising[200:]) == []


def test_one_class_in_evaluation_is_silent():
    draw = random.Random(0)
    new = [
        [draw.gauss(-1.0, 0.4), draw.gauss(0.8, 0.8), draw.gauss(-1.3, 0.1), draw.gauss(-1.2, 0.1)]
        for _ in range(50)
    ]
    assert judge(normal(200, 4, 0), new) == []


def test_masked_and_brightened_images_are_silent():
    draw = random.Random(0)
    train = [[draw.random() * (draw.random() > 0.5) for _ in range(64)] for _ in range(60)]
    new = [[draw.random() for _ in range(64)] for _ in range(60)]
    assert judge(train, new) == []
