"""Recognises tasks whose target at one step of a sequence is the input at the next: by comparing both, exactly for symbols, numerically for amounts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch

from ..capture.graphs import GraphCapture
from ..capture.replay import Replay
from ..evidence import LossTerm, Objective
from .trainee import differentiates

_LEAST = 3  # steps, without which nothing can be told
_POSITIONS = 16  # that must agree: of two symbols, so many agree by chance once in 65 536 times
_VARIES = 0.1  # of the steps: a sequence that stands still equals its own shift
_CHANNELS = 64


@dataclass(frozen=True, slots=True)
class NextStep:
    """``door`` is the value whose ``time`` axis the target follows, ``batch`` its other axis (``None``: there is one sequence). ``shape`` is the form in which positions of the
    target are sequences of the door (without features), ``offset`` how far the target is ahead. ``prediction`` is the value that the loss compares, ``class_dim`` its axis of classes."""

    door: int
    name: str
    time: int
    batch: int | None
    shape: tuple[int, ...]
    offset: int
    prediction: int
    class_dim: int | None
    term: LossTerm

    def positions(self, mask: torch.Tensor) -> torch.Tensor:
        """What is true of elements of the prediction, as what is true of positions; features come last."""
        if self.class_dim is not None:
            mask = mask.amax(dim=self.class_dim)
        return mask.reshape(*self.shape, -1).amax(dim=-1)


def next_step(
    capture: GraphCapture, objective: Objective, doors: Mapping[int, torch.Tensor]
) -> NextStep | None:
    """The sequence that the target is a shift of, if there is one. Call inside :func:`netwright.capture.sandbox.untouched`."""
    term = objective.term
    if term is None or term.prediction is None or term.target is None:
        return None
    goals = [
        capture.value_of_node.get((term.prediction, term.prediction_output)),
        capture.value_of_node.get((term.target, term.target_output)),
    ]
    if goals[0] is None or goals[1] is None:
        return None
    run = Replay(capture.tape, [goals[0], goals[1]], grad=differentiates(capture))
    prediction, target = (t.detach() for t in run.run())
    if target.layout is not torch.strided or prediction.layout is not torch.strided:
        return None
    symbols = not (target.is_floating_point() or target.is_complex())
    class_dim = (
        (1 if prediction.dim() > 1 else 0) if symbols and prediction.dim() == target.dim() + 1 else None
    )
    if symbols and class_dim is None:
        return None
    ignored = capture.graph.nodes[term.node].kwargs.get("ignore_index") if symbols else None
    for value, tensor in doors.items():
        for time, sequence in _sequences(tensor, symbols):
            found = _match(sequence, target, time, ignored)
            if found is None:
                continue
            shape, offset = found
            if prediction.numel() % max(1, _size(shape)) or (
                class_dim is None and prediction.numel() != target.numel()
            ):
                continue
            batch = None if sequence.dim() < 2 or tensor.shape[1 - time] < 2 else 1 - time
            name = next(
                (n for node, n in capture.doors.items() if capture.value_of_node[(node, 0)] == value), ""
            )
            return NextStep(value, name, time, batch, shape, offset, goals[0], class_dim, term)
    return None


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for n in shape:
        size *= n
    return size


def _sequences(tensor: torch.Tensor, symbols: bool) -> Iterator[tuple[int, torch.Tensor]]:
    """Time axes that an input may have, each with the values along it: symbols (also from one-hot codes), or amounts."""
    values = tensor
    amounts = tensor.is_floating_point()
    if symbols and amounts:
        if tensor.dim() < 2 or tensor.shape[-1] < 2:
            return
        if not bool(((tensor == 0) | (tensor == 1)).all()) or not bool((tensor.sum(-1) == 1).all()):
            return
        values = tensor.argmax(-1)
    elif not symbols and not amounts:
        return
    if values.dtype == torch.bool or values.dim() > 3 or (symbols and values.dim() > 2):
        return
    for time in (1, 0) if values.dim() >= 2 else (0,):
        if values.shape[time] >= _LEAST:
            yield time, values


def _match(
    sequence: torch.Tensor, target: torch.Tensor, time: int, ignored: object
) -> tuple[tuple[int, ...], int] | None:
    """Form of the positions and how far the target is ahead (1, or 0 where it is the input itself)."""
    steps = sequence.shape[time]
    for length in (steps, steps - 1):
        positions = list(sequence.shape[:2])
        positions[time] = length
        for given in _channels(sequence, target, positions):
            answer = target.reshape(*given.shape[:time], length, *given.shape[time + 1 :])
            later, now = given.narrow(time, 1, steps - 1), given.narrow(time, 0, steps - 1)
            asked = answer.narrow(time, 0, steps - 1)
            valid = _valid(asked, ignored)
            moves = float(((later != now) & valid).double().sum()) / max(1, int(valid.sum()))
            if int(valid.sum()) < _POSITIONS or moves < _VARIES:
                continue
            if _equal(asked, later, valid):
                return tuple(positions), 1
            # Rows of amounts that are their own target are rather an autoencoder's than a series.
            series = sequence.dim() == 3 or not sequence.is_floating_point()
            if length == steps and series and _equal(answer, given, _valid(answer, ignored)):
                return tuple(positions), 0
    return None


def _channels(sequence: torch.Tensor, target: torch.Tensor, positions: list[int]) -> Iterator[torch.Tensor]:
    """The sequence, or single channels of it, in as many values as the target has."""
    count = _size(tuple(positions))
    if not count or target.numel() % count:
        return
    lead = tuple(positions)
    plain = target.dim() == 1 or tuple(target.shape[: len(lead)]) == lead or target.shape[0] == count
    if not plain:
        return
    features = target.numel() // count
    width = sequence.shape[2] if sequence.dim() == 3 else 1
    if features == (width if sequence.dim() == 3 else 1):
        yield sequence
    elif sequence.dim() == 3 and features == 1 and width <= _CHANNELS:
        for channel in range(width):
            yield sequence[:, :, channel]


def _valid(target: torch.Tensor, ignored: object) -> torch.Tensor:
    if target.is_floating_point():
        return target.isfinite()
    valid = target >= 0  # -1 and -100 stand for positions that do not count
    if isinstance(ignored, int) and not isinstance(ignored, bool):
        valid &= target != ignored
    return valid


def _equal(first: torch.Tensor, second: torch.Tensor, valid: torch.Tensor) -> bool:
    if not bool(valid.any()):
        return False
    if not first.is_floating_point():
        return bool((first[valid] == second[valid]).all())
    return torch.allclose(first[valid].double(), second[valid].double(), rtol=1e-6, atol=1e-8)
