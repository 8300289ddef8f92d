"""Sees to it that an experiment fits into memory and into its time before it starts: on whole batches, on fewer samples of them, without copies, or not at all. The numbers are told."""

import dataclasses
import math
import time

import torch

from ..capture import memory
from ..capture.clock import OutOfTime
from ..capture.doors import door_tensors
from ..capture.graphs import GraphCapture
from ..capture.replay import Replay
from ..capture.sandbox import untouched
from ..capture.step import Step
from ..rule import NotApplicable
from ._fewer import LEAST, Fewer
from .experiment import Experiment, Material, Work
from .trainee import ERRORS

_PART = 2  # of the free memory one half is left to others
_BESIDE = 1.5  # what backward holds beside the values themselves, in their bytes
_OVER = 1.3  # times its seconds that the least work may take
_PROOF = 6  # samples on which it is found out how the batch lies in the step
_BATCHES = 8
_FORWARD = 1 / 3  # of a training step
_TRIES = 3
_WORTH = 30  # steps


class TooSlow(NotApplicable):
    """Not in the seconds given; in ``seconds`` it could be done."""

    def __init__(self, why: str, seconds: float) -> None:
        super().__init__(why)
        self.seconds = seconds


class Fitting:
    """Fits experiments to the memory that is free and to the seconds that each has.

    Args:
        material: what they are given where everything fits.
    """

    def __init__(self, material: Material) -> None:
        self.material = material
        self._paces: dict[int | None, float] = {}
        self._first: dict[int, GraphCapture] = {}
        self._smaller: dict[int, Material] = {}
        self._fewer: Fewer | NotApplicable | None = None

    def fit(self, experiment: Experiment, seconds: float) -> tuple[Material, str]:
        """What an experiment is to work on, and in words in what form where that is not the whole (else an empty text).

        Raises:
            NotApplicable: it would not fit in any form; the message has the numbers.
        """
        work, capture = experiment.work, self.material.step.capture
        if work is None or capture.loss is None or (capture.why_not_replayed and not capture.too_large):
            return self.material, ""
        with untouched():
            samples, why, copies = self._by_memory(work)
            samples, late = self._by_time(work, seconds, samples)
        found = self.material if samples is None else self._of(samples)
        told = [] if copies else ["without copies, at the weights of now and without steps of the optimizer"]
        if samples is not None:
            told.append(f"on {samples} of the {found.batch} samples of a batch")
        reason = "; ".join(w for w in (why, late) if w)
        return dataclasses.replace(found, copies=copies), ", ".join(told) + (f": {reason}" if told else "")

    # -- memory ---------------------------------------------------------------------------------------------------------------

    def _by_memory(self, work: Work) -> tuple[int | None, str, bool]:
        """The samples that fit (None: all), why these, and whether copies do."""
        capture = self.material.step.capture
        own = list({id(t): t for t in capture.parameters.values()}.values())
        have = memory.available_memory(own[0].device if own else None)
        room = have // _PART
        weights = memory.bytes_of_tensors(own)
        fixed = int(weights * (work.copies + (self._state(weights) if work.trains else 0.0)))
        copies = fixed < room
        numbers = f"copies take {_mib(fixed)} and {_mib(have)} are free"
        if not copies:
            fixed = weights  # the gradients
            if not work.bare or fixed >= room:
                raise NotApplicable(f"{numbers}, of which half is left to the program")
        values = int(work.values * _BESIDE * self._values() + work.largest * self._largest())
        why = "" if copies else numbers
        if fixed + values <= room:
            return None, why, copies
        told = f"the values of a step on all of them take {_mib(values)} beside {_mib(fixed)} for weights and gradients, and {_mib(have)} are free"
        fewer = self._cutter(told, max(2, min(_PROOF, self._most() * (room - fixed) // values)))
        samples = int(fewer.count * (room - fixed) / values)
        if samples < LEAST:
            raise NotApplicable(f"{told}: not enough for {LEAST} samples")
        return samples, "; ".join(w for w in (why, told) if w), copies

    def _most(self) -> int:
        """The largest number that may count the samples."""
        return max((max(t.shape[:2]) for t in door_tensors(self.material.step.capture) if t.dim()), default=1)

    def _values(self) -> int:
        capture = self.material.step.capture
        return capture.value_bytes or memory.activation_bytes(capture.graph)

    def _largest(self) -> int:
        return 4 * max(
            (o.numel for n in self.material.step.capture.graph.nodes for o in n.outputs), default=0
        )

    def _state(self, weights: int) -> float:
        """What the program's optimizer holds beside a parameter, in multiples of its bytes; two where it has not made a step."""
        optimizer = self.material.optimizer
        if optimizer is None or not optimizer.state:
            return 2.0
        held = [t for s in optimizer.state.values() for t in s.values() if isinstance(t, torch.Tensor)]
        return memory.bytes_of_tensors(held) / max(weights, 1)

    # -- time -----------------------------------------------------------------------------------------------------------------

    def _by_time(self, work: Work, seconds: float, samples: int | None) -> tuple[int | None, str]:
        """The samples for which there is time (None: all), and why."""
        steps = self._steps(work)
        once = self._pace(samples)
        if steps * once <= _OVER * seconds:
            return samples, ""
        told = f"a step takes {_seconds(once)}, of at least {steps:.0f} in {seconds:.0f} s"
        slow = TooSlow(f"{told} (--budget SECONDS gives more)", steps * once)
        # To cut the batch and to see that it is cut rightly takes a few steps itself.
        if steps < _WORTH or steps * once * LEAST > _OVER * seconds * self._most():
            raise slow
        for _ in range(_TRIES):
            fewer = self._cutter(told, _PROOF)
            now = fewer.count if samples is None else samples
            samples = int(now * seconds / (steps * self._pace(samples)))
            if samples < LEAST:
                break
            if steps * self._pace(samples) <= _OVER * seconds:
                return samples, told
        raise slow

    def _steps(self, work: Work) -> float:
        batches = 1 + len(self.material.others)
        groups = self.material.optimizer.param_groups if self.material.optimizer is not None else []
        inner = max((int(g.get("max_iter", 1)) for g in groups), default=1) if work.trains else 1
        return work.steps * inner + work.passes * batches * _FORWARD

    def _pace(self, samples: int | None) -> float:
        """Seconds of one run forward and backward: of two the quicker one, where the first was not quick."""
        if samples not in self._paces:
            capture = self.material.step.capture if samples is None else self._first_of(samples)
            first = _once(capture)
            self._paces[samples] = first if first < 0.01 else min(first, _once(capture))
        return self._paces[samples]

    # -- fewer samples --------------------------------------------------------------------------------------------------------

    def _cutter(self, told: str, room: int) -> Fewer:
        if self._fewer is None:
            others = [s.capture for s in self.material.others[: _BATCHES - 1]]
            try:
                self._fewer = Fewer([self.material.step.capture, *others], room)
            except OutOfTime:
                raise
            except NotApplicable as why:
                self._fewer = why
            except ERRORS as error:
                self._fewer = NotApplicable(f"and it could not be cut: {type(error).__name__}: {error}")
        if isinstance(self._fewer, NotApplicable):
            raise NotApplicable(f"{told}, {self._fewer}")
        return self._fewer

    def _first_of(self, samples: int) -> GraphCapture:
        if samples not in self._first:
            assert isinstance(self._fewer, Fewer)
            self._first[samples] = self._fewer.first(samples)
        return self._first[samples]

    def _of(self, samples: int) -> Material:
        if samples not in self._smaller:
            assert isinstance(self._fewer, Fewer)
            others = tuple(Step(c) for c in self._fewer.others(samples))
            self._smaller[samples] = dataclasses.replace(
                self.material,
                step=Step(self._first_of(samples)),
                others=others,
                gathered=(),
                batch=self._fewer.count,
            )
        return self._smaller[samples]


def _once(capture: GraphCapture) -> float:
    """Seconds of a run forward and backward on the program's own weights; 0 where it fails, which the experiment itself will tell."""
    assert capture.loss is not None
    began = time.perf_counter()
    try:
        with untouched():
            run = Replay(capture.tape, [capture.loss])
            (loss,) = run.run()
            places = [capture.value_of_node[(n, 0)] for n in capture.parameters]
            weights = [w for p in places if (w := run.env.get(p)) is not None and w.requires_grad]
            if loss.requires_grad and weights:
                torch.autograd.grad(loss.sum(), weights, allow_unused=True)
    except ERRORS:
        return 0.0
    return time.perf_counter() - began


def _mib(number: int) -> str:
    return f"{math.ceil(number / (1 << 20))} MiB"


def _seconds(number: float) -> str:
    return f"{number:.1f} s" if number >= 1 else f"{1000 * number:.0f} ms"
