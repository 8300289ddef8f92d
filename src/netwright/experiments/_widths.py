"""Hidden units of a captured step that nothing but one layer reads, and the step's weights with fewer of them.

A group of units begins at a layer, passes calls that work on each unit by itself, and ends in further layers: the first one's rows, the last ones' columns and what lies between have
the same number. Units that also go another way (a residual stream, a gate, a view to another shape) are left as they are.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from ..capture.calls import plain_name
from ..capture.graphs import GraphCapture
from ..capture.tape import Call, Slot, Tape
from ._stacks import calls_of

_LAYERS = {"linear": 0, "conv1d": 1, "conv2d": 2, "conv3d": 3}
_EACH = frozenset(
    "relu leaky_relu elu selu gelu silu mish softplus sigmoid tanh hardtanh relu6 hardswish hardsigmoid celu logsigmoid softsign "
    "dropout dropout1d dropout2d dropout3d feature_dropout alpha_dropout contiguous clone".split()
)
_POOLS = frozenset(
    f"{kind}_pool{n}d" for kind in ("max", "avg", "adaptive_avg", "adaptive_max") for n in (1, 2, 3)
)
_FLATTEN = frozenset("flatten view reshape".split())


@dataclass(frozen=True, slots=True)
class Units:
    """One group: values of the parameters and buffers by what happens to them. ``after`` has how many columns there are for each unit."""

    count: int
    rows: tuple[int, ...]
    vectors: tuple[int, ...]
    after: tuple[tuple[int, int], ...]
    call: Call


def find_units(capture: GraphCapture, trained: frozenset[int]) -> list[Units]:
    """The groups of a step whose weights are among the ``trained`` (by id)."""
    calls = calls_of(capture)
    readers: dict[int, list[Call]] = {}
    for call in calls:
        for value in dict.fromkeys(call.reads):
            readers.setdefault(value, []).append(call)
    found = [_group(capture.tape, call, readers) for call in calls]
    return [u for u in found if u is not None and _all_trained(capture.tape, u, trained)]


def _all_trained(tape: Tape, units: Units, trained: frozenset[int]) -> bool:
    values = (*units.rows, *units.vectors, *(v for v, _ in units.after))
    held = [tape.values[v] for v in values]
    return all(id(v.held) in trained for v in held if v.parameter)


def _slot(call: Call, position: int, name: str) -> int | None:
    given = call.args[position] if position < len(call.args) else call.kwargs.get(name)
    return given.value if isinstance(given, Slot) else None


def _weight(tape: Tape, call: Call, readers: Mapping[int, Sequence[Call]]) -> int | None:
    """The weight of a layer without groups that no other call reads."""
    if plain_name(call.name) not in _LAYERS:
        return None
    groups = call.args[6] if len(call.args) > 6 else call.kwargs.get("groups", 1)
    weight = _slot(call, 1, "weight")
    if groups != 1 or weight is None or not tape.values[weight].parameter or len(readers[weight]) != 1:
        return None
    return weight


def _group(tape: Tape, call: Call, readers: Mapping[int, Sequence[Call]]) -> Units | None:
    """The units that a layer makes, if all their ways end in layers."""
    weight = _weight(tape, call, readers)
    if weight is None or not call.outputs:
        return None
    rows = [weight]
    if (bias := _slot(call, 2, "bias")) is not None:
        rows.append(bias)
    walk = _Walk(tape, readers, tape.values[weight].info.shape[0])
    if not walk.go(call.outputs[0], channels=_LAYERS[plain_name(call.name)] > 0):
        return None
    if any(len(readers[v]) != 1 for v in (*rows, *walk.vectors)):
        return None
    return Units(walk.count, tuple(rows), tuple(walk.vectors), tuple(walk.after), call)


class _Walk:
    """Follows the units of one layer to the layers that read them. ``each`` is how many numbers a unit has in a row of features, ``channels`` whether units are a dimension of their own."""

    def __init__(self, tape: Tape, readers: Mapping[int, Sequence[Call]], count: int) -> None:
        self.tape, self.readers, self.count = tape, readers, count
        self.vectors: list[int] = []
        self.after: list[tuple[int, int]] = []

    def go(self, value: int, *, channels: bool, each: int = 1) -> bool:
        """Whether every way from a value ends in a layer, through calls on each unit by itself."""
        users = self.readers.get(value, ())
        return bool(users) and all(self._use(user, value, channels, each) for user in users)

    def _use(self, user: Call, value: int, channels: bool, each: int) -> bool:
        name, shape = plain_name(user.name), self.tape.values[value].info.shape
        ending = _weight(self.tape, user, self.readers)
        if ending is not None and _slot(user, 0, "input") == value:
            self.after.append((ending, each))
            fits = self.tape.values[ending].info.shape[1] == self.count * each
            return fits and (_LAYERS[name] > 0) == channels
        if len(user.outputs) != 1:
            return False
        if name in _FLATTEN:
            if not _flattens(user, name):
                return False
            each = math.prod(shape[2:]) if channels else each
            flat = self.tape.values[user.outputs[0]].info.shape
            return flat == (shape[0], self.count * each) and self.go(
                user.outputs[0], channels=False, each=each
            )
        if name == "batch_norm" and each == 1 and (channels or len(shape) == 2):
            own = [v for v in user.reads if v != value]
            self.vectors.extend(own)
            if any(self.tape.values[v].info.shape != (self.count,) for v in own):
                return False
        elif not (name in _EACH or (name in _POOLS and channels)) or list(user.reads) != [value]:
            return False
        return self.go(user.outputs[0], channels=channels, each=each)


def _flattens(call: Call, name: str) -> bool:
    """Whether a call makes rows of features, of whatever number."""
    if name == "flatten":
        return (call.args[1] if len(call.args) > 1 else call.kwargs.get("start_dim", 0)) == 1
    sizes = call.args[1:]
    inner = sizes[0] if len(sizes) == 1 else sizes
    # A number of rows in place of -1 would say how many features there are.
    return isinstance(inner, tuple | list) and len(inner) == 2 and inner[1] == -1 and inner[0] != -1  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


def narrowed(
    capture: GraphCapture, units: Sequence[Units], share: float, start: Mapping[int, torch.Tensor]
) -> tuple[GraphCapture, dict[int, torch.Tensor]]:
    """The step and its weights with a share of the units of every group; at least one is left.

    The columns that are left grow by the root of what was taken, so that sums over them keep their spread, whatever initialization the program uses.
    """
    values = list(capture.tape.values)
    weights = dict(start)

    def change(value: int, shrink: torch.Tensor | None, index: int, scale: float = 1.0) -> None:
        known = values[value]
        assert known.held is not None and shrink is not None
        if known.parameter:
            weights[id(known.held)] = weights[id(known.held)].index_select(index, shrink) * scale
        else:
            content = known.saved if known.saved is not None else known.held
            values[value] = replace(known, saved=content.detach().index_select(index, shrink))

    for group in units:
        left = max(1, round(group.count * share))
        device = capture.tape.values[group.rows[0]].held
        assert device is not None
        kept = torch.arange(left, device=device.device)
        for value in (*group.rows, *group.vectors):
            change(value, kept, 0)
        for value, each in group.after:
            change(value, torch.arange(left * each, device=device.device), 1, math.sqrt(group.count / left))
    tape = Tape(capture.tape.limit)
    tape.calls, tape.values = capture.tape.calls, values
    tape.roots, tape.inputs = capture.tape.roots, capture.tape.inputs
    return replace(capture, tape=tape), weights
