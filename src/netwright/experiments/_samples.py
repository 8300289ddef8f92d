"""Which axis of what comes in holds the samples of the batch: said only where it is sure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch

from ..capture.graphs import GraphCapture
from ..capture.session import Session
from ..evidence import Objective, Ref
from ..inference import origin
from ..rule import NotApplicable
from ._next_step import NextStep

_LEAST = 3  # samples: of two, each is all that is left when the other is replaced
_RANDOM = (
    torch.utils.data.RandomSampler,
    torch.utils.data.SubsetRandomSampler,
    torch.utils.data.WeightedRandomSampler,
)
_PICKS = frozenset(["__getitem__", "index_select", "take_along_dim"])


@dataclass(frozen=True, slots=True)
class Samples:
    """``count`` samples; ``axes`` say by door where they lie. ``sure`` says that they are known to be drawn independently of each other; ``either`` that another axis is as long, so that
    only the absence of mixing tells."""

    count: int
    axes: dict[int, int]
    sure: bool
    either: bool = False


def find_samples(
    capture: GraphCapture,
    objective: Objective,
    doors: Mapping[int, torch.Tensor],
    following: NextStep | None,
    session: Session | None = None,
) -> Samples:
    """The samples of a captured step.

    Raises:
        NotApplicable: which axis holds them is not sure, or there are too few.
    """
    if not doors:
        raise NotApplicable("no tensor came in at the door of a network")
    main = max(doors, key=lambda v: doors[v].numel())
    if (
        following is not None and following.offset == 1
    ):  # a shift tells which axis is time, an equal target does not
        if following.batch is None:
            raise NotApplicable("there is one sequence alone")
        count = doors[following.door].shape[following.batch]
        axes = {v: following.batch for v, t in doors.items() if _at(t, following.batch) == count}
        axes = {v: a for v, a in axes.items() if v == following.door or _at(doors[v], 1 - a) != count}
        axes |= {v: 0 for v, t in doors.items() if v not in axes and t.dim() == 1 and len(t) == count}
        return _checked(Samples(count, axes, sure=True), doors, following.door)
    drawn = _drawn(capture, session)
    count, dense = _rows(capture, objective, doors[main], drawn)
    axes = {v: axis for v, t in doors.items() if (axis := _axis(t, count)) is not None}
    sure = count in drawn
    # What relates the samples to each other (an adjacency matrix) is often the largest of what comes in.
    main = max(doors, key=lambda v: (v in axes, doors[v].numel()))
    either = main not in axes and doors[main].shape[0] == count
    if either:
        axes |= {v: 0 for v, t in doors.items() if t.shape[0] == count}
    if main in axes and not sure:
        if doors[main].dim() < 3:
            raise NotApplicable(
                f"whether the {count} rows that come in are samples of their own, or nodes of one graph or steps of one series, is not known (no loader that shuffles made the batch)"
            )
        if dense and doors[main].dim() != 4:
            raise NotApplicable("which axis holds the samples and which the steps of time is not known")
    return _checked(Samples(count, axes, sure, either), doors, main)


def _checked(samples: Samples, doors: Mapping[int, torch.Tensor], main: int) -> Samples:
    if samples.count < _LEAST:
        raise NotApplicable(
            "one sample alone cannot mix with others"
            if samples.count == 1
            else f"{samples.count} samples are too few"
        )
    if main not in samples.axes:
        raise NotApplicable(f"which axis of {tuple(doors[main].shape)} holds the samples is not sure")
    return samples


def _at(tensor: torch.Tensor, dim: int) -> int:
    return tensor.shape[dim] if dim < tensor.dim() else -1


def _axis(tensor: torch.Tensor, count: int) -> int | None:
    """The only one of the first two axes that is as long as the batch."""
    first, second = _at(tensor, 0) == count, _at(tensor, 1) == count
    return None if first == second else 0 if first else 1


def _rows(
    capture: GraphCapture, objective: Objective, main: torch.Tensor, drawn: set[int]
) -> tuple[int, bool]:
    """How many samples the loss judges, and whether a sample may have more than one answer."""
    term, graph = objective.term, capture.graph
    if term is None or term.prediction is None or term.target is None:
        # A loss that is not recognised: what a loader gives is a batch all the same.
        if main.shape[0] in drawn:
            return main.shape[0], True
        raise NotApplicable("no loss between a prediction and a target was recognised")
    prediction = graph.info(Ref(term.prediction, term.prediction_output))
    target = graph.info(Ref(term.target, term.target_output))
    if prediction is None or target is None or not prediction.shape or not target.shape:
        raise NotApplicable("the loss compares single numbers")
    rows = prediction.shape[0]
    if rows != target.shape[0]:
        raise NotApplicable("prediction and target have different numbers of rows")
    if rows not in (main.shape[0], _at(main, 1)) and main.shape[0] in drawn:
        return main.shape[0], True  # several rows for each sample
    answers = prediction.shape[1] if len(prediction.shape) > 1 else 1
    dense = len(prediction.shape) > 2 or (main.dim() > 2 and answers > 1 and answers == main.shape[1])
    if dense and rows not in drawn and _at(main, 1) in drawn:
        return main.shape[1], True
    return rows, dense


def _drawn(capture: GraphCapture, session: Session | None) -> set[int]:
    """Sizes of batches that a shuffling loader makes, or that were picked by an index."""
    return {*_shuffled(session), *_picked(capture)}


def _shuffled(session: Session | None) -> Iterator[int]:
    for record in session.recording.loaders if session is not None else ():
        loader = record.loader()
        sampler = getattr(loader, "sampler", None)
        if loader is None or not record.trained or sampler is None:
            continue
        if not isinstance(sampler, _RANDOM):
            continue
        size = getattr(loader, "batch_size", None)
        if isinstance(size, int) and size > 1:
            yield size
            try:
                yield len(loader.dataset) % size
                yield min(size, len(loader.dataset))
            except TypeError:
                pass


def _picked(capture: GraphCapture) -> Iterator[int]:
    """Rows that come from a call like ``x[index]`` with an index of whole numbers."""
    graph = capture.graph
    for door in capture.doors:
        node = origin(graph, Ref(door))
        seen = [node, *(graph[r] for r in graph.nodes[door].refs)]
        for maker in seen:
            if maker.kind != "op" or maker.op not in _PICKS:
                continue
            for ref in maker.refs[1:]:
                info = graph.info(ref)
                whole = info is not None and info.integral and info.dtype != "bool" and len(info.shape) == 1
                if info is not None and whole and origin(graph, ref).op != "arange":
                    yield info.shape[0]
