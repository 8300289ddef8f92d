"""What a program does to a batch between its making and the network."""

from typing import Any

from ..evidence import NOWHERE, Where
from ..rule import NotApplicable
from .calls import plain_name
from .graphs import GraphCapture
from .tape import Call

_RANDOM = frozenset(
    "rand randn randint randperm rand_like randn_like randint_like bernoulli multinomial normal uniform exponential poisson dropout".split()
)


def is_random(call: Call) -> bool:
    """Whether a call draws random numbers."""
    return plain_name(call.name) in _RANDOM


def door_of(capture: GraphCapture, count: int) -> int:
    """The one floating-point input of the network, by value index."""
    found = {v for r in capture.tape.roots for _, v in r.inputs}
    info = {v: capture.tape.values[v].info for v in found}
    found = {
        v for v in found if info[v].floating and info[v].shape[:1] == (count,) and len(info[v].shape) > 1
    }
    if len(found) != 1:
        raise NotApplicable("more than one input, or none of numbers, comes in at the network's door")
    return found.pop()


def earliest_form(capture: GraphCapture, door: int, count: int) -> tuple[int, Where]:
    """The earliest form of the batch that was seen, as the value with as many samples of as many numbers that lies furthest behind the door and comes from data; and the last line that changes it."""
    tape = capture.tape
    makers = {o: call for call in tape.calls for o in call.outputs if not call.tainted}
    size = tape.values[door].info.numel
    current, line = door, NOWHERE
    for _ in range(64):
        call = makers.get(current)
        behind = [
            v
            for v in (call.reads if call is not None else ())
            if tape.values[v].info.shape[:1] == (count,) and tape.values[v].info.numel == size
        ]
        behind = [v for v in behind if _has_data(makers, v)]
        if call is None or not behind:
            break
        line = line if line.known else call.where
        current = behind[0]
    if current == door:
        raise NotApplicable("nothing is done to a batch between its making and the network")
    return current, line


def _has_data(makers: dict[int, Any], value: int) -> bool:
    """Whether a value comes from tensors that were there, and not from a random generator alone."""
    call = makers.get(value)
    if call is None or not call.reads:
        return call is None or plain_name(call.name) not in _RANDOM
    return any(_has_data(makers, v) for v in call.reads)
