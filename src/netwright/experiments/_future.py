"""Do predictions of the next step depend on the steps that they are to predict?"""

import itertools
from collections.abc import Mapping
from typing import Any

import torch

from ..capture.graphs import GraphCapture
from ..capture.replay import CannotReplay
from ..capture.tape import Call
from ..evidence import NOWHERE, FutureLeak
from ._lockstep import Lockstep, Outputs, difference
from ._next_step import NextStep


def future_leak(capture: GraphCapture, following: NextStep, doors: Mapping[int, torch.Tensor]) -> FutureLeak:
    """Replace everything after a step, and look whether the predictions up to it change. Call inside :func:`netwright.capture.sandbox.untouched`.

    Raises:
        CannotReplay: the step takes another course with other inputs.
    """
    sequence, time = doors[following.door], following.time
    steps, length = sequence.shape[time], following.shape[time]
    cuts = sorted({max(0, steps // 2 - 1), steps - 2})
    given: list[dict[int, torch.Tensor]] = [dict(doors)]
    given += [{**doors, following.door: _other(sequence, time, cut + 1, steps)} for cut in cuts]
    # What comes before the middle, and the middle itself: does the prediction there read them?
    middle = steps // 2
    given.append({**doors, following.door: _other(sequence, time, 0, middle)})
    given.append({**doors, following.door: _other(sequence, time, middle, middle + 1)})
    goal = following.prediction
    run = Lockstep(capture, [goal], given)
    leaking: list[list[Call]] = [[] for _ in cuts]

    def watch(call: Call, outputs: Outputs) -> None:
        for number, cut in enumerate(cuts):
            made = outputs[number + 1]
            for one, other in zip(outputs[0] or [], made or [], strict=False):
                change = difference(one, other)
                if change is not None and _leaks(change > 0, cut, steps):
                    leaking[number].append(call)

    found = run.run(watch)
    base = (found[0] or [None])[0]
    changes: list[torch.Tensor] = []
    for outputs in found[1:]:
        other = (outputs or [None])[0]
        change = difference(base, other) if base is not None and other is not None else None
        if change is None:
            raise CannotReplay("the step takes another course with other inputs")
        changes.append(following.positions(change))
    worst, places = 0.0, list[Call]()
    for number, cut in enumerate(cuts):
        kept = changes[number].narrow(time, 0, min(cut + 1, length))
        size = float(kept.max()) if kept.numel() else 0.0
        if size > worst:
            worst, places = size, leaking[number]
    middle = min(middle, length - 1)
    at_middle = [c.select(time, middle) for c in changes[-2:]]
    node = None
    if places:
        outputs = places[0].outputs
        node = next(
            (capture.graph.nodes[n] for (n, _), v in capture.value_of_node.items() if v in outputs), None
        )
    return FutureLeak(
        steps=steps,
        offset=following.offset,
        change=worst,
        reads_past=bool((at_middle[0] > 0).any()),
        reads_itself=bool((at_middle[1] > 0).any()),
        input=following.name,
        op=node.op if node is not None else None,
        at=node.edit.on(module=node.module) if node is not None else NOWHERE,
        call=node.where if node is not None else NOWHERE,
        target_at=following.term.edit,
    )


def _other(sequence: torch.Tensor, time: int, start: int, end: int) -> torch.Tensor:
    """The sequence with other values from ``start`` to ``end``: other symbols that occur in it, or amounts of the same spread."""
    found = sequence.clone()
    part = found.narrow(time, start, end - start)
    if sequence.is_floating_point():
        if bool(((sequence == 0) | (sequence == 1)).all()):
            part.copy_(part.roll(1, -1))  # one-hot codes
            return found
        generator = torch.Generator().manual_seed(0)
        noise = torch.randn(part.shape, generator=generator, dtype=torch.float64)
        spread = float(sequence.double().std()) or 1.0
        part.add_((noise * spread).to(part.device, part.dtype))
        return found
    values: Any = sequence
    known: torch.Tensor = values.unique()
    place = torch.searchsorted(known, part.contiguous())
    part.copy_(known[(place + 1) % len(known)])
    return found


def _leaks(changed: torch.Tensor, cut: int, steps: int) -> bool:
    """Whether a value has changed where it belongs to steps up to the cut: no axis that may be time lies after it.

    Attention scores have two such axes, flattened values one that is a multiple of the sequence, in either order: it leaks if it does however it is read. A value without such an axis
    tells nothing.
    """
    if not bool(changed.any()):
        return False
    ways: list[list[tuple[int, torch.Tensor]]] = []
    for axis, size in enumerate(changed.shape):
        if size and size % steps == 0:
            inner = torch.arange(size) % steps <= cut
            outer = torch.arange(size) // (size // steps) <= cut
            ways.append(
                [(axis, keep.nonzero()[:, 0].to(changed.device)) for keep in (inner, outer)][
                    : 1 + (size > steps)
                ]
            )
    for chosen in itertools.product(*ways):
        part = changed
        for axis, kept in chosen:
            part = part.index_select(axis, kept)
        if not bool(part.any()):
            return False
    return bool(ways)
