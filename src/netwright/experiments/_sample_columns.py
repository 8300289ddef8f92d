"""Single columns of tables, single labels, single symbols: what stands out."""

import io
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np

from ..capture.graphs import GraphCapture
from ..evidence import NOWHERE, RESHAPES, FeatureFit, LabelIssues, Node, TokenShare, Where
from ..rule import NotApplicable
from ._seen_samples import Array, Block
from ._simple_fits import Problem, explained, folds

_LEVELS = 400
_NARROW = 40  # columns of a table up to which the form of each is looked at; wider ones are mostly pixels
_SERIES = 0.8  # mean correlation of neighbouring columns from which a table is a window of a series
_WORST = 20
_COMMON = 10
_RESAMPLED = 50
_MASKS = frozenset("ne eq gt masked_fill where not_equal masked_select _pack_padded_sequence".split())


def columns(
    plain: dict[str, Array], problem: Problem, symbols: frozenset[str] = frozenset()
) -> tuple[FeatureFit, ...]:
    """Every column of the inputs that were tables, alone. Windows of a series are left out: their last value predicts the next one, and should."""
    found: list[FeatureFit] = []
    for name, whole in plain.items():
        spread = whole.std(axis=0)
        if whole.shape[1] > 2 and _is_series(whole, spread):
            continue
        found.extend(
            replace(
                _column(name, i, whole[:, i], problem, form=whole.shape[1] <= _NARROW),
                symbols=name in symbols,
            )
            for i in range(whole.shape[1])
            if spread[i] > 1e-9
        )
    return tuple(found)


def _is_series(whole: Array, spread: Array) -> bool:
    z = (whole - whole.mean(axis=0)) / np.maximum(spread, 1e-12)
    return float((z[:, 1:] * z[:, :-1]).mean(axis=0).mean()) > _SERIES


def _column(block: str, index: int, x: Array, problem: Problem, *, form: bool) -> FeatureFit:
    z = (x - x.mean()) / x.std()
    targets, classes = problem.targets, problem.classes
    if classes is not None:
        predicts, follows = _tree(x, classes), _by_level(z, classes)
    else:
        centred = (targets - targets.mean(axis=0)) / np.maximum(targets.std(axis=0), 1e-12)
        predicts = follows = float(((z[:, None] * centred).mean(axis=0) ** 2).max())
    levels, place = _levels(x) if form else (0, x)
    line = cycle = category = None
    if levels >= 3:
        angle = 2 * np.pi * place / levels
        line = _out_of_sample(z[:, None], targets)
        cycle = _out_of_sample(np.stack([np.sin(angle), np.cos(angle)], axis=1), targets)
        if levels <= len(x) // 5:
            category = _out_of_sample((place[:, None] == np.arange(levels)[None, :]).astype(float), targets)
    return FeatureFit(
        block=block,
        column=index,
        predicts=predicts,
        follows=follows,
        kurtosis=float((z**4).mean() - 3) if form else 0.0,
        skew=float((z**3).mean()),
        minimum=float(x.min()),
        maximum=float(x.max()),
        levels=levels,
        line=line,
        cycle=cycle,
        category=category,
    )


def _tree(x: Array, classes: Array) -> float:
    tree: Any = import_module("sklearn.tree")
    right = 0
    leaves = max(2, min(2 * len(np.unique(classes)), 32))
    for fit, test in folds(len(x), count=3):
        model = tree.DecisionTreeClassifier(max_leaf_nodes=leaves, random_state=0)
        right += int((model.fit(x[fit, None], classes[fit]).predict(x[test, None]) == classes[test]).sum())
    return right / len(x)


def _by_level(z: Array, groups: Array) -> float:
    """Share of the variance between groups."""
    means = np.array([z[groups == g].mean() for g in np.unique(groups)])
    sizes = np.array([(groups == g).mean() for g in np.unique(groups)])
    return float((sizes * means**2).sum())


def _levels(x: Array) -> tuple[int, Array]:
    """The number of equally spaced levels, and the level of each sample; 0 where they are not, or too many."""
    values = np.unique(x)
    if not 3 <= len(values) <= _LEVELS:
        return 0, x
    gap = float(np.diff(values).min())
    place: Array = (x - values[0]) / gap
    count = round(float(place.max())) + 1
    if count > min(_LEVELS, 2 * len(values)) or np.abs(place - np.round(place)).max() > 0.01:
        return 0, x
    return count, np.round(place)


def _out_of_sample(design: Array, targets: Array) -> float:
    linear: Any = import_module("sklearn.linear_model")
    out = np.zeros_like(targets)
    for fit, test in folds(len(targets)):
        out[test] = (
            linear.Ridge(alpha=1.0)
            .fit(design[fit], targets[fit])
            .predict(design[test])
            .reshape(len(test), -1)
        )
    return float(explained(targets, out))


