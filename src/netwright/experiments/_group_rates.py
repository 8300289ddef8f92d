"""The largest rate of each parameter group, the others held at theirs."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch

from ..capture.step import Step
from ..evidence import NOWHERE, GroupRates, Where
from ..rule import NotApplicable
from ._trial import Trial, edge, largest_alone
from .experiment import Material
from .progress import Progress
from .trainee import Trainee

_MOST = 6  # groups that are tried, those with the most parameters
_BOUNDS = (1e-7, 1e3)
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Partner:
    """An optimizer of the program and the line that makes it. ``steps`` are the steps that it trains on, None where it steps on those of the first optimizer.

    ``names`` are those of parameters, by the ``id`` of the tensor.
    """

    optimizer: torch.optim.Optimizer
    where: Where = NOWHERE
    steps: tuple[Step, ...] | None = None
    names: Mapping[int, str] = field(default_factory=dict[int, str])


@dataclass(frozen=True, slots=True)
class _Group:
    """One group: which trial it belongs to, its place among the groups of that trial, how many numbers it trains."""

    partner: Partner
    position: int
    place: int
    names: tuple[str, ...]
    parameters: int
    in_use: float


def names_of(material: Material) -> dict[int, str]:
    """Names of the networks' parameters."""
    from ..probes.model import parameter_names
    from ..probes.observed import Observed

    return {key: name for key, (_, name) in parameter_names(Observed(material.session)).items()}


def partners(material: Material) -> list[Partner]:
    """The other optimizers of the program that made steps: on losses of their own (a GAN), or on the same one."""
    recording = material.session.recording
    names = names_of(material)
    mine = {id(t) for t in material.step.capture.parameters.values()}
    found: list[Partner] = []
    for index, record in enumerate(recording.optimizers):
        optimizer = record.optimizer()
        if optimizer is None or optimizer is material.optimizer or not record.steps:
            continue
        if isinstance(optimizer, torch.optim.LBFGS):
            continue
        own = [c for c in recording.captures if c.optimizer == index and c is not material.step.capture]
        if own:
            lines = {c.graph.backward for c in own[:1]}
            later = [c for c in recording.later if c.graph.backward in lines]
            found.append(Partner(optimizer, record.where, tuple(Step(c) for c in [own[0], *later]), names))
        elif any(id(p) in mine for g in optimizer.param_groups for p in g["params"]):
            found.append(Partner(optimizer, record.where, names=names))
    return found


def group_rates(
    trial: Trial,
    given: Sequence[Partner],
    *,
    safe: float,
    peaks: Sequence[float],
    seconds: float,
    progress: Progress,
) -> tuple[GroupRates, ...]:
    """Each group's own largest rate.

    Args:
        trial: that of the first optimizer and those that step with it, in order.
        given: all optimizers, the first one first.
        safe: by what to multiply the rates of the first optimizer so that the loss does not grow.
        peaks: the largest rates of its schedule, by group.
        seconds: time for all.
        progress: called with the share that is done.
    """
    began = time.perf_counter()
    together = [p for p in given if p.steps is None]
    alone = [p for p in given if p.steps is not None]
    found: list[GroupRates] = []
    parts = 1 + len(alone)

    def until(part: int) -> Callable[[], float]:
        return lambda: began + seconds * part / parts - time.perf_counter()

    hold = [safe] * len(together[0].optimizer.param_groups)
    hold += [1.0] * (trial.groups - len(hold))
    found += _tried(trial, _groups(trial.trainee, together), hold, peaks, until(1))
    progress(0.65 + 0.3 / parts)
    # One after the other, so that only one set of copies is there at a time besides the first.
    for number, partner in enumerate(alone):
        try:
            trainee = Trainee([s.capture for s in partner.steps or ()])
            other = Trial(trainee, [partner.optimizer])
            groups = _groups(trainee, [partner])
            found += _tried(other, groups, [1.0] * other.groups, (), until(2 + number))
        except NotApplicable:
            continue
        progress(0.65 + 0.3 * (2 + number) / parts)
    return tuple(found)


def _tried(
    trial: Trial,
    groups: Sequence[_Group],
    hold: Sequence[float],
    peaks: Sequence[float],
    left: Callable[[], float],
) -> list[GroupRates]:
    chosen = sorted(groups, key=lambda g: -g.parameters)[:_MOST]
    # Where the others alone make the loss grow, a group cannot be told from them.
    bar = max(1.0, trial.at(hold)) if chosen else 1.0
    found: list[GroupRates] = []
    for number, group in enumerate(sorted(chosen, key=lambda g: g.place)):
        share = max(0.0, left()) / (len(chosen) - number)
        end = time.perf_counter() + share
        if share <= 0:
            break

        def ask(rate: float, group: _Group = group) -> float:
            factors = [*hold]
            factors[group.place] = rate / group.in_use
            return trial.at(factors)

        begin = group.in_use * hold[group.place]
        shares = largest_alone(ask, begin, _BOUNDS, lambda end=end: time.perf_counter() < end, bar)
        low, high = edge(shares, bar)
        loss = shares[begin] if begin == group.in_use else ask(group.in_use)
        peak = peaks[group.place] if group.place < len(peaks) else None
        found.append(
            GroupRates(
                optimizer=type(group.partner.optimizer).__name__,
                group=group.position,
                names=group.names,
                parameters=group.parameters,
                in_use=group.in_use,
                largest=low,
                grows=high,
                loss=loss if math.isfinite(loss) else None,
                least=min(shares.values()),
                peak=peak,
                where=group.partner.where,
            )
        )
    return found


def _groups(trainee: Trainee, given: Sequence[Partner]) -> list[_Group]:
    """The groups that train parameters of the step at a rate above 0."""
    names = {key: name for p in given for key, name in p.names.items()}
    found: list[_Group] = []
    place = 0
    for partner in given:
        for position, group in enumerate(partner.optimizer.param_groups):
            held = [p for p in group["params"] if id(p) in trainee.weights and p.requires_grad]
            rate = float(group.get("lr", 0.0))
            if held and rate > 0:
                named = tuple(
                    names.get(id(p)) or f"a tensor of shape {tuple(p.shape)}" for p in held[:_NAMED]
                )
                more = (f"{len(held) - _NAMED} more",) if len(held) > _NAMED else ()
                numel = sum(p.numel() for p in held)
                found.append(_Group(partner, position, place, named + more, numel, rate))
            place += 1
    return found
