"""Finds blocks of the same make that follow each other in a captured step, and makes the step as it would be with fewer of them.

Looked at is what ran, not how the modules are written: children of an ``nn.Sequential``, elements of an ``nn.ModuleList`` that a loop goes over, layers called by name and plain calls on raw
parameters all become a sequence of items, and a stack is a piece of it that repeats, hands exactly one value of one shape from block to block, and has weights of its own in each.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..capture.calls import plain_name
from ..capture.graphs import GraphCapture
from ..capture.replay import CannotReplay, Replay
from ..capture.tape import Call, ModuleFrame, Slot, Tape, slots
from ..capture.tape import replace as substitute

_PERIOD = 48  # items of the longest block that is looked for: more than any block of plain calls
_ITEMS = 4000


@dataclass(slots=True, eq=False)
class Item:
    """A module call or a single call, as one of the things that its surroundings do in a row."""

    frame: ModuleFrame | None
    calls: list[Call] = field(default_factory=list[Call])
    sign: tuple[object, ...] = ()

    @property
    def title(self) -> str:
        """What it is called."""
        return self.frame.type if self.frame is not None else plain_name(self.calls[0].name)


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """One stack as it ran once. ``bounds`` are the values before, between and behind the blocks; ``weights`` the ids of the parameters of each."""

    blocks: tuple[tuple[Item, ...], ...]
    bounds: tuple[int, ...]
    weights: tuple[frozenset[int], ...]

    @property
    def title(self) -> str:
        """What repeats."""
        return ", ".join(i.title for i in self.blocks[0][:4]) + (", …" if len(self.blocks[0]) > 4 else "")


def calls_of(capture: GraphCapture) -> list[Call]:
    """The calls that the loss depends on."""
    assert capture.loss is not None
    return Replay(capture.tape, [capture.loss]).calls


def find_stacks(capture: GraphCapture, trained: frozenset[int]) -> list[Found]:
    """The stacks of a step whose weights are among the ``trained`` (by id), the outer ones before those inside of their blocks."""
    view = _View(capture, trained)
    found: list[Found] = []
    for items in view.sequences():
        found.extend(view.stacks_in(items))
    # A sum of single numbers with weights in each is no depth, but terms of a loss.
    found = [s for s in found if capture.tape.values[s.bounds[0]].info.shape]
    keys = list(dict.fromkeys(s.weights for s in found))
    return [s for s in found if all(_nested(s.weights, key) for key in keys)]


def _nested(key: tuple[frozenset[int], ...], other: tuple[frozenset[int], ...]) -> bool:
    """Whether two stacks are the same, have nothing in common, or one lies inside of a single block of the other."""
    ours, theirs = frozenset[int]().union(*key), frozenset[int]().union(*other)
    if key == other or not ours & theirs:
        return True
    return any(ours <= b for b in other) or any(theirs <= b for b in key)


class _View:
    """A step with what is asked of it again and again."""

    def __init__(self, capture: GraphCapture, trained: frozenset[int]) -> None:
        self.tape = capture.tape
        self.loss = capture.loss
        self.trained = trained
        self.calls = calls_of(capture)
        self.maker = {v: c.index for c in self.calls for v in c.outputs}
        self.readers: dict[int, list[int]] = {}
        for call in self.calls:
            for value in call.reads:
                self.readers.setdefault(value, []).append(call.index)

    def weights(self, calls: Sequence[Call]) -> list[int]:
        """Values of the parameters that calls read, in order of their first use."""
        return list(dict.fromkeys(v for c in calls for v in c.reads if self.tape.values[v].parameter))

    def sequences(self) -> Iterator[list[Item]]:
        """What each module call, and the program around all of them, does in a row."""
        rows: dict[ModuleFrame | None, list[Item]] = {None: []}
        known: dict[ModuleFrame, Item] = {}
        for call in self.calls:
            if not call.tainted:
                continue
            chain: list[ModuleFrame] = []
            frame = call.frame
            while frame is not None:
                chain.append(frame)
                frame = frame.parent
            parent: ModuleFrame | None = None
            for frame in reversed(chain):
                item = known.get(frame)
                if item is None:
                    item = known[frame] = Item(frame)
                    rows.setdefault(parent, []).append(item)
                item.calls.append(call)
                parent = frame
            rows.setdefault(parent, []).append(Item(None, [call]))
        for items in rows.values():
            if 2 <= len(items) <= _ITEMS:
                for item in items:
                    item.sign = self._sign(item)
                yield items

    def _sign(self, item: Item) -> tuple[object, ...]:
        shapes = tuple(self.tape.values[v].info.shape for v in self.weights(item.calls))
        return (item.title, item.frame is not None, shapes)

    def stacks_in(self, items: list[Item]) -> list[Found]:
        """The stacks of one sequence, the longest first, none over another."""
        candidates: list[tuple[int, int, int, int]] = []  # items covered (negative), period, begin, slack
        for period in range(1, min(_PERIOD, len(items) // 2) + 1):
            begin = 0
            while begin + period < len(items):
                end = begin
                while end + period < len(items) and items[end].sign == items[end + period].sign:
                    end += 1
                length = end - begin + period
                if length >= 2 * period:
                    count = length // period
                    candidates.append((-count * period, period, begin, length - count * period))
                begin = max(end, begin + 1)
        found: list[Found] = []
        taken: set[int] = set()
        for covered, period, begin, slack in sorted(candidates):
            count = -covered // period
            # Blocks that begin with a layer read best; where that is no block, the others are tried.
            offsets = sorted(range(slack + 1), key=lambda o, b=begin: not self.weights(items[b + o].calls))
            for offset in offsets:
                first = begin + offset
                if taken & set(range(first, first + count * period)):
                    continue
                blocks = tuple(
                    tuple(items[first + k * period : first + (k + 1) * period]) for k in range(count)
                )
                stack = self._stack(blocks)
                if stack is not None:
                    found.append(stack)
                    taken |= set(range(first, first + count * period))
                    break
        return found

    def _stack(self, blocks: tuple[tuple[Item, ...], ...]) -> Found | None:
        """The blocks as a stack, if each has weights of its own and hands on one value of one shape."""
        calls = [[c for item in block for c in item.calls] for block in blocks]
        weights = [frozenset(self._ids(self.weights(c))) for c in calls]
        together = frozenset[int]().union(*weights)
        if not all(weights) or len(together) != sum(len(w) for w in weights) or not together <= self.trained:
            return None
        block_of = {c.index: k for k, inner in enumerate(calls) for c in inner}
        bounds: list[int] = []
        for k, inner in enumerate(calls):
            handed = {
                v
                for c in inner
                for v in c.outputs
                if v == self.loss or any(block_of.get(r) != k for r in self.readers.get(v, ()))
            }
            if len(handed) != 1 or self.loss in handed:
                return None
            (value,) = handed
            # Read by the next block alone, or behind the last one by what follows.
            wanted = k + 1 if k + 1 < len(calls) else None
            if any(block_of.get(r) not in (k, wanted) for r in self.readers[value]):
                return None
            bounds.append(value)
        first = self._entry(calls[0], calls[1], bounds[0])
        if first is None:
            return None
        infos = [self.tape.values[v].info for v in (first, *bounds)]
        if len({(i.shape, i.dtype) for i in infos}) != 1:
            return None
        return Found(blocks, (first, *bounds), tuple(weights))

    def _ids(self, values: Sequence[int]) -> Iterator[int]:
        for value in values:
            held = self.tape.values[value].held
            yield id(held) if held is not None else -value

    def _entry(self, first: Sequence[Call], second: Sequence[Call], between: int) -> int | None:
        """What comes into the first block where the second one gets the first one's result."""
        inside = {c.index for c in first}
        values = self.tape.values
        shape = values[between].info.shape
        if [c.name for c in first] == [c.name for c in second]:
            for mine, other in zip(first, second, strict=True):
                if between in other.reads and len(mine.reads) == len(other.reads):
                    value = mine.reads[other.reads.index(between)]
                    return value if self.maker.get(value) not in inside else None
        outside = [
            v
            for c in first
            for v in c.reads
            if self.maker.get(v) not in inside and not values[v].parameter and values[v].info.shape == shape
        ]
        return max(outside) if outside else None


