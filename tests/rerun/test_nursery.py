"""Re-runs that are forked from a process with the imports done: the same to the bit as those started anew, ended like them, and left alone where they would differ."""

import os

import pytest

from netwright.rerun import Command, Plan
from netwright.rerun import nursery as nurseries
from netwright.rerun.pool import examination, rerun

from . import programs
from .test_rerun import SECONDS, _gone, bare, command, one

pytestmark = pytest.mark.skipif(os.sys.platform != "linux", reason="re-runs are forked on Linux only")
DRAWS = """
import random
import numpy as np
import torch
print("drawn", random.random(), np.random.rand(), torch.rand(1).item(), sorted({"a", "b", "c"}), __name__, __file__[-8:], open("here.txt").read())
"""
ENDLESS = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
with open("MARK", "w") as file:
    file.write(str(child.pid))
while True:
    time.sleep(0.1)
"""


@pytest.fixture
def forked(monkeypatch):
    """The numbers of the processes that were forked."""
    seen = []
    fork = nurseries.Nursery.fork

    def noted(self, *args):
        child = fork(self, *args)
        seen.append(child.pid)
        return child

    monkeypatch.setattr(nurseries.Nursery, "fork", noted)
    return seen


def test_it_trains_to_the_same_bit_as_the_program_itself(tmp_path, forked):
    made = command(tmp_path, programs.TRAIN)
    trace = one(made, Plan(seed=0, digests=True))
    assert trace.ended == "finished", trace
    assert list(trace.tail) == bare(made)
    assert len(forked) == 1


def test_what_is_drawn_is_what_a_new_process_draws(tmp_path, forked, monkeypatch):
    made = command(tmp_path, DRAWS)
    (tmp_path / "here.txt").write_text("its own folder")
    plans = [Plan(seed=0), Plan(seed=1), Plan(seed=1, copy=1)]
    traces = rerun(made, plans, seconds=SECONDS, cache=False)
    assert len(forked) == 3
    assert traces[0].tail != traces[1].tail == traces[2].tail
    monkeypatch.setattr(nurseries, "_fits", lambda plan: False)
    assert [t.tail for t in rerun(made, plans[:2], seconds=SECONDS, cache=False)] == [
        t.tail for t in traces[:2]
    ]
    assert len(forked) == 3


def test_what_a_program_does_at_its_end_is_done(tmp_path, forked):
    text = "import atexit, sys\natexit.register(print, 'last')\nsys.stdout.write('first\\n')\n"
    assert one(command(tmp_path, text), Plan(seed=0)).tail == ("first", "last")
    assert len(forked) == 1


def test_what_torch_imports_with_the_first_optimizer_is_there_already(tmp_path, forked):
    made = command(tmp_path, "import sys\nimport torch\nprint('torch._dynamo' in sys.modules)\n")
    assert one(made, Plan(seed=0)).tail == ("True",)
    assert len(forked) == 1


def test_threads_are_those_of_the_plan(tmp_path, forked):
    made = command(tmp_path, "import torch\nprint(torch.get_num_threads())\n")
    assert [one(made, Plan(seed=0, threads=n)).tail for n in (2, 1)] == [("2",), ("1",)]
    assert len(forked) == 2
    assert len({id(n) for n in nurseries._OPEN}) == 1


def test_a_command_of_netwrights_is_forked_as_well(tmp_path, forked):
    (tmp_path / "channel").mkdir()
    made = command(tmp_path, "import torch\n")
    child = examination(made, ["check", "absent.py"], tmp_path / "channel")
    assert child is not None and child.wait() == 2
    assert forked == [child.pid]
    assert "there is no script" in (tmp_path / "channel" / "output").read_text()


def test_ends_are_told_as_they_are(tmp_path, forked):
    for text, code in (
        ("import os\nos.kill(os.getpid(), 9)\n", -9),
        ("raise SystemExit(3)\n", 3),
        ("1 / 0\n", 1),
    ):
        trace = one(command(tmp_path, text), Plan(seed=0))
        assert (trace.ended, trace.code) == ("crashed", code)
    assert trace.tail[-1] == "ZeroDivisionError: division by zero"
    assert len(forked) == 3


def test_an_endless_program_is_ended_with_its_children(tmp_path, forked):
    mark = tmp_path.parent / f"{tmp_path.name}.mark"
    made = command(tmp_path, ENDLESS.replace("MARK", str(mark)))
    (trace,) = rerun(made, [Plan(seed=0)], seconds=8, cache=False)
    assert trace.ended == "killed"
    assert _gone(forked[0])
    assert not mark.exists() or _gone(int(mark.read_text()))


def test_one_that_is_gone_is_replaced(tmp_path, forked):
    made = command(tmp_path, "print('well')\n")
    one(made, Plan(seed=0))
    for known in nurseries._OPEN:
        known.process.kill()
        known.process.wait()
    assert one(made, Plan(seed=0)).tail == ("well",)
    assert len(set(forked)) == 2


@pytest.mark.parametrize(
    ("text", "beside", "plan"),
    [
        ("import torch\n", {}, Plan()),  # unseeded, two forks would draw the same
        ("import torch\n", {}, Plan(seed=0, same_hashes=False)),
        ("import os\nos.environ['OMP_NUM_THREADS'] = '3'\nimport torch\n", {}, Plan(seed=0)),
        ("import helper\n", {"helper.py": "import os\nos.putenv('A', 'b')\n"}, Plan(seed=0)),
        ("import pandas\n", {"pandas.py": ""}, Plan(seed=0)),
    ],
)
def test_what_would_differ_is_started_anew(tmp_path, text, beside, plan):
    for name, other in beside.items():
        (tmp_path / name).write_text(other)
    assert nurseries.nursery(command(tmp_path, text), plan, dict(os.environ)) is None


def test_what_is_imported_beforehand(tmp_path):
    (tmp_path / "train.py").write_text(
        "import numpy as np\nfrom sklearn.datasets import load_digits\nimport torch.nn as nn\nimport requests\n"
    )
    made = Command(target="train.py", folder=tmp_path, environment={})
    assert nurseries._modules(made) == ("numpy", "sklearn.datasets", "torch.nn")
