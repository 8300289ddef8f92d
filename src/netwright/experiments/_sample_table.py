"""Inputs as a table of numbers that simple models take: pixels by their principal components, symbols by how often they occur, sequences by their values or a summary."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from ..rule import NotApplicable
from ._seen_samples import Array, Block

WIDE = 100  # columns beyond which only principal components are kept
_COMPONENTS = 50
_SYMBOLS = 300
_PLACES = 8  # short rows of symbols are taken place by place, longer ones as a bag
_PER_PLACE = 32
_LEVELS = 400


@dataclass(frozen=True, slots=True)
class Table:
    """One row for each distinct sample: standardized columns, and in words what they are.

    ``combining`` says that all inputs are short rows of symbols, whose combination may matter and nothing else. ``plain`` are the columns of blocks that were tables already,
    as they came, by block name.
    """

    columns: Array
    words: str
    combining: bool
    plain: dict[str, Array]


def table(blocks: Sequence[Block], rows: Array) -> Table:
    """The table of some rows.

    Raises:
        NotApplicable: nothing in the inputs differs between samples.
    """
    parts: list[Array] = []
    words: list[str] = []
    plain: dict[str, Array] = {}
    combining = True
    for block in blocks:
        chosen = [block.rows[int(r)] for r in rows]
        symbols = block.integral and all(r.ndim <= 1 for r in chosen)
        if symbols:
            part, word, short = _symbols(chosen)
            combining = combining and short
        else:
            combining = False
            part, word = _numbers(chosen)
        if block.even and chosen[0].ndim == 1 and chosen[0].size <= WIDE:
            plain[block.name] = np.nan_to_num(np.stack(chosen).astype(float))
        part = _standard(np.nan_to_num(part))
        if part.shape[1]:
            parts.append(part)
            words.append(f"{block.name}: {word}")
    if not parts:
        raise NotApplicable("the inputs do not differ between samples")
    return Table(np.concatenate(parts, axis=1), "; ".join(words), combining, plain)


def _standard(part: Array) -> Array:
    spread = part.std(axis=0)
    kept = spread > 1e-9 * (1 + np.abs(part).max(axis=0, initial=0.0))
    return np.clip((part[:, kept] - part[:, kept].mean(axis=0)) / spread[kept], -20, 20)


def _numbers(rows: list[Array]) -> tuple[Array, str]:
    if len({r.shape for r in rows}) == 1:
        flat = np.stack([r.reshape(-1) for r in rows]).astype(float)
        kind = f"{flat.shape[1]} numbers"
    else:
        flat = np.stack([_summary(r) for r in rows])
        kind = f"{flat.shape[1]} statistics of sequences of different length"
    flat = np.nan_to_num(flat)
    if flat.shape[1] <= WIDE:
        return flat, kind
    count = max(2, min(_COMPONENTS, len(flat) // 5, flat.shape[1]))
    decomposition: Any = import_module("sklearn.decomposition")
    return decomposition.PCA(count, random_state=0).fit_transform(
        flat
    ), f"{count} principal components of {kind}"


def _summary(row: Array) -> Array:
    flat = row.reshape(row.shape[0], -1).astype(float) if row.ndim else row.reshape(1, 1).astype(float)
    few = flat[:, :32]
    return np.concatenate([few.mean(0), few.std(0), few.min(0), few.max(0), few[0], few[-1], [len(few)]])


def _symbols(rows: list[Array]) -> tuple[Array, str, bool]:
    """Counts of the frequent symbols, or for short rows which one stands at each place; and whether the rows are short."""
    longest = max(r.size for r in rows)
    if longest <= _PLACES and len({r.shape for r in rows}) == 1:
        whole = np.stack([r.reshape(-1) for r in rows])
        found: list[Array] = []
        for place in range(whole.shape[1]):
            values, counts = np.unique(whole[:, place], return_counts=True)
            frequent = values[np.argsort(-counts)][:_PER_PLACE]
            found.append((whole[:, place : place + 1] == frequent[None, :]).astype(float))
        return np.concatenate(found, axis=1), f"symbols at {whole.shape[1]} places", True
    values, counts = np.unique(np.concatenate([r.reshape(-1) for r in rows]), return_counts=True)
    frequent = values[np.argsort(-counts)][:_SYMBOLS]
    order = np.argsort(frequent)
    sorted_symbols = frequent[order]
    bag = np.zeros((len(rows), len(frequent)))
    for i, row in enumerate(rows):
        flat = row.reshape(-1)
        places = np.searchsorted(sorted_symbols, flat)
        places = np.minimum(places, len(sorted_symbols) - 1)
        hit = sorted_symbols[places] == flat
        np.add.at(bag[i], places[hit], 1.0)
    return np.log1p(bag), f"counts of {len(frequent)} symbols", False
