"""A captured step on a part of its batch: which tensors are cut, along which dimension, and the proof that the parts make up the whole.

Nothing says which dimension of which tensor counts the samples. So the likely readings are tried, and one is believed only where the gradients of two unequal parts add up to that of the whole
batch: weighted by their numbers of samples (a mean over them) or plainly (a sum). A loss that looks at samples together (contrastive losses, batch normalization), a mean over what is not
masked, a dimension misread: none of them adds up.
"""

import dataclasses
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import torch

from ..capture.calls import plain_name
from ..capture.graphs import GraphCapture
from ..capture.replay import Replay
from ..capture.tape import Call, slots
from ..inference import read_objective
from ..rerun.digests import bytes_of
from .trainee import ERRORS, Trainee

_NORMS: frozenset[str] = frozenset({"batch_norm"})
_SIZED = frozenset("view reshape expand repeat broadcast_to unflatten tile".split())
_EXACT, _COARSE = (
    1e-3,
    3e-2,
)  # of the gradient's norm: float32 sums in another order; bfloat16 keeps three digits


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read the step. ``door`` and ``dim`` say which size is the number of samples (door -1 is the target); ``every`` cuts constants of that size too, not only
    inputs and targets; ``sizes`` replaces the number in calls such as ``view(32, -1)``; ``mean`` tells a loss that is a mean over samples from a sum."""

    door: int
    dim: int
    every: bool
    sizes: bool
    mean: bool = True


def normalizes(capture: GraphCapture) -> bool:
    """Whether the step normalizes over the batch, so that a sample alone has no gradient of its own."""
    return any(
        n.op == "batch_norm" and n.arg(5, "training", False) not in (False, None) for n in capture.graph.nodes
    )


class Cut:
    """One captured step, cut by a reading.

    Args:
        trainee: the copies of the parameters.
        index: which of its captures.
        reading: how to read it.

    Raises:
        ValueError: the step has no such size, or a single sample.
    """

    def __init__(self, trainee: Trainee, index: int, reading: Reading, omit: frozenset[str]) -> None:
        self.trainee, self.reading, self.omit = trainee, reading, omit
        self.capture = capture = trainee.captures[index]
        assert capture.loss is not None
        self.count = _count(capture, reading)
        if self.count < 2:
            raise ValueError("a single sample")
        weights = {
            capture.value_of_node[(node, 0)]: trainee.weights[id(t)] for node, t in capture.parameters.items()
        }
        self.noise = _drawn(capture, weights, omit)
        probe = Replay(capture.tape, [capture.loss], given={**weights, **self.noise}, omit=omit)
        self.given = weights
        self.calls = probe.calls
        self.cuts = dict(self._cuts(probe.calls, weights))
        if not self.cuts:
            raise ValueError("nothing of the step has one row per sample")

    def _cuts(self, calls: Sequence[Call], weights: dict[int, torch.Tensor]) -> Iterator[tuple[int, "_Leaf"]]:
        """What is cut: leaves of the step with a dimension that counts the samples."""
        values, capture = self.capture.tape.values, self.capture
        made = {v for c in calls for v in c.outputs}
        read = {v for c in calls for v in slots((c.args, c.kwargs))}
        nodes = {v: n for (n, _), v in capture.value_of_node.items()}
        mine = {capture.value_of_node[(n, 0)] for n in capture.doors} | set(_targets(capture))
        for index in sorted((read - made - set(weights)) | (set(self.noise) & read)):
            held = values[index].saved if values[index].saved is not None else values[index].held
            tensor = self.noise.get(index, held)
            node = nodes.get(index)
            if tensor is None or (node is not None and capture.graph.nodes[node].kind == "buffer"):
                continue
            known = index in mine or index in self.noise
            if not (known or self.reading.every):
                continue
            leaf = _leaf(tensor.detach(), self.count, known, self.reading.dim)
            if leaf is not None:
                yield index, leaf

    def rows(self) -> list[bytes]:
        """What tells one sample from another: the bytes of its rows in inputs and targets."""
        parts: list[list[bytes]] = []
        for index, leaf in self.cuts.items():
            if index not in self.noise and not leaf.counter and index in self.known():
                parts.append([bytes_of(leaf.take(torch.tensor([i]))) for i in range(self.count)])  # fmt: skip
        return [b"".join(p) for p in zip(*parts, strict=True)] if parts else []

    def known(self) -> set[int]:
        """Values that are inputs or targets."""
        capture = self.capture
        return {capture.value_of_node[(n, 0)] for n in capture.doors} | set(_targets(capture))

    def loss(self, rows: torch.Tensor) -> torch.Tensor:
        """The loss of some of the samples."""
        assert self.capture.loss is not None
        given = {**self.given, **self.noise}
        given.update({index: leaf.take(rows) for index, leaf in self.cuts.items()})
        replay = Replay(self.capture.tape, [self.capture.loss], given=given, omit=self.omit)
        replay.calls = self.resized(len(rows), replay.calls)
        return replay.run()[0].sum()

    def resized(self, rows: int, calls: list[Call]) -> list[Call]:
        """The calls for so many samples."""
        if not self.reading.sizes or rows == self.count:
            return calls
        return [_resized(c, self.count, rows) for c in calls]

    def gradient(self, rows: torch.Tensor, weights: Sequence[torch.Tensor]) -> tuple[torch.Tensor, float]:
        """The gradient of some samples as one vector, in units of that of the whole batch, and the loss."""
        loss = self.loss(rows)
        vector = flat(loss, weights)
        factor = 1.0 if self.reading.mean else self.count / len(rows)
        return vector * factor, float(loss.detach()) * factor


@dataclass(frozen=True, slots=True)
class _Leaf:
    tensor: torch.Tensor
    dim: int
    block: int  # rows of the dimension that belong to one sample
    counter: bool  # 0, 1, 2... : the first ones are taken, whichever samples are
    apart: int = (
        0  # 0: a sample's rows lie together; else how far from each other (time first, then flattened)
    )

    def take(self, rows: torch.Tensor) -> torch.Tensor:
        rows = rows.to(self.tensor.device)
        if self.counter:
            return self.tensor[: len(rows)]
        if self.apart:
            rows = (torch.arange(self.block, device=rows.device)[:, None] * self.apart + rows).reshape(-1)
        elif self.block > 1:
            rows = (rows[:, None] * self.block + torch.arange(self.block, device=rows.device)).reshape(-1)
        return self.tensor.index_select(self.dim, rows)


def _leaf(tensor: torch.Tensor, count: int, known: bool, dim_of_samples: int) -> _Leaf | None:
    shape = tensor.shape
    if tensor.layout is not torch.strided:
        return None
    for dim in range(min(2, len(shape))):
        if shape[dim] == count:
            counts = not known and tensor.dim() == 1 and not tensor.is_floating_point()
            counter = counts and bool((tensor == torch.arange(count, device=tensor.device)).all())
            return _Leaf(tensor, dim, 1, counter)
    if known and shape and shape[0] > count and shape[0] % count == 0:
        return _Leaf(tensor, 0, shape[0] // count, False, count if dim_of_samples else 0)
    return None


def flat(loss: torch.Tensor, weights: Sequence[torch.Tensor]) -> torch.Tensor:
    """The gradient as one vector in float32; what the loss does not depend on counts as 0."""
    found: Sequence[torch.Tensor | None] = torch.autograd.grad(loss, weights, allow_unused=True)
    return torch.cat([_dense(g, w).detach().float().reshape(-1) for g, w in zip(found, weights, strict=True)])


def _dense(gradient: torch.Tensor | None, weight: torch.Tensor) -> torch.Tensor:
    if gradient is None:
        return torch.zeros_like(weight)
    return gradient.to_dense() if gradient.layout is not torch.strided else gradient


def length(vector: torch.Tensor) -> float:
    """The Euclidean norm."""
    return math.sqrt(float(vector.square().sum()))


def find_reading(
    trainee: Trainee, weights: Sequence[torch.Tensor], most: int | None = None
) -> Reading | None:
    """The first reading of the first capture whose parts add up; None where none does. ``most``: of no more than so many samples."""
    capture = trainee.captures[0]
    omit = trainee.omit | (_NORMS if normalizes(capture) else frozenset[str]())
    doors = range(min(3, len(capture.doors)))
    places = [*((d, 0) for d in doors), (-1, 0), *((d, 1) for d in doors)]
    seen: set[tuple[int, bool, bool]] = set()
    for (door, dim), every, sizes in itertools.product(places, (True, False), (True, False)):
        reading = Reading(door, dim, every, sizes)
        key = (_count(capture, reading), every, sizes)
        if key in seen:
            continue
        seen.add(key)
        try:
            mean = _adds_up(Cut(trainee, 0, reading, omit), weights, most)
        except ERRORS:
            continue
        if mean is not None:
            return dataclasses.replace(reading, mean=mean)
    return None


def _adds_up(cut: Cut, weights: Sequence[torch.Tensor], most: int | None) -> bool | None:
    """Whether the gradients of two parts make up the whole one: True as a mean, False as a sum, None not at all."""
    count = cut.count if most is None else min(cut.count, most)
    if count < 2:
        return None
    rows = torch.arange(count)
    first = max(1, count // 3)
    whole = flat(cut.loss(rows), weights)
    if not bool(whole.isfinite().all()) or not bool(whole.any()):
        return None
    parts = [flat(cut.loss(r), weights) for r in (rows[:first], rows[first:])]
    coarse = any(c.autocast is not None for c in cut.calls) or any(w.dtype.itemsize < 4 for w in weights)
    bound = (_COARSE if coarse else _EXACT) * length(whole)
    share = first / count
    # Where both parts' gradients are 0 but for a share of all weights (a penalty), the mean is meant.
    if length(share * parts[0] + (1 - share) * parts[1] - whole) <= bound:
        return True
    return False if length(parts[0] + parts[1] - whole) <= bound else None


def _count(capture: GraphCapture, reading: Reading) -> int:
    """The number of samples by a reading; 0 where there is no such size."""
    if reading.door < 0:
        held = [capture.tape.values[v] for v in _targets(capture)]
        shapes = [tuple(v.info.shape) for v in held]
    else:
        nodes = list(capture.doors)
        shapes = [
            tuple(capture.tape.values[capture.value_of_node[(n, 0)]].info.shape)
            for n in nodes[reading.door : reading.door + 1]
        ]
    return shapes[0][reading.dim] if shapes and len(shapes[0]) > reading.dim else 0


def _targets(capture: GraphCapture) -> list[int]:
    """Values that losses compare with, as they come in from the data."""
    terms = read_objective(capture.graph, 0).terms
    found: list[int] = []
    for term in terms:
        todo = [term.target] if term.target is not None else []
        for _ in range(16):
            if not todo:
                break
            node = capture.graph.nodes[todo.pop()]
            value = capture.value_of_node.get((node.index, 0))
            if node.index in capture.data and value is not None:
                found.append(value)
            elif node.kind == "op" and not (node.output is not None and node.output.requires_grad):
                todo.extend(r.node for r in node.refs)
    return found


def draws(capture: GraphCapture, omit: frozenset[str]) -> bool:
    """Whether random numbers are drawn inside the step, beside what is left out."""
    assert capture.loss is not None
    calls = Replay(capture.tape, [capture.loss]).calls
    values = capture.tape.values
    # Of a function of the program's it is not known whether it draws; what has a gradient was not drawn.
    return any(
        c.rng is not None
        and plain_name(c.name) not in omit
        and not all(values[v].info.requires_grad for v in c.outputs)
        for c in calls
    )


def _drawn(
    capture: GraphCapture, weights: dict[int, torch.Tensor], omit: frozenset[str]
) -> dict[int, torch.Tensor]:
    """Random numbers drawn inside the step, as they were: each sample keeps its own."""
    assert capture.loss is not None
    found: dict[int, torch.Tensor] = {}
    if not draws(capture, omit):
        return found

    def watch(call: Call, outputs: list[torch.Tensor]) -> None:
        if call.rng is None or plain_name(call.name) in omit:
            return
        for index, tensor in zip(call.outputs, outputs, strict=False):
            if not tensor.requires_grad:
                found[index] = tensor.detach()

    Replay(capture.tape, [capture.loss], given=weights, omit=omit).run(watch)
    return found


def _resized(call: Call, count: int, part: int) -> Call:
    """A call with a size written out in it (``view(32, -1)``), for fewer samples."""
    if plain_name(call.name) not in _SIZED:
        return call
    first = next((i for i, a in enumerate(call.args[1:], 1) if isinstance(a, int | tuple | list)), None)
    if first is None:
        return call
    given = call.args[first]
    packed = isinstance(given, tuple | list)
    sizes = list(cast("Sequence[object]", given)) if packed else list(call.args[first:])
    place = _place(sizes, count)
    if place is None:
        return call
    sizes[place] = cast("int", sizes[place]) // count * part
    rest: tuple[object, ...] = (tuple(sizes),) if packed else tuple(sizes)
    return dataclasses.replace(call, args=(*call.args[:first], *rest))


def _place(sizes: Sequence[object], count: int) -> int | None:
    """Which size counts samples: the first that is their number, else the first multiple; none where the first one is left to be found out."""
    if sizes and sizes[0] == -1:
        return None
    whole = [i for i, s in enumerate(sizes) if isinstance(s, int) and s > 0 and s % count == 0]
    return next((i for i in whole if sizes[i] == count), whole[0] if whole else None)


def overlap(rows: Sequence[bytes]) -> float:
    """Share of rows that are there twice within one batch."""
    return 1 - len(set(rows)) / len(rows) if rows else math.nan
