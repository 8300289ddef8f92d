"""Simple models with cross-validation, on real targets and on many permuted ones at once."""

import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from ..capture.clock import in_time
from ..evidence import ModelScore
from ._seen_samples import Array

FOLDS = 5
PERMUTATIONS = 200
PLANTS = 20
CHANCE = 0.02  # p-value from which a model counts as better than with permuted targets
_AT_ONCE = 50
STRENGTH = 0.1  # of the variance: what a straight line through a cloud explains that is just visible
_PENALTIES = (0.03, 0.3, 3.0)  # per sample, on standardized columns
_NEIGHBOURS = (1, 5, 15, 40)
_SQUARES = 25  # columns up to which products are looked at
_BOOSTED = 19
_RESAMPLED = 200


@dataclass(frozen=True, slots=True)
class Problem:
    """A table, its targets as columns of numbers (classes as one-hot vectors), and the classes by number."""

    table: Array
    targets: Array
    classes: Array | None
    seed: int = 0

    def permuted(self, count: int) -> list[Array]:
        """Orders of the rows."""
        draw = np.random.default_rng(self.seed)
        return [draw.permutation(len(self.table)) for _ in range(count)]


def folds(rows: int, seed: int = 0, count: int = FOLDS) -> Iterator[tuple[Array, Array]]:
    """Rows to fit and rows to test on."""
    order = np.random.default_rng(seed).permutation(rows)
    for part in np.array_split(order, count):
        rest = np.ones(rows, bool)
        rest[part] = False
        yield np.flatnonzero(rest), part


def explained(target: Array, predicted: Array) -> Array:
    """Share of the variance explained. The last axis holds the columns of one target; (rows, targets, columns) gives one share for each target."""
    wrong = ((target - predicted) ** 2).sum(axis=(0, -1))
    spread = ((target - target.mean(axis=0, keepdims=True)) ** 2).sum(axis=(0, -1))
    return 1 - wrong / np.maximum(spread, 1e-300)


def planted(problem: Problem, *, count: int, strength: float) -> list[Array]:
    """Targets with the values of the real ones, in an order that a random direction of the table explains to a share of ``strength``, before values are put to ranks."""
    draw = np.random.default_rng(problem.seed + 1)
    by_size = np.lexsort(problem.targets.T[::-1])
    found: list[Array] = []
    for _ in range(count):
        direction = draw.standard_normal((1, len(problem.table[0])))[0]
        signal = _unit(_along(problem.table, direction))
        mixed = strength**0.5 * signal + (1 - strength) ** 0.5 * draw.standard_normal(len(signal))
        order = np.empty(len(signal), int)
        order[np.argsort(mixed)] = by_size
        found.append(order)
    return found


def _along(table: Any, direction: Array) -> Array:
    return table @ direction


def _unit(values: Array) -> Array:
    return (values - values.mean()) / max(float(values.std()), 1e-12)


Predict = Callable[[Array, Array, Array], list[Array]]


def _ridge(fit: Array, targets: Array, test: Array) -> list[Array]:
    """Ridge regression at several penalties."""
    linear: Any = import_module("sklearn.linear_model")
    return [linear.Ridge(alpha=p * len(fit)).fit(fit, targets).predict(test) for p in _PENALTIES]


def _products(fit: Array, targets: Array, test: Array) -> list[Array]:
    """Ridge regression on columns and their products."""
    upper = np.triu_indices(fit.shape[1])
    both = [
        np.concatenate([t, (t[:, :, None] * t[:, None, :])[:, upper[0], upper[1]]], axis=1)
        for t in (fit, test)
    ]
    centre, spread = both[0].mean(axis=0), both[0].std(axis=0) + 1e-9
    return _ridge((both[0] - centre) / spread, targets, (both[1] - centre) / spread)


