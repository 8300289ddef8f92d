"""What was read, on its way from the program's step to the store and to whoever listens: in packets, so that an accelerator is asked seldom and never waited for."""

import math
from collections.abc import Callable

import torch

from ..evidence import Sample
from .glance import Glance
from .packet import Moment, Packet
from .parameters import derived
from .store import Store

_FLUSH_S = 0.5
_MOST_WAITING = 256
_MOST_UNDER_WAY = 8


class Outbox:
    """Moments are put in and come out as samples, in order.

    Args:
        clock: of the account.
        labours: called before work whose time counts as ours, however long it takes.
        on_nonfinite: called with ``None`` where a loss turns out not to be finite after its step.
        glance: told whether the losses that come late are finite.

    ``on_sample`` is given every sample; ``listeners`` each that has more in it than what is read at every step.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        labours: Callable[[], None],
        on_nonfinite: list[Callable[[torch.Tensor | None], None]],
        glance: Glance,
    ) -> None:
        self.store = Store()
        self.on_sample: Callable[[Sample], None] | None = None
        self.listeners: list[Callable[[Sample], None]] = []
        self._clock, self._labours, self._on_nonfinite = clock, labours, on_nonfinite
        self._glance = glance
        self._waiting: list[Moment] = []
        self._packets: list[Packet] = []
        self._next_flush = 0.0

    def start(self) -> None:
        """The first packet leaves in half a second."""
        self._next_flush = self._clock() + _FLUSH_S

    def put(self, moment: Moment) -> None:
        """A step or an evaluation is over."""
        self._waiting.append(moment)

    def urge(self) -> None:
        """What is waiting leaves at the next look."""
        self._next_flush = 0.0

    def look(self, now: float) -> None:
        """Send what has waited long enough, and hand on what has arrived."""
        if now >= self._next_flush or len(self._waiting) >= _MOST_WAITING:
            self.flush()
        elif self._packets:
            self._receive(wait=False)

    def flush(self) -> None:
        """Send what is waiting."""
        self._labours()
        if self._waiting:
            packet = Packet(self._waiting)
            self._waiting = []
            with torch.no_grad():
                packet.send()
            self._packets.append(packet)
        self._receive(wait=len(self._packets) > _MOST_UNDER_WAY)
        self._next_flush = self._clock() + _FLUSH_S

    def drain(self) -> None:
        """Hand on everything."""
        self.flush()
        self._receive(wait=True)

    def _receive(self, *, wait: bool) -> None:
        while self._packets and (wait or self._packets[0].there):
            self._labours()
            for moment in self._packets.pop(0).read():
                self._hand_on(moment)

    def _hand_on(self, moment: Moment) -> None:
        if moment.counts is not None:
            derived(moment)
        if not moment.values:
            return
        sample = Sample(step=moment.step, seconds=moment.seconds, values=moment.values)
        self.store.add(sample)
        if self.on_sample is not None:
            self.on_sample(sample)
        if moment.sampled or moment.timed:
            for listener in self.listeners:
                listener(sample)
        if moment.late is None:
            return
        if all(math.isfinite(moment.values[name]) for name in moment.late):
            self._glance.finite = moment.step
            return
        self._glance.broken = moment.step
        for each in tuple(self._on_nonfinite):
            each(None)
