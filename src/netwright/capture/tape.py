"""What is recorded: every torch call of one iteration, with enough to run it again.

The tape holds torch objects and lives only in memory; ``netwright.probes.graphs`` turns it into plain evidence.
"""

import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch

from ..evidence import NOWHERE, TensorInfo, Where


@dataclass(slots=True, eq=False)
class Value:
    """One tensor as the tape knows it: made by output ``output`` of call ``maker``, or a leaf (``maker`` is None).

    ``held`` keeps the tensor itself alive: leaves always, and values that cross from data into computation. ``saved`` is a copy
    of a leaf's content taken before a call wrote to it. ``filled`` marks data that the program wrote element by element.
    """

    index: int
    info: TensorInfo
    maker: int | None = None
    output: int = 0
    held: torch.Tensor | None = None
    saved: torch.Tensor | None = None
    tainted: bool = False
    parameter: bool = False
    carried: bool = False
    filled: bool = False


@dataclass(slots=True, frozen=True)
class Slot:
    """Stands in recorded arguments where a tensor was. ``change`` is done to it on its way into the call, in a step that is run again otherwise than it was."""

    value: int
    change: Callable[[torch.Tensor], torch.Tensor] | None = None


@dataclass(slots=True, eq=False)
class ModuleFrame:
    """One running module call."""

    module: "weakref.ref[torch.nn.Module]"
    key: int
    type: str
    torch_own: bool
    parent: "ModuleFrame | None"
    start: int


@dataclass(slots=True, eq=False)
class Call:
    """One recorded torch call. ``after`` are earlier calls that wrote to the memory it reads; ``rng`` the random state before it."""

    index: int
    func: Callable[..., object]
    name: str
    args: tuple[object, ...]
    kwargs: dict[str, object]
    where: Where = NOWHERE
    via: tuple[str, ...] = ()
    frame: ModuleFrame | None = None
    inplace: bool = False
    grad_enabled: bool = True
    autocast: tuple[str, torch.dtype] | None = None
    rng: torch.Tensor | None = None
    outputs: list[int] = field(default_factory=list[int])
    reads: tuple[int, ...] = ()
    after: tuple[int, ...] = ()
    tainted: bool = False
    opaque: bool = False
    dead: bool = False


@dataclass(slots=True, eq=False)
class RootCall:
    """One call of a network from the user's own code: which values came in at the door and went out.

    ``sensitive`` are the modules that behave differently in training, with their flag at the time of the call, ``callers`` the
    user's lines on the stack, innermost first (both looked at only where the call may be an evaluation).
    """

    module: "weakref.ref[torch.nn.Module]"
    key: int
    where: Where
    inputs: list[tuple[str, int]]
    outputs: list[int] = field(default_factory=list[int])
    start: int = 0
    end: int = 0
    grad_enabled: bool = True
    training: bool = True
    sensitive: tuple[tuple[str, bool], ...] | None = None
    callers: tuple[Where, ...] = ()


