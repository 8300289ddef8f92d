"""Which learning rates train, by a few steps from the same start at each (Smith's range test, with a fresh start for every rate)."""

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch

from ..capture.sandbox import untouched
from ..capture.step import Step
from ..evidence import NOWHERE, RangeTest, Schedule, Where
from ..rule import NotApplicable
from ._by_reruns import STEPS as RERUN_STEPS
from ._by_reruns import Reruns, only_by_reruns, share, unmoved
from ._group_rates import Partner, group_rates, names_of, partners
from ._trial import COARSE, STEPS, Trial, bisect, edge, grows
from .experiment import Experiment, Material, Work
from .progress import Progress, unseen
from .trainee import ERRORS, Trainee

_LOWEST, _HIGHEST = 1e-6, 100.0  # times 1: rates beyond are used by no one
_STILL = 1e-3
_FEWEST = 5  # rates, below which nothing is told
_OVER = 2  # times the seconds given may be spent on the fewest rates


def range_test(
    step: Step,
    optimizer: torch.optim.Optimizer,
    *,
    others: Sequence[Step] = (),
    partners: Sequence[Partner] = (),
    names: Mapping[int, str] | None = None,
    constant: bool = True,
    schedule: Schedule | None = None,
    seconds: float = 15.0,
    where: Where = NOWHERE,
    progress: Progress = unseen,
) -> RangeTest:
    """Train copies of the step's parameters a few steps at each of a range of rates, without clipping, and look where the loss ends.

    The sweep goes up from the rate in use by half decades until the loss grows, then down as far as time allows, then three rates around the best one are added, and the edge
    is narrowed by bisection. All parameter groups keep their ratio; then each is tried alone, the others held at theirs.

    Args:
        step: the captured step.
        optimizer: the program's optimizer, for its kind, settings and rates.
        others: further steps of the program, each with its own batch; the steps go round over all of them.
        partners: further optimizers of the program, whose groups are tried as well.
        names: names of the parameters, by the ``id`` of the tensor.
        constant: whether the program keeps its rate (no scheduler, no warm-up).
        schedule: the scheduler of the optimizer, where there is one whose rates are known.
        seconds: time for everything.
        where: the line that made the optimizer.
        progress: called with the share that is done.

    Raises:
        NotApplicable: the step cannot be run again, the optimizer cannot be built anew, or has no rate.
    """
    used = [float(g["lr"]) for g in optimizer.param_groups if "lr" in g]
    if not used or not used[0] > 0:
        raise NotApplicable("the optimizer has no learning rate above 0 to compare with")
    began = time.perf_counter()
    several = len(optimizer.param_groups) > 1 or bool(partners)
    found: dict[float, float] = {}
    peak = schedule.peaks[0] if schedule is not None and schedule.peaks else None
    at_peak: float | None = None

    def left(share: float) -> Callable[[], bool]:
        return lambda: time.perf_counter() - began < seconds * share

    with untouched():
        try:
            trainee = Trainee([step.capture, *(s.capture for s in others)])
            helpers = [p.optimizer for p in partners if p.steps is None]
            trial = Trial(trainee, [optimizer, *helpers])
            own = len(optimizer.param_groups)
            if _FEWEST * trial.cost > _OVER * seconds:
                raise NotApplicable(
                    f"{STEPS} steps at one rate take about {trial.cost:.0f} s, too long for {_FEWEST} rates in {seconds:.0f} s"
                )

            def ask(rate: float) -> float:
                return trial.at([rate / used[0]] * own + [1.0] * (trial.groups - own))

            sweep_ends = left(0.4 if several else 0.7)
            for done, rate in enumerate(_sweep(found, used[0], peak)):
                if len(found) >= _FEWEST and not sweep_ends():
                    break
                found[rate] = ask(rate)
                progress(min(0.6, done / 30))
            bisect(found, ask, left(0.5 if several else 0.85))
            recommended = _recommended(found, ask, left(0.55 if several else 0.95))
            if peak is not None and peak > 1.01 * used[0] and left(0.6)():
                at_peak = _raised(trial, used[0], peak, own)
            progress(0.65)
            groups = ()
            if several:
                groups = group_rates(
                    trial,
                    [Partner(optimizer, where, names=names or {}), *partners],
                    safe=_safe(found, used[0]),
                    peaks=schedule.peaks if schedule is not None else (),
                    seconds=seconds - (time.perf_counter() - began),
                    progress=progress,
                )
        except ERRORS as error:
            raise NotApplicable(f"the step could not be trained: {type(error).__name__}: {error}") from None
    rates = sorted(found)
    stable = [r for r in rates if not grows(found[r])]
    still = _still(found)
    return RangeTest(
        rates=tuple(rates),
        losses=tuple(found[r] if math.isfinite(found[r]) else None for r in rates),
        steps=STEPS,
        best=min(stable, key=lambda r: found[r]) if stable else None,
        largest=max(stable) if stable else None,
        in_use=used[0],
        constant=constant,
        optimizer=type(optimizer).__name__,
        where=where,
        seconds=time.perf_counter() - began,
        grows=edge(found)[1],
        recommended=recommended,
        still=still,
        groups=groups,
        schedule=schedule.type if schedule is not None else None,
        peak=peak if peak is not None else used[0] if constant else None,
        final=schedule.final if schedule is not None else None,
        at_peak=at_peak,
        idle=_idle(schedule, still),
    )