def _neighbours(fit: Array, targets: Array, test: Array) -> list[Array]:
    """Means of the nearest samples."""
    neighbors: Any = import_module("sklearn.neighbors")
    most = min(max(_NEIGHBOURS), len(fit))
    index = neighbors.NearestNeighbors(n_neighbors=most).fit(fit).kneighbors(test, return_distance=False)
    sizes = [k for k in _NEIGHBOURS if k <= most]
    summed = np.zeros((len(test), targets.shape[1]))
    found: list[Array] = []
    for place in range(most):
        summed += targets[index[:, place]]
        if place + 1 in sizes:
            found.append(summed / (place + 1))
    return found


def cheap_models(columns: int) -> dict[str, Predict]:
    """Models that are fitted to many targets at once."""
    models: dict[str, Predict] = {"ridge": _ridge, "k nearest neighbours": _neighbours}
    if columns <= _SQUARES:
        models["ridge on products"] = _products
    return models


def scores(problem: Problem, orders: list[Array], predict: Predict) -> tuple[Array, Array]:
    """The explained variance for each order of the targets, and the out-of-sample predictions for the first one.

    Of several settings the best one counts, for each order by itself: so real and permuted targets have the same chance.
    """
    rows, width = problem.targets.shape
    stacked = np.concatenate([problem.targets[o] for o in orders], axis=1)
    outs: list[Array] | None = None
    for fit, test in folds(rows):
        made = predict(problem.table[fit], stacked[fit], problem.table[test])
        if outs is None:
            outs = [np.zeros_like(stacked) for _ in made]
        for out, one in zip(outs, made, strict=False):
            out[test] = np.asarray(one).reshape(len(test), -1)
    assert outs is not None
    shape = (rows, len(orders), width)
    all_scores = np.stack([explained(stacked.reshape(shape), out.reshape(shape)) for out in outs])
    best = all_scores.argmax(axis=0)
    return all_scores.max(axis=0), outs[int(best[0])].reshape(shape)[:, 0]


def judged(name: str, problem: Problem, real: Array, permuted: Array, p_value: float | None) -> ModelScore:
    """A model's out-of-sample predictions for the real targets, with intervals."""
    score = float(explained(problem.targets, real))
    draw = np.random.default_rng(problem.seed + 2)
    again = [
        float(explained(problem.targets[r], real[r]))
        for r in draw.integers(0, len(real), (_RESAMPLED, len(real)))
    ]
    low, high = (float(v) for v in np.quantile(again, [0.025, 0.975]))
    accuracy = bounds = None
    if problem.classes is not None:
        right = int((real.argmax(axis=1) == problem.targets.argmax(axis=1)).sum())
        accuracy, bounds = right / len(real), wilson(right, len(real))
    error = error_high = None
    if problem.classes is None and problem.targets.shape[1] == 1:
        off = np.abs(problem.targets - real)
        error = float(off.mean())
        error_high = error + 1.96 * float(off.std()) / len(off) ** 0.5
    return ModelScore(
        model=name,
        score=score,
        low=low,
        high=high,
        permuted=tuple(float(v) for v in permuted),
        p_value=p_value,
        accuracy=accuracy,
        accuracy_low=None if bounds is None else bounds[0],
        accuracy_high=None if bounds is None else bounds[1],
        error=error,
        error_high=error_high,
    )