class Tape:
    """The calls of one iteration, in order.

    ``first_tainted`` is the index of the first call that belongs to computation with parameters, ``differentiated`` that of the first call after the last backward pass (None:
    there was none yet). ``updated_by_hand``: since then parameters were written to, so that the iteration is over when they are next computed with.
    """

    def __init__(self, limit: int = 60_000) -> None:
        self.calls: list[Call] = []
        self.values: list[Value] = []
        self.roots: list[RootCall] = []
        self.inputs: list[tuple[str, int]] = []  # data that came in without a network's call, by name
        self.truncated = False
        self.first_tainted: int | None = None
        self.differentiated: int | None = None
        self.updated_by_hand = False
        self.limit = limit
        self._ids: dict[int, tuple[weakref.ref[torch.Tensor], int]] = {}
        self._writers: dict[int, list[int]] = {}

    @property
    def trained(self) -> RootCall | None:
        """The last call of a network with gradients that was given tensors."""
        return next((r for r in reversed(self.roots) if r.grad_enabled and r.inputs), None)

    def given(self, root: RootCall) -> dict[str, torch.Tensor]:
        """The tensors that a network was given, by the names of its arguments; those that are not there any more are left out."""
        return {name: t for name, index in root.inputs if (t := self.values[index].held) is not None}

    @property
    def next_index(self) -> int:
        """The index of the call that comes next."""
        return self.calls[-1].index + 1 if self.calls else 0

    def find(self, tensor: torch.Tensor) -> Value | None:
        """The value of a tensor, if the tape has seen it."""
        entry = self._ids.get(id(tensor))
        return self.values[entry[1]] if entry is not None and entry[0]() is tensor else None

    def leaf(self, tensor: torch.Tensor, info: TensorInfo) -> Value:
        """The value of a tensor; one not seen before is a leaf from now on, and is kept alive."""
        known = self.find(tensor)
        if known is not None:
            return known
        value = Value(len(self.values), info, held=tensor)
        self._add(tensor, value)
        return value

    def made(self, tensor: torch.Tensor, info: TensorInfo, maker: int, output: int, tainted: bool) -> Value:
        """The value of a tensor that a call returned or wrote to."""
        value = Value(len(self.values), info, maker=maker, output=output, tainted=tainted)
        self._add(tensor, value)
        return value

    def alias(self, tensor: torch.Tensor, value: int) -> None:
        """Let a tensor stand for a value that another tensor has."""
        self._ids[id(tensor)] = (weakref.ref(tensor), value)

    def _add(self, tensor: torch.Tensor, value: Value) -> None:
        self.values.append(value)
        self._ids[id(tensor)] = (weakref.ref(tensor), value.index)

    def wrote(self, storage: int, call: int) -> None:
        """A call wrote to a piece of memory."""
        self._writers.setdefault(storage, []).append(call)

    def forget_writes(self, storage: int | None) -> None:
        """What was written to a piece of memory so far is its content, not part of the step."""
        if storage is not None:
            self._writers.pop(storage, None)

    def forget_data_writes(self, storage: int) -> None:
        """The same for writes of data only; computed values written there stay part of the step."""
        written = self._writers.get(storage)
        if written:
            tainted = {c.index for c in self.calls if c.tainted}
            self._writers[storage] = [call for call in written if call in tainted]

    def writers(self, storages: list[int]) -> tuple[int, ...]:
        """Earlier calls that wrote to any of these pieces of memory."""
        if not self._writers:
            return ()
        return tuple(call for s in storages for call in self._writers.get(s, ()))

    def written_often(self, storage: int, times: int) -> bool:
        """Whether this many writes to a piece of memory are on record."""
        return len(self._writers.get(storage, ())) >= times

    def living(self) -> list[tuple[torch.Tensor, Value]]:
        """Every tensor that is still there, with its value; the others are no longer looked for."""
        found = [(t, entry) for entry in self._ids.values() if (t := entry[0]()) is not None]
        self._ids = {id(t): entry for t, entry in found}
        return [(t, self.values[entry[1]]) for t, entry in found]

    def forget_first(self, count: int) -> None:
        """Drop calls that only prepared data long before a step; what they made and is still in use becomes a leaf."""
        self.calls = [c for c in self.calls if c.index >= count]
        raise_to = {c.index for c in self.calls}
        for value in self.values:
            if value.maker is not None and value.maker not in raise_to:
                value.maker = None

    def slice(self, goals: list[int], stop: frozenset[int] = frozenset()) -> list[Call]:
        """Calls that the goal values depend on, in order, not going behind the values in ``stop``."""
        by_index = {c.index: c for c in self.calls}
        wanted: set[int] = set()
        todo = [self.values[g].maker for g in goals if g not in stop]
        while todo:
            index = todo.pop()
            if index is None or index in wanted or index not in by_index:
                continue
            wanted.add(index)
            call = by_index[index]
            todo.extend(self.values[v].maker for v in call.reads if v not in stop)
            todo.extend(call.after)
        return [by_index[i] for i in sorted(wanted)]


def slots(value: object) -> Iterator[int]:
    """Indices of the values that recorded arguments refer to."""
    if isinstance(value, Slot):
        yield value.value
    elif isinstance(value, tuple | list):
        for item in value:
            yield from slots(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from slots(item)
    elif isinstance(value, slice):
        yield from slots((value.start, value.stop, value.step))


def replace(value: object, change: Callable[[object], object]) -> object:
    """A structure with ``change`` applied to everything in it that is no container."""
    if isinstance(value, tuple) and type(value) is not tuple and hasattr(value, "_fields"):
        return type(value)(*(replace(item, change) for item in value))  # pyright: ignore
    if type(value) in (tuple, list, torch.Size):
        return (
            tuple(replace(i, change) for i in value)  # pyright: ignore
            if type(value) is not list
            else [replace(i, change) for i in value]
        )
    if isinstance(value, dict):
        return {k: replace(v, change) for k, v in value.items()}
    if isinstance(value, slice):
        return slice(replace(value.start, change), replace(value.stop, change), replace(value.step, change))
    return change(value)
