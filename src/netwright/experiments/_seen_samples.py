"""The distinct samples of captured steps: what came in at the network's door, and what the loss got as target for each."""

import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..capture.graphs import GraphCapture
from ..capture.measure import has_values
from ..capture.step import Step
from ..evidence import LossTerm, Objective, TaskKind
from ..inference import read_objective
from ..rule import NotApplicable

Array = np.ndarray[Any, Any]

KINDS = frozenset({TaskKind.CLASSIFICATION, TaskKind.BINARY, TaskKind.MULTILABEL, TaskKind.REGRESSION})
ROWS = 2048
_NUMBERS = 4096  # numbers kept of one input of one sample; images are averaged down to it
_SIDE = 32


@dataclass(frozen=True, slots=True)
class Block:
    """One input: a row for each sample (lists of rows differ in length where batches are padded to their own longest)."""

    name: str
    rows: list[Array]
    integral: bool

    @property
    def even(self) -> bool:
        """Whether all rows have the same shape."""
        return len({r.shape for r in self.rows}) == 1


@dataclass(frozen=True, slots=True)
class Samples:
    """Samples in the order in which they came.

    ``places`` are (batch, index) of every row. ``identity`` numbers the distinct inputs, ``first`` are the rows at which each of these came first. ``targets`` is (rows, ...).
    ``counts`` are the rows of each step.
    """

    kind: TaskKind
    blocks: tuple[Block, ...]
    targets: Array
    places: tuple[tuple[int, int], ...]
    identity: Array
    first: Array
    counts: tuple[int, ...]
    steps: tuple[Step, ...]


def main_term(capture: GraphCapture) -> tuple[Objective, LossTerm]:
    """The objective of a step, with the term that has the targets.

    Raises:
        NotApplicable: it has none, or the task is not one of single samples.
    """
    objective = read_objective(capture.graph, 0)
    term = objective.term
    if term is None or term.target is None or term.prediction is None or objective.kind not in KINDS:
        raise NotApplicable(
            f"this is not a task with one target for each sample ({objective.kind.value}: {objective.why})"
        )
    return objective, term


def collect(steps: Sequence[Step]) -> Samples:
    """The samples of any number of steps of one line, at most :data:`ROWS`.

    Raises:
        NotApplicable: targets do not belong to samples, or come from the network itself.
    """
    objective, first_term = main_term(steps[0].capture)
    parts: dict[str, list[Array]] = {}
    integral: dict[str, bool] = {}
    targets: list[Array] = []
    hashes: list[bytes] = []
    counts: list[int] = []
    used: list[Step] = []
    for step in steps:
        capture = step.capture
        if sum(counts) >= ROWS:
            break
        term = read_objective(capture.graph, 0).term
        if term is None or term.target is None or term.op != first_term.op:
            continue
        try:
            _require_outside(capture, term)
        except NotApplicable:
            # A rollout comes before the first step of its kind; a pass between two later steps is an evaluation.
            if not used:
                raise
            continue
        target = capture.data.get(term.target)
        if target is None or target.dim() == 0:
            continue
        found = _inputs(capture, target.shape[0], term.target)
        if not found or (parts and set(found) != set(parts)):
            continue
        _require_single(capture, term, target)
        for name, tensor in found.items():
            parts.setdefault(name, []).extend(plain_rows(tensor))
            integral[name] = not tensor.is_floating_point() and tensor.dtype not in (torch.bool, torch.uint8)
        targets.append(target.detach().cpu().double().numpy())
        hashes.extend(_hashes(list(found.values()), target.shape[0]))
        counts.append(target.shape[0])
        used.append(step)
    if not used:
        raise NotApplicable("no input at the network's door has one row for each target")
    if len({t.shape[1:] for t in targets}) > 1:
        raise NotApplicable("targets differ in shape from batch to batch")
    whole = np.concatenate(targets)
    if not np.isfinite(whole).all():
        raise NotApplicable("targets are not all finite")
    order: dict[bytes, int] = {}
    identity = np.array([order.setdefault(h, len(order)) for h in hashes])
    first = np.unique(identity, return_index=True)[1]
    _require_telling(targets, len(order))
    places = tuple((b, i) for b, n in enumerate(counts) for i in range(n))
    blocks = tuple(Block(n, r, integral[n]) for n, r in parts.items())
    return Samples(objective.kind, blocks, whole, places, identity, first, tuple(counts), tuple(used))


