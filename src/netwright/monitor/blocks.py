"""Blocks without gradients in which a program evaluates a network that it does not switch to evaluation."""

import threading
from types import CodeType, FrameType
from typing import TYPE_CHECKING

from ..capture.frames import is_user

if TYPE_CHECKING:
    from .watcher import Watcher

_FRUITLESS = 3  # times that a block at one line held no evaluation (weights are averaged there, targets made), after which it is passed over
_MOST = 256  # lines that are remembered


class Blocks:
    """Told of every block of ``no_grad`` or ``inference_mode``. An evaluation that begins with one ends when training goes on. ``place`` is the line of the one under way."""

    def __init__(self, watcher: "Watcher") -> None:
        self.watcher = watcher
        self.place: tuple[CodeType, int] | None = None
        self._fruitless: dict[tuple[CodeType, int], int] = {}

    def entered(self, frame: FrameType | None) -> None:
        """A block is entered; ``frame`` is that of its line."""
        if threading.get_ident() != self.watcher.thread:
            return
        if frame is not None and frame.f_code.co_name == "decorate_context":  # of a function as a whole
            frame = frame.f_back
        if frame is None or not is_user(frame.f_code):
            return
        place = (frame.f_code, frame.f_lineno)
        if self.watcher.scores.evaluating or self._fruitless.get(place, 0) >= _FRUITLESS:
            self.watcher.account.entered()
        else:
            self.watcher.work(self._begins, place)

    def _begins(self, place: tuple[CodeType, int]) -> None:
        watcher, scores = self.watcher, self.watcher.scores
        # Within a sampled step, after its pass: what comes is no evaluation.
        if watcher.account.paused is not None or watcher.account.ended is not None or scores.passed:
            return
        if not scores.affordable or len(self._fruitless) >= _MOST:
            return
        watcher.rouse()
        scores.begin(training=False)
        if scores.in_place:
            scores.guarded = False
            self.place = place
        else:
            self._fruitless[place] = _FRUITLESS

    def forget(self) -> None:
        """The program switches the network after all."""
        self.place = None
        self.watcher.scores.guarded = True

    def ended(self, *, fruitful: bool) -> None:
        """The evaluation is over."""
        if self.place is not None:
            self._fruitless[self.place] = 0 if fruitful else self._fruitless.get(self.place, 0) + 1
            self.forget()
