"""Classifier two-sample test: can a simple model tell the samples of the evaluation from those of training?"""

import math
from collections.abc import Sequence

import torch

from ..evidence import Separation

_FEW = 30  # samples of a side
_SHARES = 48  # parts of a sample whose means are looked at
_WIDE = 4  # numbers of a sample, from which spread within it has a meaning


def separations(training: torch.Tensor | None, evaluation: torch.Tensor | None) -> tuple[Separation, ...]:
    """Level, spread and roughness of single samples, each alone, and a linear model of these with the means of parts of a sample; best first. Nothing where inputs are symbols or samples few."""
    if training is None or evaluation is None or min(len(training), len(evaluation)) < _FEW:
        return ()
    if training.shape[1] != evaluation.shape[1]:
        return ()
    tables = [_statistics(t.double()) for t in (training, evaluation)]
    found: list[Separation] = []
    for name in tables[0]:
        if name == "parts":
            continue
        old, new = tables[0][name][:, 0], tables[1][name][:, 0]
        area = _area(old, new)
        if area is None:
            continue
        area = max(area, 1 - area)
        medians = float(old.median()), float(new.median())
        found.append(_separation(name, area, len(old), len(new), medians))
    old, new = (torch.cat(list(t.values()), dim=1) for t in tables)
    area = _by_model(old, new)
    if area is not None:
        found.append(_separation("model", area, len(old), len(new)))
    return tuple(sorted(found, key=lambda s: -s.auc))


def _statistics(rows: torch.Tensor) -> dict[str, torch.Tensor]:
    """Columns of numbers by name, for (samples, numbers)."""
    level = rows.mean(dim=1, keepdim=True)
    parts = (
        rows
        if rows.shape[1] <= _SHARES
        else torch.stack([p.mean(dim=1) for p in rows.tensor_split(_SHARES, dim=1)], dim=1)
    )
    found = {"level": level, "parts": parts}
    if rows.shape[1] >= _WIDE:
        found["spread"] = rows.std(dim=1, keepdim=True)
        found["roughness"] = rows.diff(dim=1).abs().mean(dim=1, keepdim=True)
    return found


def _area(old: torch.Tensor, new: torch.Tensor) -> float | None:
    """Area under the ROC curve: the share of pairs in which the evaluation's sample has the larger value, ties counted half."""
    if float(torch.cat([old, new]).std()) == 0:
        return None
    order = torch.sort(old).values
    below = torch.searchsorted(order, new, right=False)
    upto = torch.searchsorted(order, new, right=True)
    return float((below + upto).double().mean() / (2 * len(old)))


def _by_model(old: torch.Tensor, new: torch.Tensor) -> float | None:
    """The area of a ridge regression on membership: fitted to one half of the samples, asked about the other, and the other way round."""
    areas: list[float] = []
    for fit in (0, 1):
        train = torch.cat([old[fit::2], new[fit::2]])
        mean, std = train.mean(dim=0), train.std(dim=0).clamp_min(1e-12)
        side = torch.cat(
            [
                torch.full((len(old[fit::2]),), -1.0 / len(old)),
                torch.full((len(new[fit::2]),), 1.0 / len(new)),
            ]
        )
        weight = side.abs().double()
        table = (train - mean) / std
        square = (table * weight[:, None]).T @ table
        ridge = square + 0.1 * square.diagonal().mean().clamp_min(1e-12) * torch.eye(
            len(square), dtype=square.dtype
        )
        slope = torch.linalg.solve(ridge, table.T @ side.double())
        area = _area(*(((t[1 - fit :: 2] - mean) / std) @ slope for t in (old, new)))
        if area is None:
            return None
        areas.append(area)
    return sum(areas) / len(areas)


def _separation(name: str, area: float, old: int, new: int, medians: Sequence[float] = ()) -> Separation:
    """With the interval of Hanley and McNeil (1982), whose variance is kept from vanishing at an area of 1 by that of one pair more on the wrong side."""
    a = min(area, 1 - 1 / (2 * max(old, new)))
    q1, q2 = a / (2 - a), 2 * a * a / (1 + a)
    variance = (a * (1 - a) + (new - 1) * (q1 - a * a) + (old - 1) * (q2 - a * a)) / (old * new)
    half = 1.96 * math.sqrt(max(variance, 0.0))
    return Separation(
        by=name,
        auc=area,
        low=max(0.0, area - half),
        high=min(1.0, area + half),
        training=medians[0] if medians else None,
        evaluation=medians[1] if medians else None,
    )
