"""Inputs before and after what the program does to a batch on its way to the network: does the label survive it?"""

import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import torch

from ..capture.batches import door_of, earliest_form, is_random
from ..capture.replay import CannotReplay, Replay
from ..evidence import NOWHERE, TaskKind, Views, Where
from ..inference import read_objective
from ..rule import NotApplicable
from ._sample_table import table
from ._seen_samples import Array, Block, Samples, plain_rows
from ._simple_fits import folds, wilson

_LEAST = 200
_MOST = 1024
_NEIGHBOURS = 5
_FILTER = 5
_FILTERS = 64


def views(samples: Samples, rows: Array, labels: Array | None, deadline: float) -> Views:
    """Simple models on the batch as it was and as the network got it, cross-validated on the same samples: nearest neighbours, logistic regression, and for images one on the mean answers of random filters.

    Where the change is random, models fitted to changed samples are asked about unchanged ones: noise that spoils single samples may still teach what is right. Where it is always the same it is part of
    the network, and they are asked about changed ones too, the better counts.

    Raises:
        NotApplicable: there are no classes, nothing is done to the batch that can be seen, several targets share a loss (mixed samples), or samples are too few.
    """
    if labels is None or samples.kind not in (TaskKind.CLASSIFICATION, TaskKind.BINARY):
        raise NotApplicable("there are no classes")
    terms = read_objective(samples.steps[0].capture.graph, 0).terms
    one_target = sum(t.target is not None for t in terms) == 1
    if not one_target or samples.targets.reshape(len(samples.targets), -1).shape[1] > 1:
        raise NotApplicable("targets are no single classes, so samples may be mixed on purpose")
    if len(rows) < _LEAST:
        raise NotApplicable(f"{len(rows)} samples are too few")
    found = _pairs(samples)
    seen = np.array([found.before[int(r)] is not None for r in rows])
    if seen.sum() < _LEAST:
        raise NotApplicable("what is done to a batch was seen for too few samples")
    kept, places = rows[seen][:_MOST], labels[seen][:_MOST]
    before = after = 0
    for model, was, now in _forms(found, kept, samples.blocks[0].name):
        if time.perf_counter() > deadline:
            raise NotApplicable("there was no time left")
        unchanged, changed, back = _hits(model, was, now, places)
        before = max(before, unchanged)
        after = max(after, back) if found.random else max(after, back, changed)
    count = len(kept)
    return Views(
        samples=count,
        before=before / count,
        before_low=wilson(before, count)[0],
        after=after / count,
        after_high=wilson(after, count)[1],
        chance=float(np.bincount(places).max() / count),
        random=found.random,
        where=found.where,
    )


def _forms(found: "_Pairs", kept: Array, name: str) -> Iterator[tuple[Any, Array, Array]]:
    """Models, with what they are given: unchanged and changed samples as columns."""
    neighbours = import_module("sklearn.neighbors").KNeighborsClassifier(_NEIGHBOURS)
    logistic = import_module("sklearn.linear_model").LogisticRegression(max_iter=300)
    was, now = (
        np.stack([row for r in kept if (row := part[int(r)]) is not None]).astype(np.float32)
        for part in (found.before, found.after)
    )
    both = [*_standard(was, was), *_standard(now, now)]
    columns = table((Block(name, both, integral=False),), np.arange(2 * len(kept))).columns
    yield neighbours, columns[: len(kept)], columns[len(kept) :]
    yield logistic, columns[: len(kept)], columns[len(kept) :]
    if was.ndim == 4 and min(was.shape[2:]) >= _FILTER:
        answers = [_filtered(part) for part in (was, now)]
        yield logistic, _standard(answers[0], answers[0]), _standard(answers[1], answers[0])


def _filtered(images: Array) -> Array:
    """Mean answers of random filters: what an image shows wherever it stands in it, so that a shift or a crop changes little."""
    draw = torch.Generator().manual_seed(0)
    filters = torch.randn(_FILTERS, images.shape[1], _FILTER, _FILTER, generator=draw)
    answers = torch.nn.functional.conv2d(torch.as_tensor(images), filters).relu()
    return answers.mean(dim=(2, 3)).numpy()


def _standard(whole: Array, by: Array) -> Array:
    """Every number of a sample standardized, so that a change of scale alone makes no difference."""
    spread = by.std(axis=0)
    return (whole - by.mean(axis=0)) / np.where(spread > 1e-6, spread, 1.0)


def _hits(model: Any, was: Array, now: Array, labels: Array) -> tuple[int, int, int]:
    """Right answers about samples not fitted to: unchanged after unchanged, changed after changed, unchanged after changed."""
    found = np.zeros(3, int)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # not converged after so many steps
        _count(model, was, now, labels, found)
    return int(found[0]), int(found[1]), int(found[2])


def _count(model: Any, was: Array, now: Array, labels: Array, found: Array) -> None:
    for fit, test in folds(len(labels)):
        model.fit(was[fit], labels[fit])
        found[0] += (model.predict(was[test]) == labels[test]).sum()
        model.fit(now[fit], labels[fit])
        found[1] += (model.predict(now[test]) == labels[test]).sum()
        found[2] += (model.predict(was[test]) == labels[test]).sum()


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Rows before and after (``None`` where a step cannot be run again up to the network's door), whether random numbers are between them, and the last line that changes them."""

    before: list[Array | None]
    after: list[Array | None]
    random: bool
    where: Where


def _pairs(samples: Samples) -> _Pairs:
    before: list[Array | None] = []
    after: list[Array | None] = []
    where, changed, random = NOWHERE, False, False
    for step, count in zip(samples.steps, samples.counts, strict=True):
        capture = step.capture
        door = door_of(capture, count)
        source, line = earliest_form(capture, door, count)
        try:
            was, now = Replay(capture.tape, [source, door], grad=False).run()
        except (CannotReplay, RuntimeError, TypeError, ValueError, IndexError):
            # Data that were made in this very step, out of something that is not on the tape.
            before.extend([None] * count)
            after.extend([None] * count)
            continue
        where = where if where.known else line
        changed = changed or not torch.equal(was, now)
        between = capture.tape.slice([door], frozenset({source}))
        random = random or any(is_random(c) for c in between)
        before.extend(plain_rows(was))
        after.extend(plain_rows(now))
    if not changed:
        raise NotApplicable("what is done to a batch leaves its values as they are")
    return _Pairs(before, after, random, where)
