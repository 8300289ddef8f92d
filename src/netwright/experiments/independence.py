"""What outputs depend on: on other samples of the batch, on later steps of a sequence, on each input at all. Some values are replaced, and the step is run again beside itself."""

import time
from collections.abc import Mapping

import torch

from ..capture import memory
from ..capture.doors import door_values
from ..capture.graphs import GraphCapture
from ..capture.sandbox import untouched
from ..capture.session import Session
from ..capture.step import Step
from ..evidence import FutureLeak, Independence, InputUse, SampleMixing
from ..inference import read_objective
from ..rule import NotApplicable
from ._future import future_leak
from ._lockstep import Lockstep, difference
from ._mixing import PROBED, sample_mixing
from ._next_step import next_step
from ._samples import find_samples
from .experiment import Experiment, Material, Work
from .progress import Progress, unseen
from .trainee import ERRORS, require_replay

_VARIANTS = 8  # of a step, run beside each other
_HELD = 8  # values of each that are there at a time, in sizes of the largest


def independence(
    step: Step, *, seconds: float = 10.0, session: Session | None = None, progress: Progress = unseen
) -> Independence:
    """Replace some of what comes in, and look which outputs change.

    Samples: each of a few samples alone, and all others but it. An output that changes both times depends on several samples. Batch normalization (torch's, and by hand) is held at its
    recorded statistics. Time: everything after a step, where the target is the input of the next step. Inputs: each alone.

    Args:
        step: the captured step.
        seconds: time for everything.
        session: the whole recording, for what its loaders say about batches.
        progress: called with the share that is done.

    Raises:
        NotApplicable: neither samples nor steps of time could be told apart; the message says why.
    """
    began = time.perf_counter()
    deadline = began + seconds
    capture = step.capture
    require_replay(capture)
    doors = door_values(capture)
    objective = read_objective(capture.graph, 0)
    mixing: SampleMixing | None = None
    future: FutureLeak | None = None
    used: tuple[InputUse, ...] = ()
    why_mixing, why_future = "", "the target is not the next step of an input"
    _require_memory(capture)
    with untouched(), torch.no_grad():
        try:
            following = next_step(capture, objective, doors)
        except ERRORS as error:
            raise NotApplicable(f"the step could not be run again: {type(error).__name__}: {error}") from None
        once = time.perf_counter() - began
        progress(0.1)
        if following is not None:
            try:
                future = future_leak(capture, following, doors)
                why_future = ""
            except NotApplicable as why:
                why_future = str(why)
            except ERRORS as error:
                why_future = f"the step could not be run with other inputs: {type(error).__name__}: {error}"
        progress(0.4)
        try:
            samples = find_samples(capture, objective, doors, following, session)
            # Two variants for each sample, and as much again for comparing.
            left = deadline - time.perf_counter()
            probed = PROBED if left > 4 * PROBED * once else 1
            mixing = sample_mixing(capture, samples, doors, probed=probed, deadline=deadline)
        except NotApplicable as why:
            why_mixing = str(why)
        except ERRORS as error:
            why_mixing = f"the step could not be run with other samples: {type(error).__name__}: {error}"
        progress(0.8)
        try:
            used = _inputs(capture, doors) if time.perf_counter() + 4 * once < deadline else ()
        except ERRORS:
            used = ()
    if mixing is None and future is None:
        raise NotApplicable(why_mixing)
    return Independence(
        mixing=mixing,
        future=future,
        inputs=used,
        why_mixing=why_mixing,
        why_future=why_future,
        seconds=time.perf_counter() - began,
    )


def _require_memory(capture: GraphCapture) -> None:
    """Values are let go once nothing reads them: what counts is a few times the largest."""
    largest = max((o.numel for n in capture.graph.nodes for o in n.outputs), default=0)
    need, have = 4 * _HELD * _VARIANTS * largest, memory.available_memory()
    if need > have // 2:
        raise NotApplicable(f"variants of the step take {need >> 20} MiB and {have >> 20} MiB are free")


def _inputs(capture: GraphCapture, doors: Mapping[int, torch.Tensor]) -> tuple[InputUse, ...]:
    """How much the network's outputs change with each input alone, of two and more that calls on the way there use (a target that is only handed in is not meant to matter)."""
    goals = list(dict.fromkeys(v for root in capture.tape.roots for v in root.outputs))
    goals = [g for g in goals if capture.tape.values[g].maker is not None]
    read = {v for call in capture.tape.slice(goals) for v in call.reads}
    names: dict[str, list[int]] = {}
    for node, name in capture.doors.items():
        value = capture.value_of_node[(node, 0)]
        if value in doors and value in read:
            names.setdefault(name, []).append(value)
    if len(names) < 2 or not goals or 2 * len(names) > _VARIANTS:
        return ()
    given: list[dict[int, torch.Tensor]] = [dict(doors)]
    for values in names.values():
        given.append({**doors, **{v: torch.zeros_like(doors[v]) for v in values}})
        given.append({**doors, **{v: doors[v].roll(1, 0) for v in values}})
    found = Lockstep(capture, goals, given).run()
    base = found[0]
    if base is None or any(outputs is None for outputs in found):
        return ()
    used: list[InputUse] = []
    for number, name in enumerate(names):
        change = 0.0
        for variant in found[2 * number + 1 : 2 * number + 3]:
            for one, other in zip(base, variant or [], strict=True):
                share = difference(one, other)
                change = max(change, 1.0 if share is None else float(share.max()) if share.numel() else 0.0)
        used.append(InputUse(name=name, change=change))
    return tuple(used)


def _of(material: Material, seconds: float, progress: Progress) -> Independence:
    return independence(material.step, seconds=seconds, session=material.session, progress=progress)


EXPERIMENT = Experiment(
    Independence, 0.15, 10.0, _of, work=Work(copies=0, values=0, largest=_HELD * _VARIANTS, steps=6, few=True)
)
