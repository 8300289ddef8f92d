"""The whole program on parts of its training set: would more data help?"""

import math
import random
import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..evidence import NOWHERE, CurvePoint, LearningCurve, Where
from ..rerun import Command, Loader, LoaderUse, Plan, Subset, Trace
from ..rule import NotApplicable
from ._reruns import command_of, length, results
from .experiment import Experiment, Material
from .progress import Progress, unseen

SHARES = (1 / 8, 1 / 4, 1 / 2, 1.0)
_FEWEST, _MOST = 2, 3  # runs for each share
_SAMPLES = 10  # of the smallest part
_DRAWS = 200
_STEEPEST = 2.0  # published exponents are below 1


def learning_curve(command: Command, *, seconds: float = 240.0, progress: Progress = unseen) -> LearningCurve:
    """Train the unmodified program on an eighth, a quarter, a half and all of its training set, two or three times each with other seeds and other parts, and fit a power law to what its evaluation computes.

    All runs make the same number of optimizer steps with the same schedule: a part is gone over as often as the whole would have been. What is compared is thus what more data give, not what more
    training gives. The metric is the share of wrong answers where the evaluation computes accuracy, else its loss, else its error.

    Args:
        command: how the program was started.
        seconds: time for all runs. Where eight whole runs do not fit, every run is stopped at the same step.
        progress: called with the share that is done.

    Raises:
        NotApplicable: no DataLoader that a part can be taken of, no evaluation, too few samples, or too little time.
    """
    fit = _fitter()
    began = time.monotonic()
    found = length(command, seconds, fewest=len(SHARES) * _FEWEST, most=len(SHARES) * _MOST, changes=_useful)
    progress(0.2)
    use, metric = _training(found.scout), _metric(found.scout)
    left = seconds - (time.monotonic() - began)
    repeats = found.runs // len(SHARES)
    plans = found.plans(_plan(s, repeat, use, found.scout) for repeat in range(repeats) for s in SHARES)
    traces = results(command, plans, at_once=found.at_once, seconds=left, progress=progress)
    points = _points(plans, traces, metric, use)
    if len(points) < 3 or points[-1].share < 1 or len(points[-1].values) < 2:
        failed = next((t for t in traces if not t.whole), None)
        raise NotApplicable(
            f"too few runs came to an evaluation{': ' + failed.why() if failed is not None else ''}"
        )
    law = fit([(p.samples, v) for p in points for v in p.values], _STARTS)
    gains = _bootstrap(points, law, fit)
    return LearningCurve(
        metric=_NAMES.get(metric, f"evaluation {metric}"),
        points=points,
        floor=law.floor,
        scale=law.scale,
        exponent=law.exponent,
        gain=law.gain(points[-1].samples),
        gain_low=gains[int(0.05 * len(gains))],
        gain_high=gains[int(0.95 * len(gains))],
        draws=len(gains),
        steps=found.steps,
        where=Where(file=use.file, line=use.line) if use.file else NOWHERE,
        seconds=time.monotonic() - began,
    )


_NAMES = {"accuracy": "share of wrong answers"}


def _useful(scout: Trace) -> None:
    """Whether the program has what a learning curve needs."""
    use = _training(scout)
    if (use.samples or 0) * SHARES[0] < _SAMPLES:
        raise NotApplicable(f"the training set has {use.samples} samples: an eighth of them is too few")
    if scout.whole:
        _metric(scout)


def _training(scout: Trace) -> LoaderUse:
    """The DataLoader that is trained on."""
    trained = [u for u in scout.loaders if u.trained]
    if not trained:
        raise NotApplicable(
            "no DataLoader was trained on: which samples its batches are made of is not known"
        )
    places = {(u.file, u.line, u.samples) for u in trained}
    if len(places) > 1:
        raise NotApplicable(
            f"{len(trained)} DataLoaders are trained on: which of them is the training set is not known"
        )
    if trained[0].why_whole is not None:
        raise NotApplicable(f"no part can be taken of the training set: {trained[0].why_whole}")
    return trained[0]


def _metric(trace: Trace) -> str:
    """The metric to compare: what is right or wrong first, for a loss also says how sure the network is of it."""
    known = trace.held_out()
    for name in ("accuracy", "loss", "squared error", "absolute error"):
        if name in known and (name == "accuracy" or known[name].value > 0):
            return name
    raise NotApplicable(
        "no evaluation on other data than those trained on was seen that computes an accuracy, a loss or an error with torch"
    )