def shortened(capture: GraphCapture, stacks: Sequence[Found], keep: int) -> GraphCapture:
    """The step with at most ``keep`` blocks in every stack. Nothing is copied but the list of calls.

    Raises:
        CannotReplay: something outside of the stacks uses what the blocks that go make or own.
    """
    gone: set[int] = set()
    alias: dict[int, int] = {}
    for stack in stacks:
        if len(stack.blocks) <= keep:
            continue
        gone |= {c.index for block in stack.blocks[keep:] for item in block for c in item.calls}
        last, instead = stack.bounds[-1], stack.bounds[keep]
        alias[last] = min(
            instead, alias.get(last, instead)
        )  # of nested stacks the outer one reaches back further
    if not gone:
        return capture
    changed = _without(capture.tape, gone, alias)
    result = replace(capture, tape=changed)
    left = calls_of(result)
    makers = {v for c in capture.tape.calls if c.index in gone for v in c.outputs}
    used = {v for c in left for v in c.reads}
    if makers & used:
        raise CannotReplay("something else uses what the blocks make on their way")
    mine = {id(t) for t in result.parameters.values()}
    dropped = {w for s in stacks for block in s.weights[keep:] for w in block}
    still = {id(h) for v in used if (h := changed.values[v].held) is not None}
    if dropped & still & mine:
        raise CannotReplay("something else uses the weights of the blocks")
    # What the step does not read any more is no parameter of it.
    result.parameters = {n: t for n, t in capture.parameters.items() if id(t) in still}
    return result


def _without(tape: Tape, gone: set[int], alias: Mapping[int, int]) -> Tape:
    def final(value: int) -> int:
        while value in alias:
            value = alias[value]
        return value

    def change(item: object) -> object:
        return Slot(final(item.value)) if isinstance(item, Slot) else item

    found = Tape(tape.limit)
    found.values, found.roots, found.inputs = tape.values, tape.roots, tape.inputs
    for call in tape.calls:
        if call.index in gone:
            continue
        if any(v in alias for v in (*call.reads, *slots(call.args), *slots(call.kwargs))):
            args, kwargs = substitute(call.args, change), substitute(call.kwargs, change)
            assert isinstance(args, tuple) and isinstance(kwargs, dict)
            call = replace(call, args=args, kwargs=kwargs, reads=tuple(final(v) for v in call.reads))
        found.calls.append(call)
    return found
