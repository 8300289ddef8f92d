"""Histories made by hand: the course of a run as the watch writes it."""

import math
import random
from dataclasses import replace

from netwright.evidence import History, Series, Where

LOSS = Where(file="/p/train.py", line=20, code="loss.backward()")
OPTIMIZER = Where(file="/p/train.py", line=9, code="optimizer = SGD(...)")
LAYER = Where(file="/p/model.py", line=5, code="self.act = nn.ReLU()")


def series(values, every=1):
    return Series(steps=tuple(i * every for i in range(len(values))), values=tuple(map(float, values)))


def noisy(values, size=0.05, seed=0):
    """Values with the noise of batches, a share of each value."""
    draw = random.Random(seed)
    return [v * (1 + size * draw.gauss(0, 1)) for v in values]


def falling(points=300, start=2.3, end=0.2, seed=0):
    """A loss as it should be."""
    return noisy([end + (start - end) * math.exp(-5 * i / points) for i in range(points)], seed=seed)


def history(*, ended=False, seconds=100.0, **given):
    """Series by name, with ``__`` for a slash and ``_dot_`` for a dot."""
    made = {
        k.replace("__", "/").replace("_dot_", "."): s if isinstance(s, Series) else series(s)
        for k, s in given.items()
    }
    return History(
        series=made,
        steps=max((s.steps[-1] for s in made.values()), default=0),
        seconds=seconds,
        places={"loss/0": LOSS, "rate/0": OPTIMIZER, "module/act": LAYER},
        ended=ended,
    )


def healthy(**more):
    """A run in which nothing is wrong."""
    given = {
        "loss__0": falling(),
        "rate__0__0": [0.1] * 60,
        "parameter__fc_dot_weight__weight_norm": [5 + 0.02 * i for i in range(60)],
        "parameter__fc_dot_weight__update_ratio": noisy([1e-3] * 60),
        "parameter__fc_dot_weight__nonfinite_share": [0] * 60,
        "module__act__std": noisy([0.6] * 60),
        "module__act__dead_share": [0.1] * 60,
        "module__norm__running_distance": noisy([0.1] * 60),
        "module__out__std": noisy([1.0 + 0.05 * i for i in range(60)]),
        "run__memory_bytes": [3e8] * 60,
        "run__loading_share": noisy([0.05] * 60),
    }
    return history(**{**given, **more})


def ended(run):
    return replace(run, ended=True)