def _plan(share: float, repeat: int, use: LoaderUse, scout: Trace) -> Plan:
    alike = [u for u in scout.loaders if (u.file, u.line, u.samples) == (use.file, use.line, use.samples)]
    loader = Loader(file=use.file, line=use.line, samples=use.samples or 0, turn=use.turn)
    by_turn = any(not u.trained for u in alike)
    return Plan(
        seed=repeat,
        subset=Subset(share=share, loader=loader, seed=repeat, by_turn=by_turn) if share < 1 else None,
    )


def _points(
    plans: Sequence[Plan], traces: Sequence[Trace], metric: str, use: LoaderUse
) -> tuple[CurvePoint, ...]:
    values: dict[float, list[float]] = {}
    for plan, trace in zip(plans, traces, strict=True):
        found = trace.held_out().get(metric) if trace.whole else None
        kept = plan.subset is None or any(u.kept for u in trace.loaders)
        if found is not None and kept and math.isfinite(found.value):
            share = plan.subset.share if plan.subset is not None else 1.0
            values.setdefault(share, []).append(1 - found.value if metric == "accuracy" else found.value)
    return tuple(
        CurvePoint(share=s, samples=math.ceil(s * (use.samples or 0)), values=tuple(values[s]))
        for s in SHARES
        if s in values
    )


@dataclass(frozen=True, slots=True)
class Law:
    """``floor + scale * samples ** -exponent``."""

    floor: float
    scale: float
    exponent: float

    def at(self, samples: float) -> float:
        """The metric at a number of samples."""
        return self.floor + self.scale * samples**-self.exponent

    def gain(self, samples: float) -> float:
        """The share of the metric that twice the samples would take away."""
        now = self.at(samples)
        return 1 - self.at(2 * samples) / now if now > 0 else 0.0


Fit = Callable[[Sequence[tuple[int, float]], Sequence[float]], Law]
_STARTS = (0.1, 0.5, 1.0)


def _fitter() -> Fit:
    try:
        import numpy as np
        from scipy.optimize import curve_fit  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]
    except ImportError:
        raise NotApplicable(
            "the power law is fitted by scipy: pip install 'netwright[experiments]'"
        ) from None

    def fit(data: Sequence[tuple[int, float]], starts: Sequence[float]) -> Law:
        whole = max(n for n, _ in data)
        sizes, values = [n / whole for n, _ in data], [v for _, v in data]
        low, high = min(values), max(values)
        if high <= 0:
            return Law(0.0, 0.0, 0.0)
        best: tuple[float, Law] | None = None
        for start in starts:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    found, _ = curve_fit(  # pyright: ignore[reportUnknownVariableType]
                        lambda x, a, b, c: a + b * x ** (-c),  # pyright: ignore
                        np.array(sizes),
                        values,
                        p0=(low / 2, max(low / 2, 1e-6), start),
                        bounds=((0, 0, 0), (max(high, 1e-9), 10 * high, _STEEPEST)),
                        maxfev=2000,
                    )
                except (RuntimeError, ValueError):
                    continue
            a, b, c = (float(v) for v in found)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
            law = Law(a, b * whole**c, c)
            error = sum((law.at(n) - v) ** 2 for n, v in data)
            if best is None or error < best[0]:
                best = (error, law)
        if best is None:
            raise NotApplicable("no power law could be fitted to the metric by the size of the training set")
        return best[1]

    return fit


def _bootstrap(points: Sequence[CurvePoint], law: Law, fit: Fit) -> list[float]:
    """Gains of laws fitted to the curve with its residuals drawn anew, in ascending order.

    Residuals are taken to spread alike at all sizes as shares of the curve, and are widened by the degrees of freedom that the three numbers of the law take.
    """
    data = [(p.samples, v) for p in points for v in p.values]
    wider = math.sqrt(len(data) / max(len(data) - 3, 1))
    residuals = [wider * (v - law.at(n)) / law.at(n) for n, v in data if law.at(n) > 0] or [0.0]
    centre = statistics.fmean(residuals)
    draw = random.Random(0)
    gains: list[float] = []
    for _ in range(_DRAWS):
        again = [(n, max(0.0, law.at(n) * (1 + draw.choice(residuals) - centre))) for n, _ in data]
        gains.append(fit(again, (law.exponent,)).gain(points[-1].samples))
    return sorted(gains)


def _of(material: Material, seconds: float, progress: Progress) -> LearningCurve:
    return learning_curve(command_of(material), seconds=seconds, progress=progress)


EXPERIMENT = Experiment(LearningCurve, 0.4, 3600.0, _of, reruns=True)
