"""Remedies rehearsed: some training steps on the recorded batches, on copies of the weights, with each of them and without.

What comes of it is no proof. It takes a moment where a re-run takes the whole program's time, and it says of a remedy whether the step itself goes better with it.
"""

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice

from ..capture.clock import OutOfTime, limited
from ..capture.sandbox import untouched
from ..capture.session import Session
from ..diagnosis import Rehearsed
from ..experiments._answers import Pair, labels_of, pair_of
from ..experiments.trainee import ERRORS
from ..remedies import Treatment
from ..rule import NotApplicable
from .forms import has_form, treated
from .optimizers import Made
from .sandbox import Sandbox

STEPS = 40  # wanted of each
_SAME = 1e-3  # of the loss: the order of sums differs by far less, over a few steps
FEWEST = 8  # below, every batch that is recorded has hardly been seen once
LOSS, ACCURACY, ERROR = "loss", "accuracy", "squared error"


def rehearse(
    session: Session,
    candidates: Sequence[Treatment],
    *,
    seconds: float,
    optimizers: Mapping[int, Made] | None = None,
) -> tuple[Rehearsed, ...]:
    """Train copies of the weights on the recorded batches, with each of the candidates and without.

    A loss that a remedy changes is not compared: then it is the accuracy on the batches, or the squared error of amounts, or nothing.

    Args:
        session: the recording of the program.
        candidates: what is rehearsed, each alone; it must change the program at hooks.
        seconds: for all of them together.
        optimizers: how the program's optimizers were made, where they are there no more.

    Returns:
        One record for each, also for what cannot be rehearsed. Empty where the steps themselves cannot be run again.
    """
    if not candidates:
        return ()
    try:
        with untouched(), limited(seconds):
            return tuple(_rehearse(session, candidates, seconds, optimizers))
    except (NotApplicable, *ERRORS):
        return ()


def _rehearse(
    session: Session,
    candidates: Sequence[Treatment],
    seconds: float,
    optimizers: Mapping[int, Made] | None,
) -> Iterable[Rehearsed]:
    began = time.perf_counter()
    plain = Sandbox(session, optimizers)
    cost = _cost(plain)
    runs = 1 + sum(has_form(c.intervention.name) for c in candidates)
    left = seconds - (time.perf_counter() - began)
    # Each run is judged on all batches when it is over; what else the machine does meanwhile takes a fifth.
    steps = min(STEPS, int(0.8 * left / (runs * cost)) - len(plain.captures))
    if steps < FEWEST:
        raise NotApplicable("a step takes too long")
    begins = _scores(plain)
    _come_again(plain)
    without = _after(plain, steps)
    found: list[Rehearsed] = []
    for candidate in candidates:
        sandbox, why = _ready(session, candidate, optimizers)
        record = Rehearsed(remedy=candidate.remedy, codes=candidate.codes, where=candidate.where, why=why)
        if sandbox is not None:
            record = _compared(record, candidate, sandbox, steps, begins, without)
        found.append(record)
    return found


def _come_again(sandbox: Sandbox) -> None:
    """Whether the recorded iterations give the losses that the program had. Where they do not, something was done between them that was not seen, and nothing said of them would hold for the program.

    Raises:
        NotApplicable: they do not.
    """
    if any(t.device.type != "cpu" for t in sandbox.weights.values()):
        return  # random numbers of an accelerator are not those of the program
    recorded = [c.graph.loss_value for c in sandbox.captures]
    losses = islice(sandbox.train(len(sandbox.acts)), len(recorded))
    for before, now in zip(recorded, losses, strict=False):
        if before is not None and math.isfinite(before) and not math.isclose(before, now, rel_tol=_SAME):
            raise NotApplicable("the recorded steps do not come again as they were")
    sandbox.reset()


def _cost(sandbox: Sandbox) -> float:
    """Seconds of a step, the slower of two."""
    times: list[float] = []
    for _ in range(2):
        started = time.perf_counter()
        list(sandbox.train(1))
        times.append(time.perf_counter() - started)
        sandbox.reset()
    return max(times[-1], 1e-4)


def _ready(
    session: Session, candidate: Treatment, optimizers: Mapping[int, Made] | None
) -> tuple[Sandbox | None, str]:
    try:
        return treated(session, candidate.intervention, optimizers), ""
    except OutOfTime:
        raise
    except NotApplicable as why:
        return None, str(why)
    except ERRORS as error:
        return None, f"{type(error).__name__}: {error}"


def _compared(
    record: Rehearsed,
    candidate: Treatment,
    sandbox: Sandbox,
    steps: int,
    begins: dict[str, float],
    without: dict[str, float],
) -> Rehearsed:
    try:
        after = _after(sandbox, steps)
    except OutOfTime:
        return replace(record, why="there was no time for it")
    except ERRORS as error:
        return replace(record, why=f"{type(error).__name__}: {error}")
    wanted = (ACCURACY, ERROR) if candidate.bends_loss else (LOSS,)
    measure = next((m for m in wanted if all(m in scores for scores in (begins, without, after))), None)
    if measure is None:
        return replace(record, why="it changes the loss, and there is nothing else to compare")
    return replace(
        record,
        measure=measure,
        steps=steps,
        batches=len(sandbox.captures),
        begins=begins[measure],
        without=without[measure],
        treated=after[measure],
    )


def _after(sandbox: Sandbox, steps: int) -> dict[str, float]:
    for loss in sandbox.train(steps):
        if not math.isfinite(loss):
            return dict.fromkeys((LOSS, ACCURACY, ERROR), math.nan)
    return _scores(sandbox)


def _scores(sandbox: Sandbox) -> dict[str, float]:
    """What the copies are worth on the recorded batches."""
    found = {LOSS: sandbox.mean_loss()}
    pairs = [pair_of(c) for c in sandbox.captures]
    for measure, asked in ((ACCURACY, _right), (ERROR, _error)):
        values = [asked(sandbox, i, pair) for i, pair in enumerate(pairs) if pair is not None]
        known = [v for v in values if v is not None]
        if known and len(known) == len(pairs):
            found[measure] = sum(known) / len(known)
    return found


def _error(sandbox: Sandbox, index: int, pair: Pair) -> float | None:
    """The mean squared error in a batch; ``None`` where the task is none of amounts."""
    if pair.task != "amounts":
        return None
    _, answers, target = sandbox.run(index, pair.scores, pair.target, grad=False)
    if answers.numel() != target.numel():
        return None
    return float((answers.reshape(-1).double() - target.reshape(-1).double()).square().mean())


def _right(sandbox: Sandbox, index: int, pair: Pair) -> float | None:
    """The share of right answers in a batch; ``None`` where the task has none."""
    if pair.task == "amounts":
        return None
    _, scores, target = sandbox.run(index, pair.scores, pair.target, grad=False)
    labels = labels_of(pair, scores, target)
    if labels is None:
        return None
    if pair.task == "labels":
        said = scores > (0.5 if pair.form == "probability" else 0.0)
        return float((said == (labels > 0.5)).double().mean())
    known = labels >= 0
    right = scores.argmax(1 if scores.dim() > 1 else 0).reshape(labels.shape)[known] == labels[known]
    return float(right.double().mean()) if bool(known.any()) else None
