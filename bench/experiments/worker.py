"""Runs one program as netwright does, and measures something once its steps are recorded; then the program ends.

``python -m bench.experiments.worker TASK SCRIPT ANSWER`` writes a JSON object to the file ANSWER. One process for each measurement.
"""

from __future__ import annotations

import json
import math
import os
import runpy
import statistics
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from netwright.capture import backward
from netwright.capture.clock import limited
from netwright.capture.session import Limits, Session
from netwright.capture.step import Step
from netwright.experiments.catalogue import Fitting, material, planned
from netwright.experiments.experiment import Material
from netwright.experiments.noise_scale import noise_scale
from netwright.experiments.progress import unseen
from netwright.experiments.range_test import range_test
from netwright.experiments.trainee import Trainee
from netwright.rule import NotApplicable

CHECKED = 8  # steps that `netwright check` records
BUDGET_S = 60.0
MANY = 200  # steps for brute force: an epoch of most recipes


def noise(given: Material) -> dict[str, Any]:
    """The noise scale at the first weights by the experiment, from as many batches as a check sees; and by brute force, from all batches."""
    start = given.step.capture.start
    found = noise_scale(given.step, given.optimizer, others=given.others[: CHECKED - 1], seconds=120.0)
    first = found.estimates[0]
    steps = (given.step, *given.others)
    with torch.no_grad():
        for step in steps:
            _put(step, start)
    brute = by_whole_batches(steps, given.optimizer, found.batch)
    return {
        "estimate": first.scale,
        "low": first.low,
        "high": first.high,
        "parts": first.parts,
        "size": first.size,
        "batch": found.batch,
        "seconds": found.seconds,
        **brute,
    }


def _put(step: Step, start: dict[int, torch.Tensor]) -> None:
    """Give the step the first weights: the program's own tensors, and the copies made before the program wrote to them by hand. The program does not go on."""
    capture = step.capture
    for node, parameter in capture.parameters.items():
        if id(parameter) in start:
            parameter.copy_(start[id(parameter)])
            saved = capture.tape.values[capture.value_of_node[(node, 0)]].saved
            if saved is not None:
                saved.copy_(start[id(parameter)])


def by_whole_batches(
    steps: Sequence[Step], optimizer: torch.optim.Optimizer | None, batch: int
) -> dict[str, Any]:
    """The noise scale from gradients of whole batches, without any of the experiment's code: their spread times the batch, over the squared length of their mean."""
    mine = (
        {id(p) for g in optimizer.param_groups for p in g["params"]} if optimizer is not None else set[int]()
    )
    total: dict[int, torch.Tensor] = {}
    squares, count = 0.0, 0
    for step in steps:
        if _shape(step) != _shape(steps[0]):
            continue  # the last batch of an epoch is smaller
        kept: dict[int, torch.Tensor] = {}
        # A parameter may come into a step at several places, each with its own part of the gradient.
        for p, g in zip(step.parameters, step.run(gradients=True).gradients, strict=True):
            if p.requires_grad and g is not None and (not mine or id(p) in mine):
                dense = g.to_dense().double() if g.layout is not torch.strided else g.double()
                kept[id(p)] = kept[id(p)] + dense if id(p) in kept else dense
        squares += sum(float(g.square().sum()) for g in kept.values())
        for key, gradient in kept.items():
            total[key] = total[key] + gradient if key in total else gradient
        count += 1
    mean = sum(float(t.square().sum()) for t in total.values()) / count**2
    spread = (squares - count * mean) / (count - 1)
    return {"brute": batch * spread / (mean - spread / count), "batches": count}


def _shape(step: Step) -> tuple[int, ...]:
    return next((tuple(t.shape) for t in step.inputs.values()), ())


def cost(given: Material) -> dict[str, Any]:
    """Seconds of every experiment of a check with its default budget, each between two measurements of a training step of the same process."""
    answer: dict[str, Any] = {}
    spent = [0.0]
    fitting = Fitting(given)
    # What measuring the steps takes does not count.
    for experiment, seconds in planned(("all",), BUDGET_S, lambda: spent[-1]):
        before = _step_seconds(given)
        began = time.perf_counter()
        form = why = ""
        try:
            if not seconds:
                raise NotApplicable("left out, the budget was spent")
            with limited(3 * seconds):
                mine, form = fitting.fit(experiment, seconds)
                experiment.run(mine, seconds, unseen)
        except NotApplicable as reason:
            why = str(reason)
        took = time.perf_counter() - began
        spent.append(spent[-1] + took)
        times = [*before, *_step_seconds(given)]
        step = statistics.median(times) if times else math.nan
        answer[experiment.name] = {
            "seconds": took,
            "step": step,
            "given": seconds,
            "form": form,
            "why": why,
        }
    return answer


def _step_seconds(given: Material, times: int = 5) -> list[float]:
    """Times of whole training steps on copies: forward, backward and the optimizer's update. None where the step cannot be run again."""
    if given.step.capture.why_not_replayed is not None:
        return []
    trainee = Trainee([given.step.capture], dropout=True)
    optimizer = trainee.like(given.optimizer, decay=True) if given.optimizer is not None else torch.optim.SGD(trainee.trained, lr=0.0)  # fmt: skip
    trainee.step(optimizer, 0)
    found: list[float] = []
    for _ in range(times):
        began = time.perf_counter()
        trainee.step(optimizer, 0)
        found.append(time.perf_counter() - began)
    return found


def rates(given: Material) -> dict[str, Any]:
    """The range test's best rate."""
    if given.optimizer is None:
        raise NotApplicable("no optimizer made a step")
    found = range_test(
        given.step, given.optimizer, others=given.others, constant=given.constant, seconds=60.0
    )
    return {"best": found.best, "largest": found.largest, "in_use": found.in_use, "seconds": found.seconds}


TASKS: dict[str, tuple[int, Callable[[Material], dict[str, Any]]]] = {
    "noise": (MANY, noise),
    "cost": (CHECKED, cost),
    "rates": (CHECKED, rates),
}


def main(task: str, script: str, answer: str) -> None:
    """Run the script until its steps are recorded, measure, write, end."""
    steps, measure = TASKS[task]
    torch.set_num_threads(1)
    backward._LATER = steps  # every batch is kept

    def recorded() -> None:
        try:
            found = measure(material(session))
        except NotApplicable as why:
            found = {"why": str(why)}
        except Exception:  # noqa: BLE001 - written down, and the process ends
            found = {"why": traceback.format_exc().strip().splitlines()[-1]}
        Path(answer).write_text(json.dumps(found), encoding="utf-8")
        os._exit(0)

    session = Session(Limits(steps=steps, seconds=150.0, backwards=8 * steps), on_recorded=recorded)
    session.keep_start = True
    session.start()
    sys.argv = [script]
    sys.path.insert(0, str(Path(script).parent))
    runpy.run_path(script, run_name="__main__")
    recorded()  # a program with fewer steps than asked for


if __name__ == "__main__":
    main(*sys.argv[1:4])
