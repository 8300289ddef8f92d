"""kill -9 while a run is recorded: how many seconds of it are not in the record afterwards."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from netwright.runs import Run

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Killed:
    """One run killed. Samples as they were produced and as they are in the record; ``lost_s`` is the time between the last of each."""

    after_s: float
    produced: int
    recorded: int
    lost_s: float
    gap: bool


def killed(folder: Path, after_s: float) -> Killed:
    """Start a producer, kill it ``after_s`` seconds after its first sample, read what is there.

    Raises:
        RuntimeError: the producer did not start.
    """
    env = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT)))}
    with subprocess.Popen(
        [sys.executable, "-m", "bench.runs.producer", str(folder)], stdout=subprocess.PIPE, text=True, env=env
    ) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        if not first:
            raise RuntimeError("the producer did not start")
        time.sleep(after_s)
        process.kill()
        lines = [first, *process.stdout]
    whole = [line.split() for line in lines if line.endswith("\n")]
    last_s = float(whole[-1][1])
    run = Run(folder)
    steps = run.series["loss/0"].steps if run.series else ()
    seen_s = float(whole[min(len(steps), len(whole)) - 1][1]) if steps else 0.0
    return Killed(
        after_s=after_s,
        produced=len(whole),
        recorded=len(steps),
        lost_s=max(0.0, last_s - seen_s),
        gap=steps != tuple(range(len(steps))),
    )
