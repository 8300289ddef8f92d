"""Runs measurements one after another, and keeps each by the content of its program and of netwright's code: what was stopped goes on where it was."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench.faultbench.execute import workplace
from bench.faultbench.operators import operators
from bench.faultbench.programs import Program, available, healthy, planted, recipes

HERE = Path(__file__).parent
CACHE = HERE / ".cache"
LIMIT_S = 600.0
_SOURCES = ("capture", "experiments", "evidence/experiments")


def chosen(names: tuple[str, ...]) -> list[Program]:
    """Recipes by name, those of them whose data are here."""
    known = recipes()
    return [healthy(known[n], 0) for n in names if available(known[n].data)]


def with_fault(operator: str, recipe: str) -> Program | None:
    """A recipe with a fault in it; None where its data are not here."""
    known = recipes()[recipe]
    return planted(operators()[operator], known, 0) if available(known.data) else None


def measured(task: str, program: Program) -> dict[str, Any]:
    """What the worker measured, from an earlier run where there was one. Each is kept as soon as it is there."""
    path = CACHE / f"{task}-{_fingerprint()}-{program.digest}.json"
    if path.exists():
        return json.loads(path.read_text(encoding="utf-8"))
    root = str(HERE.parents[1])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])
    with workplace(program) as (folder, script):
        answer = folder / "answer.json"
        command = [sys.executable, "-m", "bench.experiments.worker", task, str(script), str(answer)]
        try:
            done = subprocess.run(
                command, cwd=folder, env=environment, capture_output=True, timeout=LIMIT_S, check=False
            )
        except subprocess.TimeoutExpired:
            return {"why": f"not done in {LIMIT_S:.0f} s"}
        if not answer.exists():
            said = done.stderr.decode(errors="replace").strip().splitlines()
            return {"why": said[-1] if said else f"exit code {done.returncode}"}
        found: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
    keep(path, found)
    return found


def keep(path: Path, value: dict[str, Any]) -> None:
    """Write a result so that it is there whole or not at all."""
    CACHE.mkdir(exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.part")
    partial.write_text(json.dumps(value), encoding="utf-8")
    partial.replace(path)


def _fingerprint() -> str:
    """Changes with the code that is measured."""
    digest = hashlib.sha256((HERE / "worker.py").read_bytes())
    for folder in _SOURCES:
        for path in sorted((HERE.parents[1] / "src" / "netwright" / folder).glob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def machine() -> str:
    """In a line, where it was measured."""
    import platform

    import torch

    return f"torch {torch.__version__}, Python {platform.python_version()}, {platform.machine()}, one thread of {os.cpu_count()} cores"
