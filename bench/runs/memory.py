"""The memory of a long run of a small network, with its record and without netwright."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_MARKS = 10
_PROGRAM = """
import os, sys
import torch
from torch import nn

torch.manual_seed(0)
torch.set_num_threads(1)
steps = int(sys.argv[1])
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.Adam(model.parameters(), 1e-3)
x = torch.randn(256, 8)
y = x[:, :3].argmax(1)
for step in range(1, steps + 1):
    rows = torch.randint(0, 256, (16,))
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
    optimizer.step()
    if step % (steps // int(sys.argv[2])) == 0:
        with open("/proc/self/statm") as file:
            print(step, int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE"), flush=True)
"""


def resident(steps: int, how: Sequence[str]) -> list[tuple[int, int]]:
    """Steps done and bytes of resident memory, ten times in a run.

    Args:
        steps: of the run.
        how: arguments of ``python`` before the program's: ``()`` for the program alone, ``("-m", "netwright", "run", ...)``.

    Raises:
        RuntimeError: the program failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "train.py").write_text(_PROGRAM)
        env = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), os.environ.get("PYTHONPATH", ""))),
        }
        done = subprocess.run(
            [sys.executable, *how, "train.py", str(steps), str(_MARKS)],
            cwd=folder,
            env=env,
            capture_output=True,
            text=True,
        )
    if done.returncode:
        raise RuntimeError(done.stderr)
    lines = [line.split() for line in done.stdout.splitlines()]
    return [(int(step), int(size)) for step, size in lines]
