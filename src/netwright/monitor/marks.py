"""What is known of tensors that come from a pass of a network. They are looked up by weak references: nothing of the program's is kept."""

import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, cast

import torch

from .pairs import Pair, Pass, Place

_MOST = 1024  # tensors of which it is known what they are


class What(Enum):
    """What a tensor is."""

    OUTPUT = "output"
    LABEL = "label"
    DIFFERENCE = "difference"
    PAIR = "pair"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Mark:
    """What a tensor is, and which pass it comes from.

    ``axis`` is the dimension in which probabilities add up to one, ``log`` says that these are their logarithms, ``rest`` that they were taken off one. ``classes`` is how many a label
    was chosen from, ``dense`` whether each place of an image has one; ``target`` is where what was taken off lies, ``pair`` is what a comparison told.
    """

    what: What
    made: Pass
    axis: int | None = None
    log: bool = False
    rest: bool = False
    classes: int = 0
    dense: bool = False
    target: Place | None = None
    pair: Pair | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A call of torch: its plain name, its arguments, and what it returned. ``tensor`` is the argument that is known, ``beside`` another tensor among those given by place."""

    name: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    out: Any
    tensor: Any = None
    beside: torch.Tensor | None = None

    def arg(self, position: int, name: str, default: Any = None) -> Any:
        """An argument given by position or by name."""
        return self.args[position] if position < len(self.args) else self.kwargs.get(name, default)


class Marks:
    """The marks of one phase, and of what data were sliced."""

    def __init__(self) -> None:
        self._marks: dict[int, tuple[weakref.ref[torch.Tensor], Mark]] = {}
        self._wholes: dict[int, tuple[weakref.ref[torch.Tensor], weakref.ref[torch.Tensor]]] = {}

    def clear(self) -> None:
        """Nothing is known any more."""
        self._marks.clear()
        self._wholes.clear()

    def set(self, tensor: torch.Tensor, mark: Mark) -> None:
        """A tensor is this."""
        marks = self._marks
        if len(marks) >= _MOST:
            alive = {key: known for key, known in marks.items() if known[0]() is not None}
            marks.clear()
            if len(alive) < _MOST // 2:
                marks.update(alive)
        marks[id(tensor)] = (weakref.ref(tensor), mark)

    def of(self, value: Any) -> Mark | None:
        """What a tensor is."""
        known = self._marks.get(id(value))
        return known[1] if known is not None and known[0]() is value else None

    def among(self, values: Iterable[Any]) -> list[tuple[Any, Mark]]:
        """Arguments of a call that are known, in order."""
        found: list[tuple[Any, Mark]] = []
        for value in values:
            if isinstance(value, torch.Tensor):
                if (mark := self.of(value)) is not None:
                    found.append((value, mark))
            elif isinstance(value, list | tuple):
                found += [(v, m) for v in cast("list[Any]", value) if (m := self.of(v)) is not None]
        return found

    def sliced(self, tensor: torch.Tensor, out: torch.Tensor, *, part: bool) -> None:
        """Data come from other data: as a ``part``, or in another form."""
        known = self._wholes.get(id(tensor))
        if known is not None and known[0]() is tensor:
            whole = known[1]
        elif part:
            whole = weakref.ref(tensor)
        else:
            return
        if len(self._wholes) >= _MOST:
            self._wholes.clear()
        self._wholes[id(out)] = (weakref.ref(out), whole)

    def place(self, tensor: torch.Tensor) -> Place:
        """Where data lie."""
        known = self._wholes.get(id(tensor))
        return Place.of(tensor, known[1] if known is not None and known[0]() is tensor else None)
