"""What a program keeps of the graphs of earlier steps: containers that get more tensors with a history in each, and tensors computed from themselves."""

import contextlib
import itertools
import linecache
import re
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import CodeType, FrameType

import torch

from ..evidence import NOWHERE, Kept, Where
from .facts import has_history
from .frames import where_of
from .spots import Spot, inside, user_stack
from .tape import Tape

_APPENDS = r"(?<![\w.]){}\s*(?:\.append\(|\.extend\(|\.insert\(|\+=|\[[^\]]*\]\s*=[^=])"


@dataclass(slots=True)
class _Container:
    code: CodeType
    counts: list[int] = field(default_factory=list[int])


class KeptWatch:
    """Looks after each recorded step. It keeps no tensor of the program's alive."""

    def __init__(self) -> None:
        self.looks = 0
        self._containers: dict[Spot, _Container] = {}
        self._sums: dict[Where, int] = {}
        self._made: list[tuple[weakref.ref[torch.Tensor], Where]] = []

    def look(self, frame: FrameType | None, tape: Tape) -> None:
        """A step is over; ``frame`` is where the program stands, ``tape`` what it did."""
        self._look_at_containers(frame)
        self._look_at_sums(tape)
        self.looks += 1

    def found(self) -> tuple[Kept, ...]:
        """What has grown in every step but the first two, in which a program may still be filling what it then goes round in."""
        kept = [
            Kept(where=_fills(c.code, spot.words), name=spot.words, growth=growth, steps=self.looks)
            for spot, c in self._containers.items()
            if (growth := _growth(c.counts)) is not None
        ]
        kept += [
            Kept(where=where, name="", growth=1.0, steps=times)
            for where, times in self._sums.items()
            if times >= self.looks - 2
        ]
        return tuple(kept)

    def _look_at_containers(self, frame: FrameType | None) -> None:
        now: dict[Spot, int] = {}
        with contextlib.suppress(RuntimeError):  # another thread is filling one of them at this moment
            for spot in _holders(frame):
                now[spot] = now.get(spot, 0) + 1
        for spot in now:
            if spot not in self._containers:
                self._containers[spot] = _Container(spot.code, [0] * self.looks)
        for spot, container in self._containers.items():
            container.counts.append(now.get(spot, 0))

    def _look_at_sums(self, tape: Tape) -> None:
        before = {id(t): where for ref, where in self._made if (t := ref()) is not None}
        carried = {v.index for v in tape.values if v.carried and v.maker is None and v.info.requires_grad}
        made: dict[int, Where] = {}
        for call in tape.calls:
            if not call.dead and any(r in carried or r in made for r in call.reads):
                made.update((v, call.where) for v in call.outputs if tape.values[v].info.requires_grad)
        # A tensor made of what was carried over, on the same line as the one that was carried over: again and again.
        again = {before[id(v.held)] for v in tape.values if v.index in carried and id(v.held) in before}
        for where in again & {w for w in made.values() if w.known}:
            self._sums[where] = self._sums.get(where, 0) + 1
        self._made = [(weakref.ref(t), made[v.index]) for t, v in tape.living() if v.index in made]


def _holders(frame: FrameType | None) -> Iterator[Spot]:
    """The container of each tensor with a history that stands in one."""
    for user in user_stack(frame):
        for name, value in list(user.f_locals.items()):
            for path, tensor in inside(value):
                if path and has_history(tensor):
                    yield Spot(user.f_code, name, path[:-1])


def _growth(counts: list[int]) -> float | None:
    """Tensors more in each step; None where a step brought none."""
    gains = [b - a for a, b in itertools.pairwise(counts[1:])]
    return sum(gains) / len(gains) if len(gains) >= 3 and min(gains) > 0 else None


def _fills(code: CodeType, name: str) -> Where:
    """The first line of a function on which something is put into one of its variables."""
    pattern = re.compile(_APPENDS.format(re.escape(name)))
    lines = sorted({line for _, _, line in code.co_lines() if line})
    for line in lines:
        if pattern.search(linecache.getline(code.co_filename, line)):
            return where_of(code, line)
    return NOWHERE