def label_issues(
    model: str, probabilities: Array, labels: Array, values: Array, places: Sequence[tuple[int, int]]
) -> LabelIssues:
    """Labels that contradict out-of-sample probabilities, by confident learning.

    Args:
        model: what gave the probabilities.
        probabilities: (samples, classes).
        labels: (samples,) numbers of classes.
        values: what the program calls these classes.
        places: (batch, index) of each sample.

    Raises:
        NotApplicable: the library is missing, or a class is too rare.
    """
    try:
        count: Any = import_module("cleanlab.count")
        rank: Any = import_module("cleanlab.filter")
    except ImportError:
        raise NotApplicable("label errors need cleanlab: pip install 'netwright[labels]'") from None
    common = np.bincount(labels, minlength=probabilities.shape[1]) >= _COMMON
    if common.sum() < 2:
        raise NotApplicable(f"fewer than two classes have {_COMMON} samples")
    kept = np.flatnonzero(common[labels])
    number = np.cumsum(common) - 1
    y, p = number[labels[kept]], probabilities[kept][:, common]
    p = p / p.sum(axis=1, keepdims=True)
    with redirect_stdout(io.StringIO()):
        worst = rank.find_label_issues(y, p, return_indices_ranked_by="self_confidence", n_jobs=1)
        draw = np.random.default_rng(0)
        shares: list[float] = []
        for _ in range(_RESAMPLED):
            again = draw.integers(0, len(y), len(y))
            if len(np.unique(y[again])) == p.shape[1]:
                shares.append(float(count.num_label_issues(y[again], p[again])) / len(y))
        share = float(count.num_label_issues(y, p)) / len(y)
    low, high = (float(v) for v in np.quantile(shares or [share], [0.025, 0.975]))
    chosen = [int(i) for i in worst[:_WORST]]
    names = values[common]
    return LabelIssues(
        model=model,
        samples=len(y),
        share=share,
        low=low,
        high=high,
        positions=tuple(places[int(kept[i])] for i in chosen),
        given=tuple(float(names[int(y[i])]) for i in chosen),
        expected=tuple(float(names[int(p[i].argmax())]) for i in chosen),
    )


def token_shares(blocks: Sequence[Block], capture: GraphCapture) -> tuple[TokenShare, ...]:
    """The most frequent symbol of every input that is rows of symbols."""
    found: list[TokenShare] = []
    for block in blocks:
        if not block.integral or any(r.ndim != 1 for r in block.rows) or max(r.size for r in block.rows) < 2:
            continue
        whole = np.concatenate(block.rows)
        whole = whole[whole >= 0]
        if not len(whole):
            continue
        values, counts = np.unique(whole, return_counts=True)
        token = int(values[counts.argmax()])
        ends = sum(_at_ends(r == token) for r in block.rows)
        node = next((n for n, name in capture.doors.items() if name == block.name), None)
        vocabulary, masked, where = _use(capture, node, token) if node is not None else (None, None, NOWHERE)
        found.append(
            TokenShare(
                block=block.name,
                token=token,
                share=float(counts.max() / len(whole)),
                at_ends=float(ends / counts.max()),
                distinct=len(values),
                vocabulary=vocabulary,
                masked=masked,
                positions=len(whole),
                where=where,
            )
        )
    return tuple(found)


def _at_ends(hit: Array) -> int:
    """How many places of a row belong to its first or last unbroken run of hits, if that touches the row's end."""
    if hit.all():
        return len(hit)
    other = np.flatnonzero(~hit)
    return int(other[0] + len(hit) - 1 - other[-1])


def _use(capture: GraphCapture, door: int, token: int) -> tuple[int | None, str | None, Where]:
    """Rows of the embedding that symbols enter, what takes a symbol out again, and the embedding's line."""
    graph = capture.graph
    reached, vocabulary, masked, where = {door}, None, None, NOWHERE
    for node in graph.nodes:
        if node.op == "_pack_padded_sequence":
            masked = masked or "packed sequences"
        if _attention_mask(node):
            masked = masked or "a mask of the attention"
        if node.kind != "op" or not any(r.node in reached for r in node.refs):
            continue
        if node.op in RESHAPES:
            reached.add(node.index)
        elif node.op in ("embedding", "embedding_bag"):
            table = next((graph[r] for r in node.refs if graph[r].kind == "parameter"), None)
            vocabulary = table.output.shape[0] if table is not None and table.output is not None else None
            where = node.edit
            padding = node.arg(2, "padding_idx") if node.op == "embedding" else node.kwargs.get("padding_idx")
            if isinstance(padding, int) and padding == token:
                masked = masked or "padding_idx"
        elif node.op in _MASKS:
            masked = masked or f"`{node.op}` at {node.where.at}"
    if masked is None and len(capture.doors) > 1:
        extra = [name for n, name in capture.doors.items() if n != door and _maybe_mask(graph[n])]
        masked = f"the input {extra[0]}" if extra else None
    return vocabulary, masked, where


def _attention_mask(node: Node) -> bool:
    return any(
        node.kwargs.get(k) is not None for k in ("attn_mask", "key_padding_mask", "src_key_padding_mask")
    )


def _maybe_mask(node: Node) -> bool:
    info = node.output
    return info is not None and (info.integral or info.dtype == "bool")
