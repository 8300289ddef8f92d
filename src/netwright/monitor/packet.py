"""Numbers on their way from the devices: one packed tensor and one transfer for each device, which nobody waits for."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch


@dataclass(slots=True, eq=False)
class Moment:
    """What was measured at one step: numbers that are there, and numbers that still lie in tensors.

    ``step`` optimizer steps were done when it began, ``seconds`` had passed since the watch began. ``counts`` are the numbers of elements of the parameters, for
    what is computed from the numbers once they have come; ``late`` the losses among the numbers that have yet to come.
    """

    step: int
    seconds: float
    sampled: bool = False
    values: dict[str, float] = field(default_factory=dict[str, float])
    held: list[tuple[list[str], torch.Tensor]] = field(default_factory=list[tuple[list[str], torch.Tensor]])
    means: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    counts: dict[str, int] = field(default_factory=dict[str, int])
    late: list[str] = field(default_factory=list[str])

    def hold(self, names: list[str], numbers: torch.Tensor) -> None:
        """A flat tensor whose numbers bear these names. Nobody may write to it any more."""
        self.held.append((names, numbers))


class Packet:
    """Moments whose numbers are under way."""

    def __init__(self, moments: list[Moment]) -> None:
        self.moments = moments
        self._parts: dict[torch.device, list[tuple[Moment, list[str], torch.Tensor]]] = {}
        self._sent: list[tuple[list[tuple[Moment, list[str]]], torch.Tensor, Any]] = []
        for moment in moments:
            for names, numbers in moment.held:
                self._parts.setdefault(numbers.device, []).append((moment, names, numbers))
            moment.held.clear()

    def send(self) -> None:
        """Pack, and begin the transfer. An accelerator is not waited for."""
        for device, parts in self._parts.items():
            packed = torch.cat([t for _, _, t in parts]).to(torch.float64)
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
            for name, values in moment.means.items():
                moment.values[name] = sum(values) / len(values)
        yield from self.moments