def by_reruns(
    runs: Reruns,
    *,
    in_use: float,
    optimizer: str,
    constant: bool = True,
    where: Where = NOWHERE,
    progress: Progress = unseen,
) -> RangeTest:
    """The same for a step that cannot be run by itself: the whole program is run again for its first steps, with all rates multiplied by one factor each time.

    The loss of the last of these steps is compared with that of the same batches in a run whose rates are 0.

    Args:
        runs: of the program.
        in_use: its rate.
        optimizer: the class of its optimizer.
        constant: whether the program keeps its rate.
        where: the line that made the optimizer.
        progress: called with the share that is done.

    Raises:
        NotApplicable: there is no time for five rates, or the program sets its rates by itself.
    """
    control = unmoved(runs)
    runs.require(_FEWEST)
    own = runs.at(1.0)
    if own.losses == control.losses:
        raise NotApplicable(
            "run again with rates of 0 the losses are the same: the program sets its rates itself"
        )
    found: dict[float, float] = {in_use: share(own, control)}
    if not math.isfinite(found[in_use]) and not own.losses:
        raise NotApplicable(f"run again, {own.why()}")

    def ask(rate: float) -> float:
        return share(runs.at(rate / in_use), control)

    recommended = None
    with contextlib.suppress(NotApplicable):  # the time was over sooner than it looked
        for done, rate in enumerate(_sweep(found, in_use, None)):
            if rate not in found:
                if not runs.fits():
                    break
                found[rate] = ask(rate)
            progress(min(0.8, done / 12))
        bisect(found, ask, runs.fits)
        recommended = _recommended(found, ask, runs.fits)
    if len(found) < _FEWEST:
        raise NotApplicable(
            f"in {runs.seconds:.0f} s the program could be run at {len(found)} rates, of which {_FEWEST} are needed"
        )
    rates = sorted(found)
    stable = [r for r in rates if not grows(found[r])]
    return RangeTest(
        rates=tuple(rates),
        losses=tuple(found[r] if math.isfinite(found[r]) else None for r in rates),
        steps=RERUN_STEPS,
        best=min(stable, key=lambda r: found[r]) if stable else None,
        largest=max(stable) if stable else None,
        in_use=in_use,
        constant=constant,
        optimizer=optimizer,
        where=where,
        seconds=runs.seconds - runs.left,
        grows=edge(found)[1],
        recommended=recommended,
        still=_still(found),
        reruns=True,
    )


