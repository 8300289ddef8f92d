"""Several replays of one step, run call by call beside each other, so that their values can be compared before a later call writes over them."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch.nn.functional import batch_norm

from ..capture.calls import plain_name
from ..capture.graphs import GraphCapture
from ..capture.replay import CannotReplay, Replay
from ..capture.tape import Call, Slot
from .trainee import ERRORS, differentiates

# How many random numbers these take from the generator depends on the values they are given: a changed sample would change the draws of all that follow.
_DRAWS = frozenset(
    ["poisson", "binomial", "_standard_gamma", "_sample_dirichlet", "multinomial", "bernoulli"]
)
_ROUNDING = 1e-5  # of the largest value: float32 resolves 6e-8, sums over thousands of terms lose two digits

Outputs = list[list[torch.Tensor] | None]


class Lockstep:
    """The first of ``given`` is the step as it was recorded, the others are variants of it with other values in the same places.

    Batch normalization in training uses the statistics of the first variant for all, and random draws that look at values are those of the first.
    A variant that cannot be run (a shape came out differently) is given up; :attr:`alive` says which are left. What nothing reads any more is let go.

    Args:
        capture: the step.
        goals: values wanted.
        given: tensors in place of recorded ones, by value index, for each variant.
        hold: values that are the first variant's in all of them.
    """

    def __init__(
        self,
        capture: GraphCapture,
        goals: Sequence[int],
        given: Sequence[Mapping[int, torch.Tensor]],
        hold: frozenset[int] = frozenset(),
    ) -> None:
        self.goals = list(goals)
        self.hold = hold
        grad = differentiates(capture)
        self.replays = [Replay(capture.tape, goals, given=_copied(g), grad=grad) for g in given]
        self.alive = [True] * len(given)
        self.normalizations: list[Call] = []
        self._last_use: dict[int, int] = {}
        for position, call in enumerate(self.calls):
            for value in (*call.reads, *call.outputs):
                self._last_use[value] = position

    @property
    def calls(self) -> list[Call]:
        """The calls that are run."""
        return self.replays[0].calls

    def run(self, watch: Callable[[Call, Outputs], None] | None = None) -> list[list[torch.Tensor] | None]:
        """Run everything; the goals of each variant (``None``: given up). Call inside :func:`netwright.capture.sandbox.untouched`.

        Raises:
            CannotReplay: the step as it was recorded cannot be run.
        """
        frees = self._frees()
        for position, call in enumerate(self.calls):
            outputs = self._advance(call)
            if watch is not None:
                watch(call, outputs)
            for value in frees.get(position, ()):
                for replay in self.replays:
                    replay.env.pop(value, None)
        found: list[list[torch.Tensor] | None] = []
        for number, replay in enumerate(self.replays):
            found.append([replay.value(g) for g in self.goals] if self.alive[number] else None)
        return found

    def _frees(self) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for value, position in self._last_use.items():
            if value not in self.goals:
                found.setdefault(position, []).append(value)
        return found

    def _advance(self, call: Call) -> Outputs:
        own = self._with_fixed_statistics(call)
        fixed = self.hold.intersection(call.outputs) or plain_name(call.name) in _DRAWS
        outputs: Outputs = []
        first: list[torch.Tensor] = []
        for number, replay in enumerate(self.replays):
            if not self.alive[number]:
                outputs.append(None)
                continue
            if number and call.rng is not None:
                self._align(replay, call)
            try:
                made = replay.advance(own)
            except ERRORS:
                if number == 0:
                    raise
                self.alive[number] = False
                outputs.append(None)
                continue
            if number == 0:
                first = made
            elif fixed:
                made = [t.clone() for t in first]
                replay.env.update(zip(call.outputs, made, strict=False))
            outputs.append(made)
        return outputs

    def _align(self, replay: Replay, call: Call) -> None:
        """Random numbers are drawn in the order of memory: what a call reads lies in memory as it does in the first variant."""
        for index in call.reads:
            first, own = self.replays[0].env.get(index), replay.env.get(index)
            if first is None or own is None or first.shape != own.shape or first.stride() == own.stride():
                continue
            replay.env[index] = torch.empty_strided(
                first.shape, first.stride(), dtype=own.dtype, device=own.device
            ).copy_(own)

    def _with_fixed_statistics(self, call: Call) -> Call:
        """Batch normalization in training as one with the statistics of the first variant's batch."""
        if plain_name(call.name) != "batch_norm" or not _argument(call, 5, "training", False):
            return call
        if call.func is not batch_norm:
            raise CannotReplay(f"{call.name} at {call.where.at} is not torch.nn.functional.batch_norm")
        self.normalizations.append(call)
        item = _argument(call, 0, "input", None)
        assert isinstance(item, Slot)
        data = self.replays[0].value(item.value).detach()
        over = [d for d in range(data.dim()) if d != 1]
        kind = torch.float32 if data.dtype in (torch.float16, torch.bfloat16) else data.dtype
        var, mean = torch.var_mean(data.to(kind), dim=over, correction=0)
        weight, bias = _argument(call, 3, "weight", None), _argument(call, 4, "bias", None)
        eps = _argument(call, 7, "eps", 1e-5)
        return dataclasses.replace(call, args=(item, mean, var, weight, bias, False, 0.0, eps), kwargs={})


def _argument(call: Call, position: int, name: str, default: Any) -> Any:
    return call.args[position] if position < len(call.args) else call.kwargs.get(name, default)


def _copied(tensors: Mapping[int, torch.Tensor]) -> dict[int, torch.Tensor]:
    return {v: t.clone() for v, t in tensors.items()}


def difference(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor | None:
    """By how much two tensors of one form differ, element by element, as a share of the largest value of the first (``None``: other forms). What rounding explains is 0."""
    if first.shape != second.shape or first.layout is not torch.strided:
        return None
    if not first.numel():
        return torch.zeros(first.shape)
    if not (first.is_floating_point() or first.is_complex()):
        return (first.detach() != second.detach()).float()
    one, two = first.detach(), second.detach()
    if torch.equal(one, two):
        return torch.zeros(one.shape, device=one.device)
    if one.dtype in (torch.float16, torch.bfloat16):
        one, two = one.float(), two.float()
    scale = float(one.abs().nan_to_num(0.0, 0.0, 0.0).max()) or 1.0
    share = (one - two).abs() / scale
    if not bool(share.isfinite().all()):
        same = (one == two) | (one.isnan() & two.isnan())
        share = torch.where(same, torch.zeros_like(share), share.nan_to_num(1.0, 1.0, 1.0))
    return torch.where(share > _ROUNDING, share, torch.zeros_like(share))


def behind(calls: Sequence[Call], value: int, marked: Callable[[int], bool]) -> Iterator[Call]:
    """Calls from which a mark on a value comes: their output is marked, and nothing that they read is. In order."""
    makers = {v: call for call in calls for v in call.outputs}
    by_index = {call.index: call for call in calls}
    todo, seen, found = [makers.get(value)], set[int](), list[Call]()
    while todo:
        call = todo.pop()
        if call is None or call.index in seen:
            continue
        seen.add(call.index)
        before = [makers[v] for v in call.reads if v in makers and marked(v) and makers[v] is not call]
        before += [
            w for i in call.after if (w := by_index.get(i)) is not None and any(marked(v) for v in w.outputs)
        ]
        todo.extend(before)
        if not before:
            found.append(call)
    yield from sorted(found, key=lambda c: c.index)
