"""The honest baseline of a cure: plain search over hyper-parameters on the same faulty program, given the processor time that `netwright fix` took.

Learning rate, optimizer, weight decay, clipping and, where the program trains from a DataLoader, batch size; drawn at random, or by Optuna's TPE. Judged, like a remedy, by
the number that the program's own evaluation computes.
"""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from bench.faultbench import execute
from bench.faultbench.cure import Known, back
from bench.faultbench.programs import HERE, Program
from netwright.rerun import Command, Intervention, Plan, Trace
from netwright.rerun.pool import rerun, workers
from netwright.trial import Yardstick, choose
from netwright.trial.yardstick import Stays

METHODS = ("optuna", "random")
BATCHES = (8, 16, 32, 64, 128, 256, 512)
_LONGEST = 3.0  # times the wall time: a machine may be busier than it was for netwright, but not without end

Run = Callable[[Sequence[Plan], float], Sequence[Trace]]


class Asked(Protocol):
    """What is used of an `optuna.trial.Trial`."""

    def suggest_float(self, name: str, low: float, high: float, /, *, log: bool) -> float: ...  # noqa: D102
    def suggest_categorical(self, name: str, choices: Sequence[str | int], /) -> Any: ...  # noqa: D102


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Tuned:
    """The best that a search found for one program. `after` is the metric that the program prints with it, `given_s` and `given_cpu_s` what netwright took."""

    id: str
    method: str
    trials: int
    yardstick: str | None
    before: float | None
    best: float | None
    settings: dict[str, Any]
    after: float | None
    back: float | None
    seconds: float
    cpu_s: float
    given_s: float
    given_cpu_s: float
    netwright: str


def draw(trial: Asked, *, batch: bool) -> dict[str, Any]:
    """One set of hyper-parameters."""
    drawn: dict[str, Any] = {
        "rate": trial.suggest_float("rate", 1e-6, 10.0, log=True),
        "kind": trial.suggest_categorical("kind", ("sgd", "momentum", "adam", "adamw")),
        "decay": trial.suggest_float("decay", 1e-8, 1e-1, log=True),
        "norm": trial.suggest_float("norm", 1e-2, 1e3, log=True),
    }
    if batch:
        drawn["size"] = trial.suggest_categorical("size", BATCHES)
    return drawn


def plan(settings: dict[str, Any], turns: Sequence[int]) -> Plan:
    """The re-run of the program with these settings."""
    own = {k: settings[k] for k in ("kind", "rate", "decay")}
    changes = [
        Intervention(name="bench.faultbench.settings:optimizer", settings=own),
        Intervention(name="clip-gradients", settings={"norm": settings["norm"]}),
    ]
    if "size" in settings and turns:
        wanted = {"size": settings["size"], "turns": ",".join(map(str, turns))}
        changes.append(Intervention(name="bench.faultbench.settings:batches", settings=wanted))
    return Plan(seed=0, interventions=tuple(changes))


@dataclasses.dataclass(kw_only=True, slots=True)
class Found:
    """What a search has seen: `tried` with the values of the yardstick."""

    control: Trace
    yardstick: Yardstick | None
    tried: list[tuple[dict[str, Any], Trace, float | None]]
    cpu_s: float

    @property
    def best(self) -> tuple[dict[str, Any], Trace, float | None]:
        """The best, the program as it is included; the first of equals."""
        assert self.yardstick is not None
        own: tuple[dict[str, Any], Trace, float | None] = (
            {},
            self.control,
            self.yardstick.value(self.control),
        )
        better = self.yardstick.gain
        best = own
        for one in self.tried:
            if better(best[2], one[2]) > 0:
                best = one
        return best


def search(study: Any, run: Run, *, seconds: float, cpu_s: float, at_once: int) -> Found:
    """Ask a study for settings and try them until the time is over.

    Args:
        study: an Optuna study that maximizes, or what does as one.
        run: re-runs the program for plans, within seconds.
        seconds: wall time that netwright took; three times as much are allowed.
        cpu_s: processor time given. Trials that have begun when it is used up are finished.
        at_once: trials at a time.
    """
    began = time.monotonic()
    (control,) = run([Plan(seed=0)], _LONGEST * seconds)
    found = Found(control=control, yardstick=choose([control], Stays()), tried=[], cpu_s=control.cpu_s)
    turns = [use.turn for use in control.loaders if use.trained]
    while found.cpu_s < cpu_s and (past := time.monotonic() - began) < _LONGEST * seconds:
        asked = [study.ask() for _ in range(at_once)]
        drawn = [draw(trial, batch=bool(turns)) for trial in asked]
        traces = run([plan(d, turns) for d in drawn], _LONGEST * seconds - past)
        # A program that crashes as it is may show its yardstick only now.
        found.yardstick = found.yardstick or choose(traces, Stays())
        for trial, settings, trace in zip(asked, drawn, traces, strict=True):
            value = found.yardstick.value(trace) if found.yardstick is not None and trace.whole else None
            found.tried.append((settings, trace, value))
            found.cpu_s += trace.cpu_s
            _tell(study, trial, found.yardstick, value)
    return found


def _tell(study: Any, trial: Any, yardstick: Yardstick | None, value: float | None) -> None:
    from optuna.trial import TrialState

    if yardstick is None or value is None:
        study.tell(trial, state=TrialState.FAIL)
    else:
        study.tell(trial, value if yardstick.higher_is_better else -value)


def tune(program: Program, known: Known, method: str, *, seconds: float, cpu_s: float) -> Tuned:
    """Search the hyper-parameters of a program, and see what it prints with the best."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = (
        optuna.samplers.TPESampler(seed=0) if method == "optuna" else optuna.samplers.RandomSampler(seed=0)
    )
    study = optuna.create_study(direction="maximize", sampler=sampler)
    began = time.monotonic()
    with execute.workplace(program) as (folder, script):
        # The re-runs find the changes of settings.py from wherever they are started.
        paths = [str(HERE.parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        command = Command(target=script.name, folder=folder, environment=environment)
        # As in `netwright fix`: as many at a time as there are cores, each with its share of them.
        at_once = workers()

        def run(plans: Sequence[Plan], left: float) -> Sequence[Trace]:
            return rerun(command, plans, at_once=at_once, seconds=max(1.0, left), cache=False)

        found = search(study, run, seconds=seconds, cpu_s=cpu_s, at_once=at_once)
    settings, trace, best = found.best if found.yardstick is not None else ({}, found.control, None)
    after = program.metric.read("\n".join(trace.tail))
    return Tuned(
        id=program.id,
        method=method,
        trials=len(found.tried),
        yardstick=found.yardstick.name if found.yardstick is not None else None,
        before=found.yardstick.value(found.control) if found.yardstick is not None else None,
        best=best,
        settings=settings,
        after=after,
        back=back(program.metric, known, after),
        seconds=round(time.monotonic() - began, 1),
        cpu_s=round(found.cpu_s, 1),
        given_s=seconds,
        given_cpu_s=cpu_s,
        netwright=execute.netwright_fingerprint(),
    )
