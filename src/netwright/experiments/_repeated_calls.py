"""Calls of a step that could be one: the same layer on the same line again and again, each on its own piece of the data."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import torch

from ..capture.calls import plain_name
from ..capture.replay import Replay
from ..capture.tape import Call, Slot, Tape, replace, slots

FEWEST = 16
MOST_GROUPS = 8
_SPATIAL = {"conv1d": 1, "conv2d": 2, "conv3d": 3}
_LAYERS = frozenset(("linear", "embedding", *_SPATIAL))


@dataclass(slots=True, eq=False)
class Group:
    """The calls, in order."""

    calls: list[Call]

    @property
    def op(self) -> str:
        """Torch's name for them."""
        return plain_name(self.calls[0].name)


def groups(tape: Tape, calls: list[Call]) -> list[Group]:
    """Every such group of at least 16 calls, the largest first: with the same weights and settings, of which none needs what another one gave."""
    found: dict[tuple[object, ...], list[Call]] = {}
    for call in calls:
        if plain_name(call.name) in _LAYERS and len(call.args) > 1 and isinstance(call.args[0], Slot):
            rest = tuple(slots((call.args[1:], call.kwargs)))
            if rest and all(tape.values[v].parameter for v in rest):
                found.setdefault((call.name, call.where, rest, str(call.args[1:])), []).append(call)
    many = [Group(c) for c in found.values() if len(c) >= FEWEST]
    many.sort(key=lambda g: -len(g.calls))
    return [g for g in many[:MOST_GROUPS] if _apart(g, calls)]


def _apart(group: Group, calls: list[Call]) -> bool:
    members = {c.index for c in group.calls}
    reached: set[int] = set()
    written: set[int] = set()  # calls behind a member, for what is read through memory
    for call in calls:
        behind = bool(reached.intersection(call.reads) or written.intersection(call.after))
        if behind and call.index in members:
            return False
        if behind or call.index in members:
            reached.update(call.outputs)
            written.add(call.index)
    return True


def both_ways(group: Group, run: Replay) -> tuple[Callable[[], None], Callable[[], None]] | None:
    """Functions that make the calls of a group one by one, and as one call on all of their inputs, forward and backward. None where their inputs do not go together."""
    pieces: list[torch.Tensor] = []
    for call in group.calls:
        slot = call.args[0]
        assert isinstance(slot, Slot)
        pieces.append(run.value(slot.value).detach())
    whole = _joined(group.op, pieces)
    if whole is None:
        return None
    pieces = [_leaf(p) for p in pieces]
    call = group.calls[0]
    args, kwargs = (replace(x, _weights(run)) for x in (call.args[1:], call.kwargs))
    weights = [t for t in _tensors((args, kwargs)) if t.requires_grad]

    def make(inputs: list[torch.Tensor]) -> None:
        function = cast("Callable[..., torch.Tensor]", call.func)
        out = [function(x, *cast("Any", args), **cast("Any", kwargs)) for x in inputs]
        live = [*weights, *(x for x in inputs if x.requires_grad)]
        if live and all(o.requires_grad for o in out):
            torch.autograd.grad(out, live, [torch.ones_like(o) for o in out], allow_unused=True)

    return (lambda: make(pieces)), (lambda: make([whole]))


def _leaf(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.requires_grad_(tensor.is_floating_point())


def _joined(op: str, pieces: list[torch.Tensor]) -> torch.Tensor | None:
    """All inputs as one batch."""
    first = pieces[0]
    if op == "embedding":
        return torch.cat([p.reshape(-1) for p in pieces])
    if op == "linear":
        return _leaf(torch.cat([p.reshape(-1, first.shape[-1]) for p in pieces]))
    spatial = _SPATIAL[op]
    batches = [p if p.dim() == spatial + 2 else p.unsqueeze(0) for p in pieces]
    if any(b.dim() != spatial + 2 or b.shape[1:] != batches[0].shape[1:] for b in batches):
        return None
    return _leaf(torch.cat(batches))


def _weights(run: Replay) -> Callable[[object], object]:
    return lambda item: run.value(item.value) if isinstance(item, Slot) else item


def _tensors(value: object) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, tuple | list):
        for item in cast("tuple[object, ...]", value):
            yield from _tensors(item)
    elif isinstance(value, dict):
        for item in cast("dict[str, object]", value).values():
            yield from _tensors(item)
