"""A captured step on fewer of its samples: what counts samples is cut on the tape itself, so that everything that reads the step sees a smaller batch."""

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence

import torch

from ..capture.graphs import GraphCapture, measure
from ..capture.replay import Replay
from ..capture.sandbox import untouched
from ..capture.tape import Tape, Value
from ..evidence import Graph, Node, TensorInfo
from ..rule import NotApplicable
from ._parts import Cut, Reading, draws, find_reading
from .trainee import ERRORS, Trainee, differentiates

LEAST = 8  # samples: batch normalization needs as many for statistics that mean something
_CUT = "and the step cannot be cut into parts of its batch whose gradients add up"


class Fewer:
    """Cuts the steps of a program to fewer samples.

    How the batch lies in the step is found out once, on a part of it that is small enough.

    Args:
        captures: the steps.
        room: samples that can be run at once.

    Raises:
        NotApplicable: the batch cannot be cut, or no eight samples can be run.
    """

    def __init__(self, captures: Sequence[GraphCapture], room: int) -> None:
        # Not run as a whole for want of memory, a part of it may be.
        fresh = [dataclasses.replace(c, why_not_replayed=None) if c.too_large else c for c in captures]
        self.trainee = Trainee(fresh, copies=False)
        first = self.trainee.captures[0]
        if first.too_large and draws(first, self.trainee.omit):
            raise NotApplicable("it draws random numbers for all samples at once")
        reading = find_reading(self.trainee, self.trainee.trained, most=room)
        if reading is None:
            raise NotApplicable(_CUT)
        if not reading.mean:
            raise NotApplicable("and its loss is a sum over the batch, which fewer samples make smaller")
        self.reading: Reading = reading
        self._cuts: dict[int, Cut] = {}
        self.count = self._cut(0).count

    def _cut(self, index: int) -> Cut:
        if index not in self._cuts:
            self._cuts[index] = Cut(self.trainee, index, self.reading, self.trainee.omit)
        return self._cuts[index]

    def _on(self, samples: int, index: int) -> GraphCapture:
        cut = self._cut(index)
        count = min(samples, cut.count)
        return _smaller(cut, torch.arange(count) * cut.count // count)

    def first(self, samples: int) -> GraphCapture:
        """The first step on so many of its samples, taken evenly from the batch.

        Raises:
            NotApplicable: it cannot be run so.
        """
        try:
            found = measure(self._on(samples, 0), part=1)  # what it may take was looked at before
        except ERRORS as error:
            raise NotApplicable(f"it does not run on fewer samples: {error}") from None
        if found.why_not_replayed is not None:
            raise NotApplicable(f"it does not run on fewer samples: {found.why_not_replayed}")
        return found

    def others(self, samples: int) -> list[GraphCapture]:
        """The other steps on as many; those that cannot be cut like the first one are left out."""
        found: list[GraphCapture] = []
        for index in range(1, len(self.trainee.captures)):
            with contextlib.suppress(*ERRORS):
                found.append(self._on(samples, index))
        return found


def _smaller(cut: Cut, rows: torch.Tensor) -> GraphCapture:
    capture = cut.capture
    values = list(capture.tape.values)
    data = dict(capture.data)
    nodes = {v: n for (n, output), v in capture.value_of_node.items() if output == 0}
    for index, leaf in cut.cuts.items():
        values[index] = _leaf(values[index], leaf.take(rows))
        if nodes.get(index) in data:
            data[nodes[index]] = leaf.take(rows)
    tape = Tape(capture.tape.limit)
    tape.calls, tape.values = cut.resized(len(rows), capture.tape.calls), values
    tape.roots, tape.inputs, tape.truncated = capture.tape.roots, capture.tape.inputs, capture.tape.truncated
    small = dataclasses.replace(capture, tape=tape, data=data, value_bytes=None)
    small.too_large, small.why_not_replayed = False, None
    return _reshaped(small)


def _leaf(value: Value, tensor: torch.Tensor) -> Value:
    """A leaf with other content. What the program wrote to afterwards is a copy that may be written to."""
    info = dataclasses.replace(value.info, shape=tuple(tensor.shape), stats=None, grad=None)
    held = value.held if value.saved is not None else tensor
    saved = tensor if value.saved is not None else None
    return dataclasses.replace(value, maker=None, held=held, saved=saved, info=info)


def _reshaped(capture: GraphCapture) -> GraphCapture:
    """The step with the shapes and the loss that come of running it."""
    assert capture.loss is not None
    with untouched():
        run = Replay(capture.tape, [capture.loss], grad=differentiates(capture))
        loss = float(run.run()[0].detach().sum())
    shapes = {v: tuple(t.shape) for v, t in run.env.items()}
    values = capture.tape.values
    for index, shape in shapes.items():
        if values[index].info.shape != shape:
            info = dataclasses.replace(values[index].info, shape=shape)
            values[index] = dataclasses.replace(values[index], info=info)
    graph = _with_shapes(capture, shapes, loss)
    return dataclasses.replace(capture, graph=graph)


def _with_shapes(capture: GraphCapture, shapes: Mapping[int, tuple[int, ...]], loss: float) -> Graph:
    def shaped(node: Node, position: int, info: TensorInfo) -> TensorInfo:
        value = capture.value_of_node.get((node.index, position))
        shape = shapes.get(value) if value is not None else None
        known = shape is None or shape == info.shape
        return info if known else dataclasses.replace(info, shape=shape, stats=None, grad=None)

    nodes = tuple(
        dataclasses.replace(n, outputs=tuple(shaped(n, i, o) for i, o in enumerate(n.outputs)))
        for n in capture.graph.nodes
    )
    return dataclasses.replace(capture.graph, nodes=nodes, loss_value=loss)