def wilson(hits: int, total: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927)."""
    share = hits / total
    centre = share + z * z / (2 * total)
    spread = z * (share * (1 - share) / total + z * z / (4 * total * total)) ** 0.5
    return max(0.0, (centre - spread) / (1 + z * z / total)), min(
        1.0, (centre + spread) / (1 + z * z / total)
    )


def p_of(real: float, permuted: Array) -> float:
    """The share of permuted scores, the real one counted among them, that are at least as good."""
    return float((1 + (permuted >= real).sum()) / (1 + len(permuted)))


def cheap(problem: Problem, *, plants: int, seconds: float) -> tuple[list[ModelScore], Array]:
    """Every cheap model on real, permuted and planted targets: its scores, and which plants some model found.

    Targets are permuted until time is up, :data:`PERMUTATIONS` times at most; the first :data:`_AT_ONCE` are always done, which is enough for a p-value of 0.02.
    """
    identity = np.arange(len(problem.table))
    permuted = problem.permuted(PERMUTATIONS)
    made = planted(problem, count=plants, strength=STRENGTH)
    found: list[ModelScore] = []
    seen = np.zeros(plants, bool)
    models = cheap_models(problem.table.shape[1])
    for name, predict in models.items():
        in_time()
        start = time.perf_counter()
        values, real = scores(problem, [identity, *made, *permuted[:_AT_ONCE]], predict)
        null, signals = values[1 + plants :], values[1 : 1 + plants]
        each = time.perf_counter() - start
        for begin in range(_AT_ONCE, PERMUTATIONS, _AT_ONCE):
            if time.perf_counter() - start + each > seconds / len(models):
                break
            null = np.concatenate([null, scores(problem, permuted[begin : begin + _AT_ONCE], predict)[0]])
        found.append(judged(name, problem, real, null, p_of(float(values[0]), null)))
        seen |= np.array([p_of(float(v), null) <= CHANCE for v in signals], bool).reshape(plants)
    return found, seen


def boosted(problem: Problem, seconds: float) -> ModelScore | None:
    """Gradient boosting on real and on permuted targets, which are not tried further once two of them were as good. None when time does not allow it."""
    start = time.perf_counter()
    real = _boost(problem, np.arange(len(problem.table)))
    each = time.perf_counter() - start
    score = float(explained(problem.targets, real))
    permuted: list[float] = []
    p_value: float | None = None
    if each * 4 <= seconds:
        for order in problem.permuted(_BOOSTED):
            shuffled = Problem(problem.table, problem.targets[order], problem.classes)
            permuted.append(float(explained(shuffled.targets, _boost(shuffled, np.arange(len(order))))))
            if sum(v >= score for v in permuted) >= 2 or time.perf_counter() - start + each > seconds:
                break
        p_value = p_of(score, np.array(permuted))
        if len(permuted) < _BOOSTED and sum(v >= score for v in permuted) < 2:
            p_value = None  # time was up before it could be told
    return judged("gradient boosting", problem, real, np.array(permuted), p_value)


def _boost(problem: Problem, order: Array) -> Array:
    ensemble: Any = import_module("sklearn.ensemble")
    targets = problem.targets[order]
    out = np.zeros_like(targets)
    settings = {
        "max_iter": 40,
        "max_leaf_nodes": 8,
        "min_samples_leaf": 5,
        "early_stopping": False,
        "random_state": 0,
    }
    for fit, test in folds(len(targets), count=3):
        if problem.classes is not None:
            labels = targets.argmax(axis=1)
            if len(np.unique(labels[fit])) < 2:
                out[test] = targets[fit].mean(axis=0)
                continue
            model = ensemble.HistGradientBoostingClassifier(**settings).fit(problem.table[fit], labels[fit])
            out[np.ix_(test, model.classes_)] = model.predict_proba(problem.table[test])
        else:
            for column in range(min(targets.shape[1], 4)):
                model = ensemble.HistGradientBoostingRegressor(**settings).fit(
                    problem.table[fit], targets[fit, column]
                )
                out[test, column] = model.predict(problem.table[test])
            out[test, 4:] = targets[fit, 4:].mean(axis=0)
    return out


def logistic(table: Array, labels: Array) -> Array:
    """Out-of-sample probabilities of each class by logistic regression."""
    linear: Any = import_module("sklearn.linear_model")
    count = int(labels.max()) + 1
    out = np.full((len(labels), count), 1e-6)
    for fit, test in folds(len(labels)):
        if len(np.unique(labels[fit])) < 2:
            out[test] = np.bincount(labels[fit], minlength=count) / len(fit)
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it is told by the scores where it did not converge
            model = linear.LogisticRegression(C=0.3, max_iter=300).fit(table[fit], labels[fit])
        out[np.ix_(test, model.classes_)] = model.predict_proba(table[test])
    return out / out.sum(axis=1, keepdims=True)
