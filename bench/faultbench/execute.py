"""Runs programs in child processes: bare, for their metric, and under a pre-flight, for its verdict. Results are kept by content.

A bare run is forked from a server that has imported torch already, which saves seconds on every one of a thousand runs. A check runs as a
user would start it, because its time is one of the results.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.faultbench.programs import HERE, Program, data_folder

CACHE = HERE / ".cache"
TRAINING_LIMIT_S = 180.0
CHECK_LIMIT_S = 180.0
WATCH_LIMIT_S = 600.0


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Trained:
    """A bare run of a program."""

    metric: float | None
    seconds: float
    ended: str  # ok, crashed, out of time
    error: str  # the last line of a traceback


def train(program: Program) -> Trained:
    """Run a program to its end without netwright and read its metric."""
    key = f"train-{program.digest}"
    kept = _kept(key)
    if kept is not None:
        return Trained(**kept)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["torch", "numpy", "sklearn.datasets", "sklearn.model_selection", "sklearn.preprocessing", "pandas"]
    )
    with workplace(program) as (folder, script):
        began = time.monotonic()
        process = context.Process(target=_run_bare, args=(str(script), str(folder)))
        process.start()
        process.join(TRAINING_LIMIT_S)
        late = process.is_alive()
        if late:
            process.kill()
            process.join()
        seconds = time.monotonic() - began
        printed = (folder / "stdout").read_text(errors="replace") if (folder / "stdout").exists() else ""
        said = (folder / "stderr").read_text(errors="replace") if (folder / "stderr").exists() else ""
    ended = "out of time" if late else "ok" if process.exitcode == 0 else "crashed"
    error = (
        next((line for line in reversed(said.splitlines()) if line.strip()), "") if ended == "crashed" else ""
    )
    value = program.metric.read(printed) if ended == "ok" else None
    result = Trained(metric=value, seconds=round(seconds, 2), ended=ended, error=error[:200])
    if not late:
        _keep(key, dataclasses.asdict(result))
    return result


def _run_bare(script: str, folder: str) -> None:
    with Path(folder, "stdout").open("w") as out, Path(folder, "stderr").open("w") as err:
        os.dup2(out.fileno(), 1)
        os.dup2(err.fileno(), 2)
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
        os.chdir(folder)
        sys.argv = [script]
        sys.path.insert(0, folder)
        import torch

        torch.set_num_threads(1)
        try:
            runpy.run_path(script, run_name="__main__")
        finally:
            sys.stdout.flush()


def check(program: Program, *, fingerprint: str, experiments: bool = False) -> dict[str, Any]:
    """Run `netwright check` on a program: its report as a dict, with `seconds` of wall time and `ended` beside it."""
    key = f"{'tried' if experiments else 'check'}-{fingerprint}-{program.digest}"
    kept = _kept(key)
    if kept is not None:
        return kept
    with workplace(program) as (folder, script):
        answer = folder / "report.json"
        command = [
            sys.executable,
            "-m",
            "netwright",
            "check",
            "--quiet",
            "--experiments" if experiments else "--no-experiments",
            "--no-report",
            "--json",
            str(answer),
            str(script),
        ]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        began = time.monotonic()
        child = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            _, said = child.communicate(timeout=CHECK_LIMIT_S)
            ended = "ok"
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            _, said = child.communicate()
            ended = "out of time"
        seconds = time.monotonic() - began
        try:
            report: dict[str, Any] = json.loads(answer.read_text())
        except (OSError, ValueError):
            report = {}
            ended = ended if ended != "ok" else "no report"
    result: dict[str, Any] = {
        "ended": ended,
        "seconds": round(seconds, 2),
        "findings": report.get("findings", []),
        "tried": report.get("tried", []),
        "not_tried": report.get("not_tried", []),
        "broken": [c for c in report.get("checked", []) if c["state"] == "broken"],
        "script": str(script),
        "said": said.decode(errors="replace")[-2000:] if ended == "no report" else "",
    }
    if ended != "out of time":
        _keep(key, result)
    return result


def watch(program: Program, *, fingerprint: str, every: int) -> dict[str, Any]:
    """Run a program to its end under `netwright run`, sampled every so many steps (0: as the default budget allows): its report as a dict, with `wall` (seconds) and `ended` beside it."""
    key = f"watch-{every}-{fingerprint}-{program.digest}"
    kept = _kept(key)
    if kept is not None:
        return kept
    with workplace(program) as (folder, script):
        answer = folder / "report.json"
        command = [sys.executable, "-m", "netwright", "run", "--quiet", "--no-report", "--json", str(answer)]
        command += [*(["--watch-every", str(every)] if every else []), str(script)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        began = time.monotonic()
        with (folder / "out").open("wb") as out:
            child = subprocess.Popen(
                command, cwd=folder, env=environment, stdout=out, stderr=out, start_new_session=True
            )
            try:
                child.wait(timeout=WATCH_LIMIT_S)
                ended = "ok"
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
                ended = "out of time"
        said = (folder / "out").read_text(errors="replace")[-2000:]
        try:
            report: dict[str, Any] = json.loads(answer.read_text())
        except (OSError, ValueError):
            report, ended = {}, ended if ended != "ok" else "no report"
    result: dict[str, Any] = {
        "ended": ended,
        "wall": round(time.monotonic() - began, 2),
        "steps": max(report.get("steps", 0), report.get("watched", 0)),
        "live": report.get("live", []),
        "findings": report.get("findings", []),
        "broken": [c for c in report.get("checked", []) if c["state"] == "broken"],
        "script": str(script),
        "said": said if ended == "no report" else "",
    }
    if ended == "ok":
        _keep(key, result)
    return result


@contextlib.contextmanager
def workplace(program: Program) -> Iterator[tuple[Path, Path]]:
    """A folder of its own for one run, with `data/` in it, as the programs expect."""
    with tempfile.TemporaryDirectory(prefix="faultbench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        data = data_folder()
        if data is not None:
            (folder / "data").symlink_to(data)
        script = folder / program.name
        script.write_text(program.text, encoding="utf-8")
        yield folder, script


def netwright_fingerprint() -> str:
    """Changes with netwright's own code, so that verdicts of an older version are not taken for those of this one."""
    digest = hashlib.sha256()
    for path in sorted((HERE.parents[1] / "src" / "netwright").rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _kept(key: str) -> dict[str, Any] | None:
    path = CACHE / f"{key}.json"
    return json.loads(path.read_text()) if path.exists() else None


def _keep(key: str, value: dict[str, Any]) -> None:
    CACHE.mkdir(exist_ok=True)
    partial = CACHE / f"{key}.{os.getpid()}.{time.monotonic_ns()}.part"
    partial.write_text(json.dumps(value))
    partial.replace(CACHE / f"{key}.json")
