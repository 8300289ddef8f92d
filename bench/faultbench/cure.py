"""How often `netwright fix` heals: planted faults that bite, mended and trained again, against the healthy recipe; and healthy recipes, which must stay as they are."""

from __future__ import annotations

import dataclasses
import difflib
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.faultbench import execute, page, score
from bench.faultbench.programs import Metric, Program

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
    training_s: float
    said: str

    @property
    def cured(self) -> bool:
        """Whether the patch that was proven brings the metric back."""
        return self.changed and self.back is not None and self.back >= BACK


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """What bare trainings reached: the healthy recipe at three seeds, the faulty program at its first."""

    healthy: tuple[float, ...]
    faulty: float | None


def known(bites: dict[str, Any], name: str) -> Known:
    """What is kept of a program in bites.json."""
    kind, *rest = name.split("/")
    recipe = rest[0] if kind == "healthy" else rest[1]
    reached = bites["healthy"].get(recipe, {}).get("metrics", [])
    faulty = (
        bites["planted"].get("/".join(rest[:2]), {}).get("metrics", [None]) if kind == "planted" else [None]
    )
    return Known(healthy=tuple(m for m in reached if m is not None), faulty=faulty[0])


def kept(path: Path, budget: float) -> dict[str, Any]:
    """Results of before, if they are those of the same netwright and budget."""
    fresh: dict[str, Any] = {"budget": budget, "netwright": execute.netwright_fingerprint(), "programs": {}}
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return fresh
    return before if all(before.get(k) == fresh[k] for k in ("budget", "netwright")) else fresh


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
        began = time.monotonic()
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
        seconds = time.monotonic() - began
        text = script.read_text(encoding="utf-8")
    diff = list(difflib.unified_diff(program.text.splitlines(), text.splitlines(), n=0, lineterm=""))[2:]
    mean = statistics.fmean(known.healthy) if known.healthy else None
    changed = text != program.text
    run = execute.train(dataclasses.replace(program, text=text)) if changed else None
    after = run.metric if run is not None else None
    own = execute.train(program)
    return Cured(
        id=program.id,
        code=child.returncode,
        changed=changed,
        removed=sum(line.startswith("-") for line in diff),
        added=sum(line.startswith("+") for line in diff),
        healthy=mean,
        faulty=known.faulty,
        after=after,
        back=_back(program.metric, mean, known.faulty, after),
        seconds=round(seconds, 1),
        training_s=own.seconds,
        said=said.decode(errors="replace")[-1500:],
    )


def _back(metric: Metric, healthy: float | None, faulty: float | None, after: float | None) -> float | None:
    if healthy is None or after is None:
        return None
    floor = metric.trivial if metric.trivial is not None else faulty
    span = metric.loss(healthy, floor)
    return round(1 - metric.loss(healthy, after) / span, 4) if span > 0 else None


def render(results: dict[str, Any]) -> str:
    """The page."""
    return "\n".join(_page(results)) + "\n"


def _page(results: dict[str, Any]) -> Iterator[str]:
    done = [Cured(**c) for c in results["programs"].values()]
    planted = [c for c in done if c.id.startswith("planted/")]
    healthy = [c for c in done if c.id.startswith("healthy/")]
    yield "# FaultBench: cures"
    yield ""
    yield (
        f"`netwright fix --write --budget {results['budget']:g}` on {len(planted)} planted faults that bite, and on {len(healthy)} healthy recipes. Printed by `python -m bench.faultbench cure`; "
        "[what FaultBench is](../bench/faultbench/README.md). Cured: the program that was written, trained by itself, comes back to at least 95 % of the way from the trivial predictor to the healthy recipe."
        " Square brackets hold 95 % intervals (Wilson)."
    )
    yield ""
    yield "| | |\n|---|---|"
    yield f"| cured | {page.rate(score.rate(sum(c.cured for c in planted), len(planted)))} of {len(planted)} |"
    written = [c for c in planted if c.changed]
    yield f"| a proven patch was written | {page.rate(score.rate(len(written), len(planted)))} |"
    yield f"| of those cured | {page.rate(score.rate(sum(c.cured for c in written), len(written)))} |"
    yield f"| healthy recipes changed | {page.rate(score.rate(sum(c.changed for c in healthy), len(healthy)))} of {len(healthy)} |"
    ratios = [c.seconds / c.training_s for c in planted if c.training_s]
    if ratios:
        yield f"| time, in trainings of the program itself (median) | {statistics.median(ratios):.1f} |"
    yield ""
    yield "| program | lines out, in | healthy | faulty | mended | back | trainings |\n|---|---|---|---|---|---|---|"
    for c in (*planted, *healthy):
        lines = f"{c.removed}, {c.added}" if c.changed else "no patch"
        yield f"| `{c.id}` | {lines} | {_n(c.healthy)} | {_n(c.faulty)} | {_n(c.after)} | {_n(c.back)} | {c.seconds / max(c.training_s, 0.1):.0f} |"


def _n(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"
