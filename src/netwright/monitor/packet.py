"""Numbers on their way from the devices: one packed tensor and one transfer for each device, which nobody waits for."""

from collections.abc import Iterator
from typing import Any

import torch


class Moment:
    """What was measured at one step: numbers that are there (``values``), and numbers that still lie in tensors (``held``).

    ``step`` optimizer steps were done when it began, ``seconds`` had passed since the watch began. ``means`` are values of which there are several in the step, ``counts`` the
    numbers of elements of the parameters, for what is computed from the numbers once they have come; ``late`` the losses among the numbers that have yet to come. ``sampled`` and ``timed`` say
    that it has more than what is read at every step: of the tensors, of the run as a whole.
    """

    __slots__ = ("counts", "held", "late", "means", "sampled", "seconds", "step", "timed", "values")

    def __init__(self, step: int, seconds: float, sampled: bool = False) -> None:
        self.step, self.seconds, self.sampled, self.timed = step, seconds, sampled, False
        self.values: dict[str, float] = {}
        self.held: list[tuple[list[str], torch.Tensor]] | None = None
        self.means: dict[str, tuple[float, int]] | None = None
        self.counts: dict[str, int] | None = None
        self.late: list[str] | None = None

    def hold(self, names: list[str], numbers: torch.Tensor) -> None:
        """A flat tensor (or one of no dimension) whose numbers bear these names. Nobody may write to it any more."""
        if self.held is None:
            self.held = []
        self.held.append((names, numbers))

    def again(self, name: str, value: float) -> None:
        """One more value of a number of which the step has one: their mean counts."""
        if self.means is None:
            self.means = {}
        total, count = self.means.get(name, (self.values[name], 1))
        self.means[name] = (total + value, count + 1)


class Packet:
    """Moments whose numbers are under way."""

    def __init__(self, moments: list[Moment]) -> None:
        self.moments = moments
        self._parts: dict[torch.device, list[tuple[Moment, list[str], torch.Tensor]]] = {}
        self._sent: list[tuple[list[tuple[Moment, list[str]]], torch.Tensor, Any]] = []
        for moment in moments:
            if moment.held is not None:
                for names, numbers in moment.held:
                    self._parts.setdefault(numbers.device, []).append((moment, names, numbers))
                moment.held = None

    def send(self) -> None:
        """Pack, and begin the transfer. An accelerator is not waited for."""
        for device, parts in self._parts.items():
            packed = torch.cat([t.reshape(-1) for _, _, t in parts]).to(torch.float64)
            names = [(moment, names) for moment, names, _ in parts]
            if device.type == "cuda":
                here = torch.empty(packed.shape, dtype=packed.dtype, pin_memory=True)
                here.copy_(packed, non_blocking=True)
                event = torch.cuda.Event()
                event.record(torch.cuda.current_stream(device))
                self._sent.append((names, here, event))
            else:
                self._sent.append((names, packed, None))
        self._parts.clear()

    @property
    def there(self) -> bool:
        """Whether all numbers have come."""
        return all(event is None or event.query() for _, _, event in self._sent)

    def read(self) -> Iterator[Moment]:
        """The moments with their numbers, in order. Waits for what has not come."""
        for names, packed, event in self._sent:
            if event is not None:
                event.synchronize()
            numbers = iter(packed.tolist())
            for moment, group in names:
                for name, number in zip(group, numbers, strict=False):
                    moment.values[name] = number
        self._sent.clear()
        for moment in self.moments:
            if moment.means is not None:
                for name, (total, count) in moment.means.items():
                    moment.values[name] = total / count
        yield from self.moments
