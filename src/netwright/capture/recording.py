"""Everything that is recorded of one program."""

import weakref
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from ..evidence import NOWHERE, Event, NonFinite, Where
from .evaluations import EvaluationCapture
from .graphs import GraphCapture
from .loops import Loops
from .schedules import SchedulerRecord

_MOST_EVENTS = 20_000


@dataclass(slots=True, eq=False)
class OptimizerRecord:
    """One optimizer of the program."""

    optimizer: "weakref.ref[torch.optim.Optimizer]"
    where: Where
    type: str
    steps: int = 0
    effective: int = 0
    backward_since: bool = False
    around: Loops | None = None


@dataclass(slots=True, eq=False)
class LoaderRecord:
    """One DataLoader of the program."""

    loader: "weakref.ref[Any]"
    where: Where
    epochs: int = 0
    trained: bool = False


@dataclass(slots=True)
class Limits:
    """When the recording of training ends: after ``steps`` optimizer steps, or ``seconds`` since the first forward pass."""

    steps: int = 8
    seconds: float = 20.0
    backwards: int = 64

    def reached(self, recording: "Recording", seconds: float) -> bool:
        """Whether enough was recorded. Optimizers of several types take turns: each is to be seen for as many steps."""
        types = {r.type for r in recording.optimizers if r.steps}
        enough = recording.steps >= self.steps * max(1, len(types))
        slow = seconds > self.seconds and recording.backwards >= 2
        return enough or slow or recording.backwards >= self.backwards


@dataclass(slots=True)
class Recording:
    """Everything that was recorded; probes turn it into evidence."""

    captures: list[GraphCapture] = field(default_factory=list[GraphCapture])
    later: list[GraphCapture] = field(default_factory=list[GraphCapture])
    evaluations: list[EvaluationCapture] = field(default_factory=list[EvaluationCapture])
    events: list[Event] = field(default_factory=list[Event])
    optimizers: list[OptimizerRecord] = field(default_factory=list[OptimizerRecord])
    schedulers: list[SchedulerRecord] = field(default_factory=list[SchedulerRecord])
    loaders: list[LoaderRecord] = field(default_factory=list[LoaderRecord])
    losses: list[float] = field(default_factory=list[float])
    waits: dict[tuple[Where, str, str], set[int]] = field(
        default_factory=dict[tuple[Where, str, str], set[int]]
    )
    seeds: dict[str, Where] = field(default_factory=dict[str, Where])
    loaded: list[tuple["weakref.ref[torch.nn.Module]", Where, int]] = field(
        default_factory=list[tuple["weakref.ref[torch.nn.Module]", Where, int]]
    )
    # Steps that are counted elsewhere, and not in ``made`` yet.
    uncounted: Callable[[], int] = lambda: 0
    made: int = 0
    # Backward passes after the recording of a program without an optimizer, of which each ends what the one before began.
    iterations: int = 0
    backwards: int = 0
    captured_steps: int = 0
    manual: Where | None = None
    nonfinite: NonFinite | None = None
    suspect: GraphCapture | None = None  # the step in which it was found
    # Forms of what networks were given in steps that a watch sampled, and that came to their end.
    ran: set[tuple[int, ...]] = field(default_factory=set[tuple[int, ...]])

    @property
    def steps(self) -> int:
        """Steps that the program has made, as far as it can be seen."""
        return self.updates + self.iterations

    @property
    def updates(self) -> int:
        """Those of them in which weights were seen to be updated, by an optimizer or by hand."""
        return self.made + self.uncounted()

    def note(self, kind: str, where: Where, optimizer: int | None = None, /, **detail: object) -> None:
        """Put an event on the list."""
        if len(self.events) < _MOST_EVENTS:
            self.events.append(
                Event(kind=kind, step=self.steps, where=where, optimizer=optimizer, detail=detail)
            )

    def amend_step(self, optimizer: int, changed: float) -> None:
        """The last step of an optimizer is over: add the share of parameters that it changed to its event."""
        for position in range(len(self.events) - 1, -1, -1):
            old = self.events[position]
            if old.kind == "optimizer_step" and old.optimizer == optimizer:
                self.events[position] = replace(old, detail={**old.detail, "changed": changed})
                return

    def waited(self, where: Where, op: str, device: torch.device) -> None:
        """The program waits for a device."""
        if where.known:
            self.waits.setdefault((where, op, device.type), set()).add(self.steps)

    def optimizer_index(self, optimizer: torch.optim.Optimizer, where: Where = NOWHERE) -> int:
        """Position of an optimizer; one not seen before is added."""
        for index, record in enumerate(self.optimizers):
            if record.optimizer() is optimizer:
                return index
        self.optimizers.append(OptimizerRecord(weakref.ref(optimizer), where, type(optimizer).__name__))
        return len(self.optimizers) - 1

    def scheduler(self, scheduler: Any) -> SchedulerRecord:
        """The record of a learning-rate scheduler; one not seen before is added."""
        for record in self.schedulers:
            if record.scheduler() is scheduler:
                return record
        optimizer = getattr(scheduler, "optimizer", None)
        index = self.optimizer_index(optimizer) if isinstance(optimizer, torch.optim.Optimizer) else None
        record = SchedulerRecord(weakref.ref(scheduler), NOWHERE, type(scheduler).__name__, index)
        self.schedulers.append(record)
        return record

    def living(self) -> list[torch.optim.Optimizer]:
        """The optimizers that the program still has."""
        return [o for record in self.optimizers if (o := record.optimizer()) is not None]
