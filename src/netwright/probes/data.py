"""The data at the network's door and at the loss."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import torch

from ..capture.graphs import GraphCapture
from ..capture.measure import has_values, sample_of, stats_of, word
from ..evidence import (
    NOWHERE,
    RESHAPES,
    BatchOrder,
    DoorTensor,
    EvalInputs,
    FeatureStats,
    Graph,
    LoaderInfo,
    Loaders,
    Objective,
    Targets,
    Task,
    TrainInputs,
    Where,
)
from ..inference import read_objective
from ..rule import NotApplicable
from .observed import Observed

_ROWS = 4096
_FEATURES = 512
_PARAMETRIC = frozenset(
    [
        "linear",
        "conv1d",
        "conv2d",
        "conv3d",
        "conv_transpose1d",
        "conv_transpose2d",
        "conv_transpose3d",
        "embedding",
        "embedding_bag",
        "lstm",
        "gru",
        "rnn_tanh",
        "rnn_relu",
        "batch_norm",
        "layer_norm",
        "group_norm",
        "instance_norm",
        "bilinear",
        "matmul",
        "mm",
        "addmm",
        "bmm",
        "baddbmm",
        "einsum",
        "multi_head_attention_forward",
        "lstm_cell",
        "gru_cell",
        "rnn_tanh_cell",
        "rnn_relu_cell",
        "addmv",
        "mv",
    ]
)


def train_inputs(observed: Observed) -> TrainInputs:
    """What arrives at the door in training, over the first batches."""
    recording = observed.recording
    tensors = _doors([*recording.captures, *recording.later], recording.captures)
    if not tensors:
        raise NotApplicable("no input of a network was seen")
    return TrainInputs(tensors=tensors)


def eval_inputs(observed: Observed) -> EvalInputs:
    """What arrives at the door in evaluation."""
    evaluations = observed.recording.evaluations
    if not evaluations:
        raise NotApplicable("no evaluation was seen")
    tensors = _doors([e.capture for e in evaluations])
    if not tensors:
        raise NotApplicable("no input of a network was seen in evaluation")
    return EvalInputs(tensors=tensors)


def _doors(captures: Iterable[GraphCapture], graphs: Sequence[GraphCapture] = ()) -> tuple[DoorTensor, ...]:
    groups: dict[tuple[str, str | None, int], list[tuple[GraphCapture, int, torch.Tensor]]] = {}
    for capture in captures:
        seen: set[int] = set()
        for node, name in capture.doors.items():
            tensor = capture.data.get(node)
            if tensor is None or tensor.numel() == 0 or tensor.is_complex() or id(tensor) in seen:
                continue
            if not has_values(tensor):  # a sparse adjacency matrix, a quantized table
                continue
            seen.add(id(tensor))
            feeds = _feeds(capture.graph, node)
            key = (name, feeds[1], tensor.dim())
            groups.setdefault(key, []).append((capture, node, tensor))
    found: list[DoorTensor] = []
    for (name, _, _), items in groups.items():
        capture, node, _ = items[0]
        feeds, module, where, first = _feeds(capture.graph, node)
        called = _called(capture, node)
        door = _door(name, [t for _, _, t in items], feeds, module, called if called.known else where)
        if door is not None and (first or door.stats.std > 0):
            graph = next((i for i, c in enumerate(graphs) if c is capture), None)
            found.append(replace(door, graph=graph or 0, node=None if graph is None else node))
    return tuple(found)


def _called(capture: GraphCapture, node: int) -> Where:
    """The line of the program that hands a tensor to the network."""
    value = capture.value_of_node.get((node, 0))
    calls = (r.where for r in capture.tape.roots if any(v == value for _, v in r.inputs))
    return next(calls, NOWHERE)


def _feeds(graph: Graph, node: int) -> tuple[str | None, str | None, Where, bool]:
    """The first call with parameters that takes the tensor: its name, module, line, and whether as first argument."""
    index = graph.consumer_index()
    todo, seen = [node], {node}
    where = NOWHERE
    while todo:
        current = todo.pop(0)
        for consumer in sorted(index.get(current, []), key=lambda n: n.index):
            if consumer.index in seen or consumer.kind != "op":
                continue
            seen.add(consumer.index)
            if not where.known:
                where = consumer.where
            parameters = any(graph[r].kind == "parameter" for r in consumer.refs)
            if consumer.op in _PARAMETRIC or parameters:
                first = bool(consumer.refs) and consumer.refs[0].node == current
                return (
                    consumer.op,
                    consumer.module,
                    where,
                    first or consumer.op in ("embedding", "matmul", "__getitem__"),
                )
            if len(seen) < 60:
                todo.append(consumer.index)
    return None, None, where, False


def _door(
    name: str, tensors: list[torch.Tensor], feeds: str | None, module: str | None, where: Where
) -> DoorTensor | None:
    first = tensors[0]
    rows = [t for t in tensors if t.dim() == first.dim() and t.shape[1:] == first.shape[1:]] or [first]
    stacked = _stack(rows)
    stats = stats_of(stacked, distinct=True)
    if stats is None:
        return None
    dim = _feature_dim(first, feeds)
    return DoorTensor(
        name=name,
        shape=tuple(first.shape),
        dtype=word(first.dtype),
        batches=len(tensors),
        stats=stats,
        where=where,
        feeds=feeds,
        feeds_module=module,
        batch_dim=0 if first.dim() else None,
        feature_dim=dim,
        features=_features(stacked, dim),
        values=tuple(sample_of(stacked, 4096).double().nan_to_num().tolist()),
        smoothness=_smoothness(stacked),
        interleaved=_interleaved(stacked),
    )


def _stack(tensors: list[torch.Tensor]) -> torch.Tensor:
    first = tensors[0].detach()
    if first.dim() == 0:
        return torch.stack([t.detach().cpu() for t in tensors])
    budget = max(1, 4_000_000 // max(1, first[:1].numel()))
    taken: list[torch.Tensor] = []
    for tensor in tensors:
        room = budget - sum(t.shape[0] for t in taken)
        if room <= 0:
            break
        taken.append(tensor.detach()[:room].cpu())
    return torch.cat(taken)


def _feature_dim(tensor: torch.Tensor, feeds: str | None) -> int | None:
    if tensor.dim() < 2 or not tensor.is_floating_point():
        return None
    if feeds is not None and feeds.startswith("conv"):
        return 1
    if tensor.dim() == 4:
        return 1 if tensor.shape[1] <= 4 or feeds == "batch_norm" else 3
    return tensor.dim() - 1


def _features(tensor: torch.Tensor, dim: int | None) -> tuple[FeatureStats, ...]:
    if dim is None or dim >= tensor.dim() or tensor.shape[dim] > _FEATURES:
        return ()
    columns = tensor.movedim(dim, 0).reshape(tensor.shape[dim], -1)
    found: list[FeatureStats] = []
    for index in range(columns.shape[0]):
        stats = stats_of(columns[index], limit=20_000, distinct=True)
        if stats is not None:
            found.append(FeatureStats(index=index, stats=stats))
    return tuple(found)


def _smoothness(tensor: torch.Tensor) -> tuple[float | None, ...]:
    """Mean |difference of neighbours| over mean |difference of random pairs|, along each dimension after the batch."""
    if not tensor.is_floating_point() and tensor.dtype != torch.uint8:
        return ()
    values = tensor[:64].double().nan_to_num()
    flat = values.reshape(-1)
    if flat.numel() < 16:
        return ()
    half = flat.numel() // 2
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(flat.numel(), generator=generator)[: 2 * min(half, 20_000)]
    pairs = flat[order].reshape(2, -1)
    base = float((pairs[0] - pairs[1]).abs().mean())
    if base == 0:
        return tuple(None for _ in range(values.dim() - 1))
    return tuple(
        float(values.diff(dim=d).abs().mean()) / base if values.shape[d] > 2 else None
        for d in range(1, values.dim())
    )


def _interleaved(tensor: torch.Tensor) -> float | None:
    """How much closer values C apart along a row are than neighbours, for images of C = 2 to 4 channels."""
    if tensor.dim() != 4 or not 2 <= tensor.shape[1] <= 4 or tensor.shape[2] < 8 or tensor.shape[3] < 8:
        return None
    rows = tensor[:64].double().nan_to_num()
    near = float(rows.diff(dim=-1).abs().mean())
    channels = tensor.shape[1]
    return float((rows[..., channels:] - rows[..., :-channels]).abs().mean()) / near if near > 0 else None


def _target_tensors(captures: list[GraphCapture]) -> list[torch.Tensor]:
    found: list[torch.Tensor] = []
    for capture in captures:
        term = read_objective(capture.graph, 0).term
        if term is None or term.target is None:
            continue
        tensor = capture.data.get(term.target)
        if tensor is not None:
            found.append(tensor)
    return found


def targets(observed: Observed, task: Task) -> Targets:
    """What the main loss term of each objective gets as target."""
    recording = observed.recording
    tensors: list[DoorTensor | None] = []
    counts: list[dict[float, int]] = []
    for objective, capture in zip(task.objectives, recording.captures, strict=True):
        same = [c for c in recording.later if c.graph.backward == capture.graph.backward]
        found = _target_tensors([capture, *same])
        term = objective.term
        where = term.edit if term is not None else NOWHERE
        tensors.append(_door("target", found, None, None, where) if found else None)
        counts.append(_counts(found))
    return Targets(tensors=tuple(tensors), counts=tuple(counts))


def _counts(tensors: list[torch.Tensor]) -> dict[float, int]:
    if not tensors:
        return {}
    flat = torch.cat([sample_of(t, 200_000).double().cpu() for t in tensors if not t.is_complex()])
    values, counts = flat.unique(return_counts=True)
    if values.numel() > 1000:
        return {}
    return {float(v): int(c) for v, c in zip(values.tolist(), counts.tolist(), strict=True)}


def loaders(observed: Observed) -> Loaders:
    """Every DataLoader the program made."""
    found: list[LoaderInfo] = []
    for record in observed.recording.loaders:
        loader = record.loader()
        if loader is None:
            continue
        sampler = getattr(loader, "sampler", None)
        kind = type(sampler).__name__
        batch = getattr(loader, "batch_size", None)
        role = "train" if record.trained else ("evaluation" if record.epochs else "unknown")
        found.append(
            LoaderInfo(
                where=record.where,
                role=role,
                batch_size=batch if isinstance(batch, int) else None,
                shuffled={
                    "RandomSampler": True,
                    "SequentialSampler": False,
                    "WeightedRandomSampler": True,
                }.get(kind),
                workers=int(getattr(loader, "num_workers", 0) or 0),
                dataset_length=_length(getattr(loader, "dataset", None)),
                sampler=kind,
                drop_last=bool(getattr(loader, "drop_last", False)),
            )
        )
    return Loaders(loaders=tuple(found))


def _length(dataset: object) -> int | None:
    try:
        return len(dataset)  # type: ignore[arg-type]
    except (TypeError, NotImplementedError, AttributeError):
        return None


def batch_order(observed: Observed, task: Task) -> BatchOrder:
    """What successive training batches look like: labels in order, repetitions, duplicates."""
    recording = observed.recording
    if not recording.captures:
        raise NotApplicable("no training step was seen")
    first = recording.captures[0]
    captures = [first, *(c for c in recording.later if c.graph.backward == first.graph.backward)]
    batches = [t for c in captures if (t := _main_input(c)) is not None]
    if not batches:
        raise NotApplicable("no input of a network was seen")
    labels = _target_tensors(captures) if _classes(task.objectives[0]) else []
    labels = [t.reshape(-1) for t in labels if t.dim() >= 1 and t.numel() == t.shape[0]]
    per_sample = [_row_hashes(b) for b in batches]
    keys = [tuple(h) for h in per_sample]
    loader = next((r for r in recording.loaders if r.trained), None)
    total = sum(len(h) for h in per_sample)
    repeats = sum(len(h) - len(set(h)) for h in per_sample)
    epoch = None
    if loader is not None and loader.loader() is not None:
        epoch = _length(loader.loader())
    return BatchOrder(
        batches=len(batches),
        batch_size=len(per_sample[0]) if per_sample else None,
        labels=tuple(float(v) for t in labels for v in t.double().cpu().tolist())[:_ROWS],
        labels_per_batch=tuple(t.numel() for t in labels),
        repeated_batches=len(keys) - len(set(keys)),
        duplicates=repeats / total if total else 0.0,
        distinct_samples=len({h for hashes in per_sample for h in hashes}),
        where=loader.where if loader is not None else _entrance(first),
        epoch_batches=epoch,
        label_values=_label_values(captures[-1]) if labels else None,
    )


def _classes(objective: Objective) -> bool:
    """Whether the targets are classes (those of a first batch may all be equal)."""
    binary = objective.term is not None and objective.term.op.startswith("binary_cross_entropy")
    return objective.classes is not None or binary


def _entrance(capture: GraphCapture) -> Where:
    """The line of the program that hands the first tensor to the network."""
    lines = (_called(capture, n) for n in capture.doors if n in capture.data)
    return next((w for w in lines if w.known), NOWHERE)


def _label_values(capture: GraphCapture) -> int | None:
    """Distinct labels in the array that the targets of a step were picked from."""
    graph, term = capture.graph, read_objective(capture.graph, 0).term
    if term is None or term.target is None:
        return None
    node = graph[term.target]
    while node.refs and (node.kind != "op" or node.op in RESHAPES):
        node = graph[node.refs[0]]
    whole = capture.data.get(node.index)
    if whole is None or whole.numel() <= capture.data.get(term.target, whole).numel():
        return None
    return int(sample_of(whole, 100_000).unique().numel())


def _main_input(capture: GraphCapture) -> torch.Tensor | None:
    sized = [
        t
        for n in capture.doors
        if (t := capture.data.get(n)) is not None
        and t.dim() >= 1
        and t.numel()
        and not t.is_complex()
        and has_values(t)
    ]
    return max(sized, key=lambda t: t.numel()) if sized else None


def _row_hashes(batch: torch.Tensor) -> list[int]:
    rows = batch.detach().reshape(batch.shape[0], -1)[:2048].cpu()
    if rows.dtype == torch.bfloat16:
        rows = rows.float()
    return [hash(row.numpy().tobytes()) for row in rows]