def _require_outside(capture: GraphCapture, term: LossTerm) -> None:
    """Targets that a network gave (reinforcement learning, distillation, self-training) say nothing about labels."""
    graph = capture.graph
    assert term.target is not None
    assert term.prediction is not None
    if any(graph.nodes[i].tainted for i in graph.ancestors(term.target)):
        raise NotApplicable("the targets are computed by a network")
    on_path = graph.ancestors(graph.loss) if graph.loss is not None else frozenset[int]()
    values = {capture.value_of_node.get((i, o)) for i in on_path for o in range(8)}
    rows = capture.tape.values[capture.value_of_node[(term.target, term.target_output)]].info.shape[:1]
    for root in capture.tape.roots:
        if not root.outputs or any(v in values for v in root.outputs):
            continue
        # Without gradient, or on other numbers of samples: it acts, or teaches. Else it is an earlier part of an accumulated batch.
        if not root.grad_enabled or all(
            capture.tape.values[v].info.shape[:1] != rows for _, v in root.inputs
        ):
            raise NotApplicable(
                "a network is run beside the loss, and may have made the targets (reinforcement learning, distillation)"
            )


def _require_single(capture: GraphCapture, term: LossTerm, target: torch.Tensor) -> None:
    assert term.prediction is not None
    info = capture.graph.nodes[term.prediction].outputs[term.prediction_output]
    if not info.shape or info.shape[0] != target.shape[0]:
        raise NotApplicable("predictions and targets do not belong to single samples")
    square = len(info.shape) == 2 and info.shape[0] == info.shape[1] and target.dim() == 1
    if square and target.shape[0] > 2 and len(np.unique(_plain(target))) == target.shape[0]:
        raise NotApplicable(
            "every sample of a batch is its own class (contrastive learning), so targets are no labels"
        )


def _require_telling(targets: Sequence[Array], distinct: int) -> None:
    if len(np.unique(np.concatenate([t.reshape(-1) for t in targets]))) == 1:
        raise NotApplicable("all targets are equal")
    same = all(t.shape == targets[0].shape and (t == targets[0]).all() for t in targets[1:])
    if len(targets) > 1 and same and distinct > len(targets[0]):
        raise NotApplicable(
            "the targets are the same in every batch: they belong to places in the batch and are no labels"
        )


def _inputs(capture: GraphCapture, rows: int, target: int) -> dict[str, torch.Tensor]:
    """Inputs with the samples first, by name."""
    found: dict[str, torch.Tensor] = {}
    flat: list[tuple[str, torch.Tensor]] = []
    seen: set[int] = set()
    for node, name in capture.doors.items():
        tensor = capture.data.get(node)
        if tensor is None or id(tensor) in seen or tensor.is_complex() or not has_values(tensor):
            continue
        if tensor.dim() == 0 or tensor.numel() == 0 or node == target:
            continue
        seen.add(id(tensor))
        key = name if name not in found else f"{name} {sum(k.startswith(name) for k in found) + 1}"
        tensor = tensor.detach()
        if tensor.shape[0] == rows:
            found[key] = tensor
        elif tensor.dim() > 1 and tensor.shape[1] == rows:
            found[key] = tensor.transpose(0, 1)
        elif tensor.dim() == 1 and not tensor.is_floating_point():
            flat.append((key, tensor))
    return _bags(found, flat) if flat else found


def _bags(found: dict[str, torch.Tensor], flat: list[tuple[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """Symbols of all samples in one row, with the places where each sample begins (as ``EmbeddingBag`` takes them): cut apart and padded."""
    for key, begins in list(found.items()):
        if begins.dim() != 1 or begins.is_floating_point() or int(begins[0]) != 0:
            continue
        if not bool((begins[1:] >= begins[:-1]).all()):
            continue
        name, symbols = flat[0]
        places = [*(int(i) for i in begins), symbols.numel()]
        pieces = [symbols[a:b] for a, b in itertools.pairwise(places)]
        found[name] = torch.nn.utils.rnn.pad_sequence(pieces, batch_first=True, padding_value=-1)
        del found[key]
        return found
    return found


def plain_rows(tensor: torch.Tensor) -> list[Array]:
    """Rows as numpy arrays, made smaller where they are large."""
    t = tensor.detach().cpu()
    if t[0].numel() > _NUMBERS and t.dim() >= 3 and t.dtype != torch.int64:
        t = t.float()
        if t.dim() == 4:
            t = torch.nn.functional.adaptive_avg_pool2d(t, (min(_SIDE, t.shape[2]), min(_SIDE, t.shape[3])))
        flat = t.reshape(t.shape[0], -1)
        t = flat[:, :: max(1, -(-flat.shape[1] // _NUMBERS))]
    elif t[0].numel() > _NUMBERS:
        t = t.reshape(t.shape[0], -1)[:, :_NUMBERS]
    return [np.array(row) for row in _plain(t)]


def _plain(tensor: torch.Tensor) -> Array:
    t = tensor.detach().cpu().contiguous()
    return (t.float() if t.dtype == torch.bfloat16 else t).numpy()


def _hashes(tensors: Sequence[torch.Tensor], rows: int) -> list[bytes]:
    plain = [np.ascontiguousarray(_plain(t)) for t in tensors]
    return [
        hashlib.blake2b(b"".join(a[i].tobytes() for a in plain), digest_size=16).digest() for i in range(rows)
    ]
