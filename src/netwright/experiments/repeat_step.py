"""The captured step, run several times with the same weights and random numbers: the same to the bit?"""

import hashlib
import math
import time
from dataclasses import dataclass, field
from typing import cast

import torch

from ..capture.replay import Replay
from ..capture.sandbox import untouched
from ..capture.step import Step
from ..capture.tape import Call
from ..evidence import NOWHERE, RepeatStep
from ..rerun.digests import bytes_of
from ..rule import NotApplicable
from .experiment import Experiment, Material, Work
from .progress import Progress, unseen
from .trainee import ERRORS, require_replay

_RUNS = 4  # a race between threads need not show in the first two


@dataclass(slots=True)
class _Run:
    """Digests of every output in order, of the gradients by parameter, and the loss."""

    outputs: list[tuple[Call, tuple[bytes, ...]]] = field(
        default_factory=list[tuple[Call, tuple[bytes, ...]]]
    )
    gradients: dict[int, bytes] = field(default_factory=dict[int, bytes])
    loss: float = math.nan
    loss_bits: bytes = b""


def repeat_step(step: Step, *, seconds: float = 5.0, progress: Progress = unseen) -> RepeatStep:
    """Run the step forward and backward at least twice, and compare every bit.

    Each run begins with the same random state of torch (all devices), NumPy and Python.

    Args:
        step: the captured step.
        seconds: time for everything; within it up to four runs.
        progress: called with the share that is done.

    Raises:
        NotApplicable: the step cannot be run again; the message says why.
    """
    began = time.perf_counter()
    require_replay(step.capture)
    runs: list[_Run] = []
    try:
        while len(runs) < 2 or (len(runs) < _RUNS and time.perf_counter() - began < seconds / 2):
            runs.append(_once(step))
            progress(len(runs) / _RUNS)
            if len(runs) > 1 and not _same(runs[0], runs[-1]):
                break
    except ERRORS as error:
        raise NotApplicable(f"the step could not be run again: {type(error).__name__}: {error}") from None
    return _compared(step, runs, time.perf_counter() - began)


def _once(step: Step) -> _Run:
    capture = step.capture
    run = _Run()
    assert capture.loss is not None

    def watch(call: Call, outputs: list[torch.Tensor]) -> None:
        run.outputs.append((call, tuple(_digest(t) for t in outputs)))

    with untouched():
        replay = Replay(capture.tape, [capture.loss])
        (loss,) = replay.run(watch)
        run.loss_bits = _digest(loss)
        run.loss = float(loss.detach().sum())
        if loss.requires_grad:
            nodes = [n for n, t in capture.parameters.items() if t.requires_grad]
            live = [
                (n, w)
                for n in nodes
                if (w := replay.env.get(capture.value_of_node[(n, 0)])) is not None and w.requires_grad
            ]
            weights = [w for _, w in live]
            made = torch.autograd.grad(loss.sum(), weights, allow_unused=True) if live else ()
            grads = cast("tuple[torch.Tensor | None, ...]", made)
            for (node, _), grad in zip(live, grads, strict=True):
                run.gradients[node] = b"" if grad is None else _digest(grad)
    return run


def _digest(tensor: torch.Tensor) -> bytes:
    data = tensor.detach()
    if data.layout is not torch.strided:
        data = data.to_dense()
    return hashlib.blake2b(bytes_of(data), digest_size=16).digest()


def _same(first: _Run, second: _Run) -> bool:
    return first.loss_bits == second.loss_bits and first.gradients == second.gradients


def _compared(step: Step, runs: list[_Run], seconds: float) -> RepeatStep:
    capture, first, last = step.capture, runs[0], runs[-1]
    same_loss = first.loss_bits == last.loss_bits
    same_gradients = first.gradients == last.gradients
    where, op, parameter = NOWHERE, None, None
    if not (same_loss and same_gradients):
        call = next(
            (a for (a, one), (_, two) in zip(first.outputs, last.outputs, strict=True) if one != two), None
        )
        graph = capture.graph
        if call is not None:
            node = next((n for (n, _), v in capture.value_of_node.items() if v in call.outputs), None)
            op, where = (graph.nodes[node].op if node is not None else call.name), call.where
        else:
            # Backward goes from the end: of the gradients that differ, the first is that of the parameter used last.
            wrong = [n for n, bits in first.gradients.items() if last.gradients.get(n) != bits]
            uses = {n: list(graph.consumers(graph.nodes[n])) for n in wrong}
            last_used = max(wrong, key=lambda n: uses[n][-1].index if uses[n] else -1)
            parameter = (
                graph.nodes[last_used].name
                or f"parameter of shape {tuple(capture.parameters[last_used].shape)}"
            )
            if uses[last_used]:
                op, where = f"the backward of {uses[last_used][-1].op}", uses[last_used][-1].where
    losses = [r.loss for r in runs if math.isfinite(r.loss)]
    return RepeatStep(
        runs=len(runs),
        same_loss=same_loss,
        same_gradients=same_gradients,
        spread=max(losses) - min(losses) if losses else 0.0,
        op=op,
        where=where,
        parameter=parameter,
        seconds=seconds,
    )


def _of(material: Material, seconds: float, progress: Progress) -> RepeatStep:
    return repeat_step(material.step, seconds=seconds, progress=progress)


EXPERIMENT = Experiment(RepeatStep, 0.05, 5.0, _of, work=Work(copies=2, steps=2, few=True))
