"""What the program computes beside the loss."""

from ..capture.calls import plain_name
from ..capture.tape import Call, Tape
from ..evidence import RESHAPES, Metrics, Where
from .observed import Observed

_COMPARE = frozenset(["eq", "ne", "equal"])
_LABELS = frozenset(
    ["argmax", "max", "topk", "round", "gt", "ge", "lt", "le", "greater", "greater_equal", "less", "sign"]
)


def metrics(observed: Observed) -> Metrics:
    """Lines that compare labels chosen by a network with true ones, in evaluation and in training."""
    recording = observed.recording
    captures = [*(e.capture for e in recording.evaluations), *recording.captures, *recording.later[:2]]
    tapes = {id(c.tape): c.tape for c in captures}
    found: dict[Where, None] = {}
    for tape in tapes.values():
        found.update(dict.fromkeys(_comparisons(tape)))
    return Metrics(accuracy=tuple(found)[:16])


def _comparisons(tape: Tape) -> list[Where]:
    by_index = {c.index: c for c in tape.calls}
    return [
        call.where
        for call in tape.calls
        if plain_name(call.name) in _COMPARE and any(_chosen(tape, by_index, v) for v in call.reads)
    ]


def _chosen(tape: Tape, by_index: dict[int, Call], value: int) -> bool:
    """Whether a value is a network's outputs turned into labels."""
    while True:
        maker = tape.values[value].maker
        call = by_index.get(maker) if maker is not None else None
        if call is None or not call.tainted:
            return False
        name = plain_name(call.name)
        if name in _LABELS:
            return True
        if name not in RESHAPES or not call.reads:
            return False
        value = call.reads[0]
