"""How often `netwright fix` heals: planted faults that bite, mended and trained again, against the healthy recipe; and healthy recipes, which must stay as they are."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import json
import math
import os
import resource
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench.faultbench import execute, programs, runner
from bench.faultbench.operators import operators
from bench.faultbench.programs import Metric, Program
from bench.faultbench.source import DoesNotApply

BACK = 0.95  # of the way from the trivial predictor to the healthy program


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Cured:
    """One program after `netwright fix --write`. `back` is how far its metric came back: 1 is the healthy program's, 0 the trivial predictor's (or the faulty program's, where none is known)."""

    id: str
    code: int
    changed: bool
    removed: int
    added: int
    healthy: float | None
    faulty: float | None
    after: float | None
    back: float | None
    seconds: float
    cpu_s: float
    training_s: float
    training_cpu_s: float
    patch: tuple[str, ...]
    said: str
    netwright: str

    @property
    def cured(self) -> bool:
        """Whether the patch that was proven brings the metric back."""
        return self.changed and self.back is not None and self.back >= BACK


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """What bare trainings reached: the healthy recipe or the published fix at three seeds, the faulty program at its first."""

    healthy: tuple[float, ...]
    faulty: float | None


def known(bites: dict[str, Any], name: str) -> Known:
    """What is kept of a program in bites.json."""
    kind, *rest = name.split("/")
    if kind == "real":
        entry = bites["real"].get(rest[0], {})
        reached, faulty = entry.get("fixed", []), entry.get("faulty", [None])
    else:
        reached = bites["healthy"].get(rest[-2], {}).get("metrics", [])
        faulty = bites["planted"].get("/".join(rest[:2]), {}).get("metrics", [None])
    return Known(
        healthy=tuple(m for m in reached if m is not None), faulty=None if kind == "healthy" else faulty[0]
    )


def chosen(bites: dict[str, Any], *, seconds: float, each: int, real: int, healthy: int) -> list[str]:
    """Which programs are mended, by a rule that knows no outcome: the quickest, by the times in bites.json.

    For each operator the quickest recipe on which its fault bites, or the `each` quickest, if the healthy recipe trains within `seconds`; the `real` quickest real programs that bite; the `healthy` quickest recipes.
    """
    took = {name: min(entry["seconds"]) for name, entry in bites["healthy"].items()}
    biting: dict[str, list[tuple[float, str]]] = {}
    for key, measured in bites["planted"].items():
        operator, recipe = key.split("/")
        own = (took.get(recipe, math.inf), recipe)
        # Those by definition count without doing harm, and leave nothing to heal.
        if measured["state"] == "bites" and own[0] <= seconds and _stands(bites, operator, recipe):
            biting.setdefault(operator, []).append(own)
    planted = sorted((*own, name) for name, found in biting.items() for own in sorted(found)[:each])
    cases = sorted(
        (min(entry["seconds"]), name)
        for name, entry in bites["real"].items()
        if entry["state"] == "bites"
        and name in programs.cases()
        and programs.available(programs.cases()[name].data)
    )
    recipes = sorted(
        (s, name)
        for name, s in took.items()
        if name in programs.recipes() and programs.available(programs.recipes()[name].data)
    )
    return [
        *(f"planted/{operator}/{recipe}/0" for _, recipe, operator in planted),
        *(f"real/{name}/faulty/0" for _, name in cases[:real]),
        *(f"healthy/{name}/0" for _, name in recipes[:healthy]),
    ]


def _stands(bites: dict[str, Any], operator: str, recipe: str) -> bool:
    """Whether what was measured is still that of these programs."""
    try:
        found, on = operators()[operator], programs.recipes()[recipe]
        return programs.available(on.data) and runner.standing(bites, found, on)[0]
    except (KeyError, DoesNotApply):
        return False


def kept(path: Path, budget: float) -> dict[str, Any]:
    """Results of before, if they are those of the same budget: the last of each program, those of earlier states of netwright, and the baselines by method."""
    fresh: dict[str, Any] = {"budget": budget, "programs": {}, "earlier": {}, "baselines": {}}
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return fresh
    return before if before.get("budget") == budget else fresh


def wanted(results: dict[str, Any], name: str, *, again: bool) -> bool:
    """Whether a program is to be mended: it was not yet, or (`again`) an earlier state of netwright did not cure it."""
    entry = results["programs"].get(name)
    if entry is None:
        return True
    done = Cured(**entry)
    missed = done.changed if name.startswith("healthy/") else not done.cured
    return again and missed and done.netwright != execute.netwright_fingerprint()


def keep(results: dict[str, Any], done: Cured, path: Path) -> None:
    """Note what came of a program; what an earlier state made of it stays beside it."""
    before = results["programs"].get(done.id)
    if before is not None:
        results["earlier"].setdefault(done.id, []).append(before)
    results["programs"][done.id] = dataclasses.asdict(done)
    save(results, path)


def save(results: dict[str, Any], path: Path) -> None:
    """Write the results, so that an interrupted run goes on where it was."""
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def cure(program: Program, known: Known, *, budget: float) -> Cured:
    """Mend a program and train what came of it."""
    with execute.workplace(program) as (folder, script):
        command = [
            sys.executable,
            "-m",
            "netwright",
            "fix",
            "--write",
            "--budget",
            f"{budget:g}",
            str(script.name),
        ]
        began, used = time.monotonic(), _children_s()
        child = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            _, said = child.communicate(timeout=budget + 300)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            _, said = child.communicate()
        seconds, cpu = time.monotonic() - began, _children_s() - used
        text = script.read_text(encoding="utf-8")
    diff = list(difflib.unified_diff(program.text.splitlines(), text.splitlines(), n=0, lineterm=""))[2:]
    mean = statistics.fmean(known.healthy) if known.healthy else None
    changed = text != program.text
    run = execute.train(dataclasses.replace(program, text=text)) if changed else None
    after = run.metric if run is not None else None
    own_s, own_cpu_s = _alone(program)
    return Cured(
        id=program.id,
        code=child.returncode,
        changed=changed,
        removed=sum(line.startswith("-") for line in diff),
        added=sum(line.startswith("+") for line in diff),
        healthy=mean,
        faulty=known.faulty,
        after=after,
        back=back(program.metric, known, after),
        seconds=round(seconds, 1),
        cpu_s=round(cpu, 1),
        training_s=round(own_s, 2),
        training_cpu_s=round(own_cpu_s, 2),
        patch=tuple(diff),
        said=said.decode(errors="replace")[-4000:],
        netwright=execute.netwright_fingerprint(),
    )


def _alone(program: Program) -> tuple[float, float]:
    """Wall and processor time of the program itself, run as its user would run it, right beside what was measured: the machine may be busy."""
    with execute.workplace(program) as (folder, script):
        began, used = time.monotonic(), _children_s()
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(
                [sys.executable, script.name],
                cwd=folder,
                env={**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=execute.TRAINING_LIMIT_S,
                check=False,
            )
        return time.monotonic() - began, _children_s() - used


def _children_s() -> float:
    """Processor time of all processes that were started here and have ended."""
    use = resource.getrusage(resource.RUSAGE_CHILDREN)
    return use.ru_utime + use.ru_stime


def back(metric: Metric, known: Known, after: float | None) -> float | None:
    """How far a metric came back: 1 is the healthy program's, 0 the trivial predictor's (or the faulty program's, where none is known)."""
    if not known.healthy or after is None:
        return None
    healthy = statistics.fmean(known.healthy)
    span = metric.loss(healthy, metric.trivial if metric.trivial is not None else known.faulty)
    return round(1 - metric.loss(healthy, after) / span, 4) if span > 0 else None
