"""What real programs leave behind, and a run once more."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from netwright import doctor, logbook
from netwright.options import RunOptions
from netwright.runs import Run
from netwright.runs.repeat import CannotRepeat, changed_since
from programs import examine

PROGRAM = """
import argparse
import torch
from torch import nn
from helper_of_a_recorded_run import network

WIDTH = 8
SCALE = float(open(__file__.replace("train.py", "scale.txt")).read())

def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=0.1)
    args = parser.parse_args()
    torch.manual_seed(3)
    x = torch.randn(64, 4)
    y = (x.sum(1) > 0).long()
    held_out = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=8)
    model = network(WIDTH)
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9)
    for step in range(16):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        if step == STOPS:
            raise ValueError("enough")

STOPS = -1
main()
"""
HELPER = """
from torch import nn

def network(width):
    return nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, 2))
"""


@pytest.fixture
def program(tmp_path):
    (tmp_path / "helper_of_a_recorded_run.py").write_text(HELPER)
    (tmp_path / "scale.txt").write_text("1.0")
    (tmp_path / "train.py").write_text(PROGRAM)
    return tmp_path / "train.py"


def recorded(program, name="a", **options):
    folder = program.parent / ".netwright" / "runs" / name
    outcome = examine(program, run_dir=folder, argv=("--lr", "0.05"), **options)
    return Run(folder), outcome


def test_what_a_run_leaves(program):
    run, _ = recorded(program)
    assert run.status == "finished"
    assert run.command["argv"] == ("--lr", "0.05")
    assert run.meta["arguments"] == {"lr": 0.05}
    assert run.meta["constants"] == {"WIDTH": 8, "SCALE": 1.0, "STOPS": -1}
    (optimizer,) = run.meta["optimizers"]
    assert optimizer["groups"][0]["momentum"] == 0.9
    assert run.meta["seeds"] == {"torch": 3}
    (batch,) = run.meta["data"]["first_batch"]
    assert batch["shape"] == (64, 4)
    (target,) = run.meta["data"]["first_targets"]
    assert target["shape"] == (64,)
    (loader,) = run.meta["data"]["loaders"]
    assert (loader["role"], loader["samples"], loader["batch_size"]) == ("unknown", 64, 8)
    assert loader["content"]["tensors.0"]["digest"] == batch["digest"]
    ((path, scale),) = run.meta["files"]["read"].items()
    assert path.endswith("scale.txt")
    assert scale["size"] == 3
    assert run.metrics["loss/0"].last == run.last_loss == run.losses["loss/0"].values[-1]
    assert run.metrics["loss/0"].best == min(run.losses["loss/0"].values)
    assert run.sources["train.py"].text == PROGRAM
    assert run.sources["helper_of_a_recorded_run.py"].text == HELPER
    assert run.meta["environment"]["packages"]["torch"]
    assert run.meta["hardware"]["threads"] == 1
    assert run.losses["loss/0"].steps == tuple(range(16))
    assert run.history.seconds > 0
    assert run.meta["places"]["loss/0"].endswith("train.py:23")
    assert run.meta["verdict"] == "healthy"
    assert sorted(p.name for p in run.folder.iterdir()) == [
        "pictures.json", "record.sqlite", "report.html", "report.json",
    ]  # fmt: skip


def test_what_a_crash_leaves(program):
    program.write_text(PROGRAM.replace("STOPS = -1", "STOPS = 3"))
    run, outcome = recorded(program)
    assert outcome.code == 1
    assert run.status == "crashed"
    assert run.meta["error"] == "ValueError: enough"
    assert len(run.losses["loss/0"]) == 4
    assert run.meta["arguments"] == {"lr": 0.05}


def test_a_secret_of_the_command_line_is_written_nowhere(program):
    given = 'parser.add_argument("--api-key")\n    args = parser'
    text = PROGRAM.replace("args = parser", given).replace('"enough"', 'f"enough of {args.api_key}"')
    program.write_text(text.replace("STOPS = -1", "STOPS = 3\nPASSWORD = 'hunter2'"))
    folder = program.parent / ".netwright" / "runs" / "a"
    argv = ("--api-key", "sk-0123456789")
    outcome = examine(program, run_dir=folder, argv=argv)
    run = Run(folder)
    assert run.meta["arguments"] == {"lr": 0.1, "api_key": "***"}
    assert run.meta["error"] == "ValueError: enough of ***"
    assert "PASSWORD = '***'" in run.sources["train.py"].text
    for file in folder.iterdir():
        assert b"sk-0123456789" not in file.read_bytes()
        assert b"hunter2" not in file.read_bytes()
    assert outcome.report["program"]["argv"] == ["--api-key", "***"]
    with pytest.raises(CannotRepeat, match=r"--api-key \*\*\*"):
        changed_since(run)


def test_what_a_run_leaves_that_was_stopped_and_accumulates(program):
    text = PROGRAM.replace(
        "        loss.backward()\n",
        "        for part in (0, 1):\n            out = model(x[part::2]) * (1 if step < 12 else math.nan)\n            loss = nn.functional.cross_entropy(out, y[part::2])\n            (loss / 2).backward()\n",
    )
    program.write_text("import math\n" + text)
    run, outcome = recorded(program, on_error="stop")
    assert outcome.code == 4
    assert (run.status, run.meta["exit_code"]) == ("stopped", 4)
    assert "--wait-evaluation" not in outcome.stderr
    assert run.meta["accumulation"] == {"batches_per_step": 2, "loss_divided_by": 2.0}


def test_findings_are_recorded(program):
    text = PROGRAM.replace("model(x), y)", "torch.softmax(model(x), 1), y)")
    program.write_text(text)
    run, outcome = recorded(program, check=True, wait_evaluation=0.0)
    assert run.status == "checked"
    assert run.command["kind"] == "check"
    assert {f["code"] for f in run.findings} >= outcome.codes
    assert "NW302" in outcome.codes


def test_without_a_record(tmp_path):
    for record, run_dir in ((False, tmp_path / "a"), (True, None)):
        patient = doctor.admit(RunOptions(target="train.py", record=record, run_dir=run_dir))
        logbook.prepare(patient, kind="run")
        logbook.begin(patient)
        assert patient.logbook is None
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made_gives_one_warning(program):
    (program.parent / ".netwright").write_text("")
    outcome = examine(program, run_dir=program.parent / ".netwright" / "runs" / "a")
    assert outcome.code == 0
    assert outcome.stderr.count("netwright:") == 1
    assert "cannot be recorded" in outcome.stderr


def test_a_run_once_more(program):
    run, _ = recorded(program, "2026-01-01-000000")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "netwright", "runs", "repeat", "latest"]
    told = {"cwd": program.parent, "env": environment, "capture_output": True, "text": True}
    same = subprocess.run(command, check=False, **told)
    assert same.returncode == 0, same.stderr
    assert "The losses are the same to the last bit" in same.stderr
    assert "changed" not in same.stderr
    before, after = (Run(p) for p in sorted(run.folder.parent.iterdir()))
    assert before.status == after.status == "finished"
    assert not list(Path(program.parent).glob("*.sqlite*"))
