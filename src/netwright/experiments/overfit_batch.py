"""Can the network learn a batch by heart? Without dropout and weight decay, with the program's optimizer first, then with Adam at 3e-4."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from ..capture.doors import door_tensors, door_values
from ..capture.graphs import GraphCapture
from ..capture.sandbox import untouched
from ..capture.step import Step
from ..evidence import NOWHERE, LossTerm, Objective, Outcome, Overfit, OverfitRun, TaskKind, Where
from ..inference import read_objective
from ..rule import NotApplicable
from ._by_reruns import Reruns, learned, one_batch, only_by_reruns
from ._floor import Floor, floor_of
from ._next_step import next_step
from ._subset import repeated
from .curves import outcome
from .experiment import Experiment, Material, Work, on_batches
from .progress import Progress, unseen
from .trainee import ERRORS, Trainee

ADAM_RATE = 3e-4  # Karpathy, "A recipe for training neural networks": the safe rate to begin with
_STEPS = 400
_ASKED_EVERY = 10
_LEAST = 8  # steps on a batch, however little time there is
_RIGHT = {TaskKind.CLASSIFICATION: 0.9999, TaskKind.DENSE_CLASSIFICATION: 0.99, TaskKind.LANGUAGE_MODEL: 0.99}
_ERROR = 0.1  # root mean square error in standard deviations of the target: 99 % of its variance
_FALLEN = 0.01  # of the first loss, where a task has neither right answers nor errors
_LEFT = 0.02  # of what can be learned, where the same context has different answers
_FEW = 4
_CLASS_LOSSES = ("cross_entropy", "nll_loss", "nll_loss2d")


@dataclass(frozen=True, slots=True)
class _Score:
    accuracy: float | None
    error: float | None


def overfit_batch(
    step: Step,
    optimizer: torch.optim.Optimizer | None = None,
    *,
    others: Sequence[Step] = (),
    seconds: float = 10.0,
    where: Where = NOWHERE,
    progress: Progress = unseen,
) -> Overfit:
    """Train copies of the step's parameters on one sample of its batch, on the batch alone, and where that works on all batches given.

    The outcome of each run is named as in Tobin, "Troubleshooting deep neural networks" (it goes up, explodes, oscillates, stays on a plateau). Learned by heart means every answer right
    (classes; 99 % of the positions of a dense task), an error of a tenth of the target's standard deviation (amounts), or a hundredth of the first loss. Of answers that contradict each other (the same context, another
    next token) only what can be learned is asked for.

    Args:
        step: the captured step.
        optimizer: the program's optimizer, for its kind and settings; without it only Adam is tried.
        others: further steps of the program, each with its own batch.
        seconds: time for all runs together.
        where: the line that made the optimizer.
        progress: called with the share that is done.

    Raises:
        NotApplicable: the step cannot be run again; the message says why.
    """
    capture = step.capture
    objective = read_objective(capture.graph, 0)
    runs: list[OverfitRun] = []
    deadline = time.perf_counter() + seconds
    sample = few = floor = None
    with untouched():
        try:
            trainee = Trainee([capture, *(s.capture for s in others)])
            floor = _floor(trainee, objective, 1)
            following = next_step(capture, objective, door_values(capture))
            axis = following.batch or 0 if following is not None else 0
            if optimizer is not None and objective.term is not None:
                sample = _on_few(trainee, objective, optimizer, 1, 0.1 * seconds)
            # One batch with the program's optimizer, which is what will train; with Adam where that fails; then all batches with what worked.
            attempts = [(True, 1), (False, 1)]
            if len(trainee.captures) > 1:
                attempts.append((True, len(trainee.captures)))
            for number, (own, count) in enumerate(attempts):
                if not _wanted(runs, own, count, optimizer):
                    continue
                share = (deadline - time.perf_counter()) / (2 if number < 2 else 1)
                if count > 1 and _LEAST * count * runs[-1].seconds / len(runs[-1].losses) > share:
                    continue
                least = floor if count == 1 else _floor(trainee, objective, count)
                run = _run(trainee, objective, optimizer if own else None, count, share, least)
                runs.append(replace(run, samples=sum(_samples(c, axis) for c in trainee.captures[:count])))
                progress((number + 1) / 3)
            if all(r.outcome is not Outcome.REACHED for r in runs) and objective.term is not None:
                left = max(deadline - time.perf_counter(), 0.1 * seconds)
                few = _on_few(trainee, objective, None, _FEW, left)
        except ERRORS as error:
            raise NotApplicable(f"the step could not be trained: {type(error).__name__}: {error}") from None
    loss = objective.term.where if objective.term is not None else capture.graph.backward
    return Overfit(
        runs=tuple(runs),
        where=where,
        loss_at=loss,
        sample=sample,
        few=few,
        floor=floor.nats if floor is not None else None,
        ceiling=floor.ceiling if floor is not None else 1.0,
    )


def _floor(trainee: Trainee, objective: Objective, count: int) -> Floor | None:
    try:
        return floor_of(trainee, objective, range(count))
    except ERRORS:  # the step refuses other tokens; then nothing is known of a floor
        return None


def _on_few(
    trainee: Trainee,
    objective: Objective,
    given: torch.optim.Optimizer | None,
    samples: int,
    seconds: float,
) -> OverfitRun | None:
    """A run on a few samples of the first batch; None where they cannot be told apart."""
    try:
        replaced = repeated(trainee, samples)
        if replaced is None:
            return None
        trainee.given = replaced
        run = _run(trainee, objective, given, 1, seconds)
    except ERRORS:
        return None
    finally:
        trainee.given = {}
    return replace(run, data="one sample" if samples == 1 else f"{samples} samples", samples=samples)


def _wanted(
    runs: Sequence[OverfitRun], own: bool, count: int, optimizer: torch.optim.Optimizer | None
) -> bool:
    done = any(r.outcome is Outcome.REACHED for r in runs)
    if count > 1:
        return optimizer is not None and done and runs[-1].own
    return optimizer is not None if own else not done


def _run(
    trainee: Trainee,
    objective: Objective,
    given: torch.optim.Optimizer | None,
    count: int,
    seconds: float,
    floor: Floor | None = None,
) -> OverfitRun:
    trainee.reset()
    optimizer = trainee.like(given) if given is not None else torch.optim.Adam(trainee.trained, lr=ADAM_RATE)
    start = time.perf_counter()
    losses: list[float] = []
    score, reached = _Score(None, None), False
    while len(losses) < _STEPS * count and (
        time.perf_counter() - start < seconds or len(losses) < _LEAST * count
    ):
        losses.append(trainee.step(optimizer, len(losses) % count))
        if not math.isfinite(losses[-1]):
            break
        if len(losses) % (_ASKED_EVERY * count) == 0:
            score = _scored(trainee, objective, count)
            if _reached(score, objective, losses, count, floor):
                reached = True
                break
    whole = _by_pass(losses, count)
    name = type(optimizer).__name__
    rate = optimizer.param_groups[0].get("lr", 0.0)
    return OverfitRun(
        data="one batch" if count == 1 else f"{count} batches",
        samples=0,
        optimizer=f"{name} at rate {rate:.3g}",
        own=given is not None,
        outcome=Outcome.REACHED if reached else outcome(whole),
        losses=tuple(whole),
        accuracy=score.accuracy,
        error=score.error,
        seconds=time.perf_counter() - start,
    )


def _by_pass(losses: Sequence[float], count: int) -> list[float]:
    """The mean loss of each pass over the batches, so that batches of different difficulty make no waves."""
    if count == 1:
        return list(losses)
    passes = [losses[i : i + count] for i in range(0, len(losses), count)]
    return [sum(p) / len(p) for p in passes]


def _samples(capture: GraphCapture, axis: int) -> int:
    """How many samples a batch holds along an axis (1 where time comes first); 0 where what comes in does not agree, or is a single row of amounts."""
    tensors = [t for t in door_tensors(capture) if t.dim()]
    sizes = {t.shape[axis] for t in tensors if t.dim() > axis}
    return sizes.pop() if len(sizes) == 1 and not _row(max(tensors, key=lambda t: t.dim())) else 0


def _row(tensor: torch.Tensor) -> bool:
    return tensor.dim() == 1 and tensor.is_floating_point()


def _reached(
    score: _Score, objective: Objective, losses: Sequence[float], count: int, floor: Floor | None
) -> bool:
    first, last = sum(losses[:count]) / count, sum(losses[-count:]) / count
    if score.accuracy is not None:
        # Where answers contradict each other, against what can be learned: of the answers, or of the loss.
        ceiling = floor.ceiling if floor is not None else 1.0
        least = floor.nats if floor is not None and ceiling < 1 else None
        if least is not None and last - least <= _LEFT * (first - least):
            return True
        return score.accuracy >= _RIGHT.get(objective.kind, 0.9999) * ceiling
    if score.error is not None:
        return score.error <= _ERROR
    return 0 <= last <= _FALLEN * first


def _scored(trainee: Trainee, objective: Objective, count: int) -> _Score:
    right = total = 0
    squares: list[torch.Tensor] = []
    targets: list[torch.Tensor] = []
    for index in range(count):
        pair = _answers(trainee, index)
        if pair is None:
            return _Score(None, None)
        term, prediction, target = pair
        if term.op in _CLASS_LOSSES or term.op.startswith("binary_cross_entropy"):
            hits = _hits(term, prediction, target)
            if hits is None:
                return _Score(None, None)
            right, total = right + int(hits.sum()), total + hits.numel()
        elif (
            objective.kind in (TaskKind.REGRESSION, TaskKind.DENSE_REGRESSION)
            and prediction.shape == target.shape
        ):
            squares.append((prediction.double() - target.double()).square().reshape(-1))
            targets.append(target.double().reshape(-1))
        else:
            return _Score(None, None)
    if total:
        return _Score(right / total, None)
    spread = float(torch.cat(targets).std()) if squares else 0.0
    return _Score(None, math.sqrt(float(torch.cat(squares).mean())) / spread if spread > 0 else None)


def _answers(trainee: Trainee, index: int) -> tuple[LossTerm, torch.Tensor, torch.Tensor] | None:
    """The prediction of a batch on the copies, and its target."""
    capture = trainee.captures[index]
    term = read_objective(capture.graph, 0).term
    if term is None or term.prediction is None or term.target is None:
        return None
    value = capture.value_of_node.get((term.prediction, term.prediction_output))
    place = capture.value_of_node.get((term.target, term.target_output))
    own = capture.data.get(term.target)
    target = trainee.given.get(place, own) if place is not None and own is not None else own
    if value is None or target is None:
        return None
    prediction = trainee.run(index, value, grad=False)[1].detach()
    return term, prediction, target.detach()


def _hits(term: LossTerm, prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor | None:
    """Which answers are right; None where the shapes do not say."""
    if term.op in _CLASS_LOSSES:
        classes = prediction.argmax(1 if prediction.dim() > 1 else 0)
        if not target.is_floating_point():
            kept = target >= 0  # ignore_index is -100 by default
            return (classes == target)[kept] if classes.shape == target.shape else None
        return classes == target.argmax(1) if target.shape == prediction.shape and target.dim() > 1 else None
    if prediction.shape != target.shape:
        return None
    bar = 0.0 if term.op.endswith("logits") else 0.5
    return (prediction > bar) == (target > 0.5)


def by_reruns(runs: Reruns, *, optimizer: str, where: Where = NOWHERE, loss_at: Where = NOWHERE) -> Overfit:
    """The same for a step that cannot be run by itself: the whole program is run again on its first batch, with its own optimizer.

    Args:
        runs: of the program.
        optimizer: what it trains with, in words.
        where: the line that made the optimizer.
        loss_at: that of the loss.

    Raises:
        NotApplicable: no DataLoader makes the batches, or there is no time for 40 steps.
    """
    trace = one_batch(runs)
    run = OverfitRun(
        data="one batch",
        samples=trace.points[0].samples,
        optimizer=optimizer,
        own=True,
        outcome=learned(trace.losses),
        losses=trace.losses,
        seconds=trace.wall_s,
    )
    return Overfit(runs=(run,), where=where, loss_at=loss_at, reruns=True)


def _of(material: Material, seconds: float, progress: Progress) -> object:
    why, optimizer = only_by_reruns(material), material.optimizer
    if why is None or material.command is None or optimizer is None:
        return on_batches(overfit_batch)(material, seconds, progress)
    rate = float(optimizer.param_groups[0].get("lr", 0.0))
    return by_reruns(
        Reruns(material.command, seconds, why),
        optimizer=f"{type(optimizer).__name__} at rate {rate:.3g}",
        where=material.where,
        loss_at=material.step.capture.graph.backward,
    )


EXPERIMENT = Experiment(Overfit, 0.4, 20.0, _of, work=Work(copies=4, trains=True, steps=32))