def _sweep(found: Mapping[float, float], in_use: float, peak: float | None) -> Iterator[float]:
    """Rates in the order in which they tell most: the one in use, upwards until the loss grows, downwards until it hardly moves, around the best."""
    yield in_use
    if peak is not None and peak != in_use:
        yield peak
    rate, bad = in_use, 0
    while bad < 2 and rate * COARSE <= _HIGHEST:
        rate *= COARSE
        yield rate
        bad = bad + 1 if grows(found[rate]) else 0
    rate, still = in_use, 0
    while still < 2 and rate / COARSE >= _LOWEST:
        rate /= COARSE
        yield rate
        still = still + 1 if abs(1 - found[rate]) < _STILL else 0
    best = min(found, key=lambda r: found[r] if math.isfinite(found[r]) else math.inf)
    for factor in (COARSE**-0.5, COARSE**0.5):
        yield best * factor


def _recommended(
    found: dict[float, float], ask: Callable[[float], float], time_left: Callable[[], bool]
) -> float | None:
    """The largest rate, divided by three until the loss falls (by half of what it falls at the best one)."""
    rate = edge(found)[0]
    if rate is None:
        return None
    wanted = 1 - 0.5 * (1 - min(found.values()))
    while found[rate] > wanted:
        rate /= 3
        if rate not in found:
            if rate < _LOWEST or not time_left():
                return None
            found[rate] = ask(rate)
    return rate


def _still(found: Mapping[float, float]) -> float | None:
    """The largest of the small rates at which the loss hardly moves."""
    last: float | None = None
    for rate in sorted(found):
        if abs(1 - found[rate]) >= _STILL:
            break
        last = rate
    return last


def _raised(trial: Trial, in_use: float, peak: float, own: int) -> float | None:
    """The loss after the rate has risen to the peak and stayed there."""
    rest = [1.0] * (trial.groups - own)
    try:
        return trial.at([1.0] * own + rest, end=[peak / in_use] * own + rest)
    except NotApplicable:
        return None


def _safe(found: Mapping[float, float], in_use: float) -> float:
    """By what to multiply the rates in use so that the loss does not grow: 1 where it does not."""
    largest = edge(found)[0]
    if not grows(found[in_use]) or largest is None:
        return 1.0
    return min(1.0, largest / 3 / in_use)


def _idle(schedule: Schedule | None, still: float | None) -> float | None:
    if schedule is None or not schedule.rates or still is None:
        return None
    return sum(1 for r in schedule.rates if r < still) / len(schedule.rates)


def _of(material: Material, seconds: float, progress: Progress) -> RangeTest:
    from ..probes.schedules import schedule as describe

    if material.optimizer is None:
        raise NotApplicable("no optimizer made a step, so there is no rate to compare with")
    why = only_by_reruns(material)
    if why is not None and material.command is not None:
        rate = float(material.optimizer.param_groups[0].get("lr", 0.0))
        if not rate > 0:
            raise NotApplicable("the optimizer has no learning rate above 0 to compare with")
        return by_reruns(
            Reruns(material.command, seconds, why),
            in_use=rate,
            optimizer=type(material.optimizer).__name__,
            constant=material.constant,
            where=material.where,
            progress=progress,
        )
    recording = material.session.recording
    made = [r for r in recording.schedulers if not r.part and not _other(material, r.optimizer)]
    schedule = describe(recording, made[0]) if len(made) == 1 else None
    constant = material.constant and not made
    never = schedule is not None and schedule.never
    return range_test(
        material.step,
        material.optimizer,
        others=material.others,
        partners=partners(material),
        names=names_of(material),
        constant=constant or (material.constant and never),
        schedule=None if never else schedule,
        seconds=seconds,
        where=material.where,
        progress=progress,
    )


def _other(material: Material, index: int | None) -> bool:
    """Whether a scheduler drives another optimizer than the one that is tried."""
    records = material.session.recording.optimizers
    return index is not None and records[index].optimizer() is not material.optimizer


EXPERIMENT = Experiment(RangeTest, 0.45, 25.0, _of, work=Work(copies=4, trains=True, steps=80, passes=6))
