"""What the captured steps do with parameters: which they read, which their gradients reach, which they write to by hand."""

import weakref
from collections.abc import Iterable

import torch

from ..evidence import Where
from .graphs import GraphCapture
from .parameters import ParameterWatch, Tracked
from .tape import Call, Tape


class ParameterUse:
    """Notes on the parameters that are tracked how they are used.

    Args:
        parameters: where they are tracked.
    """

    def __init__(self, parameters: ParameterWatch) -> None:
        self.parameters = parameters
        self._losses: dict[int, weakref.ref[torch.Tensor]] = {}

    def differentiated(self, roots: Iterable[torch.Tensor]) -> None:
        """Backward is called on these: a leaf that is a loss of its own (made anew from a value) is no parameter."""
        self._losses.update((id(t), weakref.ref(t)) for t in roots if t.is_leaf)

    def _is_loss(self, tensor: torch.Tensor) -> bool:
        known = self._losses.get(id(tensor))
        return known is not None and known() is tensor

    def read(self, tape: Tape) -> None:
        """Parameters that calls of this iteration read; what was written to them before, as initializers do, is no use."""
        start = min((root.start for root in tape.roots), default=0)
        for call in tape.calls:
            if call.index < start or call.inplace:
                continue
            for value in (tape.values[v] for v in call.reads):
                if value.parameter and value.held is not None and not self._is_loss(value.held):
                    self.parameters.track(value.held).used = True

    def reached(self, capture: GraphCapture, norms: list[float | None]) -> list[Tracked]:
        """Parameters that the gradients of a step reach.

        Args:
            capture: the step.
            norms: of the gradients of all that are tracked, in their order, after backward.
        """
        graph = capture.graph
        on_path = graph.ancestors(graph.loss) if graph.loss is not None else frozenset[int]()
        for node, tensor in capture.parameters.items():
            if self._is_loss(tensor):
                continue
            tracked = self.parameters.track(tensor)
            tracked.on_path = tracked.on_path or node in on_path
            tracked.used = tracked.used or tracked.on_path
        found: list[Tracked] = []
        nodes = {id(t) for n, t in capture.parameters.items() if n in on_path}
        for tracked, norm in zip(list(self.parameters.tracked.values()), norms, strict=False):
            if norm is not None and (id(tracked.tensor) in nodes or not nodes):
                tracked.reached = True
                found.append(tracked)
        return found

    def written(self, tensor: torch.Tensor, where: Where, op: str, call: Call, tape: Tape) -> bool:
        """The program writes to a tensor by hand. Whether it is a parameter."""
        storage = tensor.untyped_storage()._cdata  # pyright: ignore[reportPrivateUsage]
        for tracked in self.parameters.tracked.values():
            if tracked.tensor is tensor or tracked.storage == storage:
                tracked.outside_line, tracked.outside_op = where, op
                tracked.outside_gradient = self._uses_gradient(call, tape)
                return True
        return False

    def _uses_gradient(self, call: Call, tape: Tape) -> bool:
        """Whether a call that writes to a parameter was given something computed from a gradient."""
        grads = {id(t.tensor.grad) for t in self.parameters.tracked.values() if t.tensor.grad is not None}
        makers = {c.index: c for c in tape.calls[-64:]}
        todo, seen = list(call.reads[1:]), set[int]()
        while todo:
            value = tape.values[todo.pop()]
            if value.index in seen:
                continue
            seen.add(value.index)
            if value.held is not None and id(value.held) in grads:
                return True
            if value.maker in makers:
                todo.extend(makers[value.maker].reads)
        return False
