"""``netwright fix`` as a person uses it, on whole programs: from the command line to the patched file."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """\
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data, dtype=torch.float32) / 8 - 1
y = torch.tensor(digits.target)
train = DataLoader(TensorDataset(x[:1400], y[:1400]), batch_size=50, shuffle=True)
model = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)  # the usual
for epoch in range(2):
    for xb, yb in train:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(xb), yb)
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        right = (model(x[1400:]).argmax(1) == y[1400:]).float().mean()
    print("accuracy", right.item())
"""
FAULTY = PROGRAM.replace("        optimizer.zero_grad()\n", "").replace(
    "nn.Linear(48, 10))", "nn.Linear(48, 10), nn.Softmax(dim=1))"
)


def fix(folder, *arguments):
    return netwright(folder, "fix", "--budget", "300", "--seeds", "5", *arguments)


def netwright(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "netwright", *arguments],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=900,
    )


@pytest.fixture(scope="module")
def mended(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faulty")
    (folder / "train.py").write_text(FAULTY)
    first = fix(folder, "train.py")
    after = (folder / "train.py").read_text()
    quickly = ("--no-experiments", "--no-report", "--json", "report.json")
    checked = netwright(folder, "check", "--prove", *quickly, "train.py")
    return folder, first, after, checked, fix(folder, "--write", "--quiet", "train.py")


def test_a_check_of_the_same_program_ranks_its_causes_by_the_proof(mended):
    folder, _, _, checked, _ = mended
    assert checked.returncode == 0, checked.stderr
    said = " ".join(checked.stderr.split())
    assert "because of 2 bugs in the program, proven by training without them" in said
    assert "Patch netwright fix --write train.py" in said
    diagnosis = json.loads((folder / "report.json").read_text())["diagnosis"]
    assert [c["proved"] for c in diagnosis["causes"]] == ["proven", "proven"]
    assert {c["code"] for c in diagnosis["causes"]} == {"NW302", "NW408"}
    proof = diagnosis["proof"]
    assert all(b < a for b, a in zip(proof["before"], proof["after"], strict=True))
    assert diagnosis["next"] is None


def test_two_independent_faults_are_proven_and_shown_as_a_patch(mended):
    folder, first, after, _, _ = mended
    assert first.returncode == 0, first.stderr
    assert after == FAULTY  # nothing is written unless it is asked for
    assert "p = 0.0312" in first.stderr
    patched = subprocess.run(
        ["patch", "-p1", "-o", "-", "train.py"],
        cwd=folder,
        input=first.stdout,
        capture_output=True,
        text=True,
    )
    if patched.returncode == 0:  # the diff is one that tools take
        assert "optimizer.zero_grad()" in patched.stdout
    assert "+        optimizer.zero_grad()" in first.stdout
    assert (
        "-model = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 10), nn.Softmax(dim=1))"
        in first.stdout
    )


def test_written_with_the_original_beside_it(mended):
    folder, _, _, _, second = mended
    assert second.returncode == 0, second.stderr
    text = (folder / "train.py").read_text()
    assert "Softmax" not in text
    assert "optimizer.zero_grad()" in text
    assert "# the usual" in text
    assert (folder / "train.py.orig").read_text() == FAULTY
    ran = subprocess.run([sys.executable, "train.py"], cwd=folder, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert float(ran.stdout.split()[-1]) > 0.8


def test_a_healthy_program_gets_no_change(tmp_path):
    # Two epochs end far below what a logistic regression reaches.
    (tmp_path / "train.py").write_text(PROGRAM.replace("range(2)", "range(12)"))
    ended = fix(tmp_path, "train.py")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == ""
    assert "nothing to mend" in ended.stderr


def test_a_program_that_does_not_train(tmp_path):
    (tmp_path / "train.py").write_text("print('hello')\n")
    ended = fix(tmp_path, "train.py")
    assert ended.returncode == 5
    assert "no training was seen" in ended.stderr
    assert Path(tmp_path / "train.py").read_text() == "print('hello')\n"


def test_no_such_script(tmp_path):
    ended = fix(tmp_path, "trian.py")
    assert ended.returncode == 2
    assert "there is no script" in ended.stderr
