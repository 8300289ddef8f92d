"""Further training steps, taken for their batches once the measured ones are there: experiments on data need more samples than eight batches hold."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from .doors import door_tensors
from .graphs import GraphCapture


@dataclass(slots=True)
class Gathering:
    """Captures of further steps, until there are enough ``samples``, ``steps`` or ``bytes``, ``seconds`` are over, or batches come again."""

    samples: int = 2048
    steps: int = 64
    seconds: float = 5.0
    bytes: int = 256 << 20
    captures: list[GraphCapture] = field(default_factory=list[GraphCapture])
    known: list[GraphCapture] = field(default_factory=list[GraphCapture])
    began: float | None = None
    over: bool = False

    @property
    def active(self) -> bool:
        """Whether steps are being gathered now."""
        return self.began is not None

    def begin(self, known: Sequence[GraphCapture]) -> None:
        """``known`` are the steps there are already; only their kinds are gathered further."""
        self.known = [c for c in known if c.loss is not None]
        self.began = time.perf_counter()
        self.over = not self.known or self._is_enough()

    def add(self, capture: GraphCapture) -> None:
        """Keep a step that is like one of those known."""
        alike = [c for c in self.known if c.graph.backward == capture.graph.backward]
        if not alike:
            return
        if _batch_is_the_same(capture, alike[0]):
            self.over = True
            return
        self.captures.append(capture)
        self.over = self.over or self._is_enough()

    def ended(self) -> bool:
        """Whether to stop."""
        return self.over or time.perf_counter() - (self.began or 0.0) > self.seconds

    def _is_enough(self) -> bool:
        first = self.known[0].graph.backward
        held = [c for c in (*self.known, *self.captures) if c.graph.backward == first]
        size = sum(t.numel() * t.element_size() for c in self.captures for t in c.data.values())
        return len(held) >= self.steps or size >= self.bytes or sum(_samples(c) for c in held) >= self.samples


def _samples(capture: GraphCapture) -> int:
    return max((t.shape[0] for t in door_tensors(capture) if t.dim()), default=0)


def _batch_is_the_same(one: GraphCapture, other: GraphCapture) -> bool:
    """Whether both steps got the same inputs: training on the whole set at once, or on one batch."""
    pairs = list(zip(door_tensors(one), door_tensors(other), strict=False))
    return bool(pairs) and all(a.shape == b.shape and torch.equal(a, b) for a, b in pairs)
