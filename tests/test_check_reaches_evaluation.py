"""`check` ends a program anyway, so it cuts the training epoch short to come to the evaluation; `run` never does."""

import json

import pytest

from .programs import examine

PROGRAM = """
import time
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x = torch.randn(4000, 10)
y = (x[:, 0] > 0).long()
train = DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True)
test = DataLoader(TensorDataset(x[:500], y[:500]), batch_size=100)
model = nn.Sequential(nn.Linear(10, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 2))
optimizer = torch.optim.Adam(model.parameters())
for epoch in range(2):
    model.train()
    batches = 0
    for xb, yb in train:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(xb), yb)
        loss.backward()
        optimizer.step()
        batches += 1
        time.sleep(0.01)
    print("batches", batches)
    AFTER
    with torch.no_grad():
        hits = sum((model(xb).argmax(1) == yb).sum().item() for xb, yb in test)
"""
FORGOTTEN = "NW416"


def program(folder, after="pass"):
    path = folder / "train.py"
    path.write_text(PROGRAM.replace("AFTER", after))
    return path


def test_a_fault_of_the_evaluation_is_seen_in_a_long_epoch(tmp_path):
    outcome = examine(program(tmp_path), check=True)
    assert FORGOTTEN in outcome.codes
    assert "batches 8" in outcome.stdout
    assert any("cut short" in note for note in outcome.report["notes"])


def test_run_trains_the_whole_epoch(tmp_path):
    outcome = examine(program(tmp_path))
    assert FORGOTTEN in outcome.codes
    assert outcome.stdout.count("batches 125") == 2
    assert not any("cut short" in note for note in outcome.report["notes"])


@pytest.mark.parametrize("after", ["assert batches == len(train)", "1 / (batches - 8)"])
def test_an_exception_that_may_come_of_the_cut_is_no_crash(tmp_path, after):
    outcome = examine(program(tmp_path, after), check=True)
    assert outcome.code == 0
    assert "Traceback" not in outcome.stderr
    assert outcome.report["verdict"] == "healthy", json.dumps(outcome.report["findings"])
    kind = "AssertionError" if "assert" in after else "ZeroDivisionError"
    assert any(f"raised {kind}" in note for note in outcome.report["notes"])


def test_an_epoch_with_its_evaluation_inside_is_left_alone(tmp_path):
    path = program(tmp_path)
    inside = "        if batches == 3:\n            model.eval(); model(x[:8]); model.train()\n"
    path.write_text(path.read_text().replace("        time.sleep(0.01)\n", inside))
    outcome = examine(path, check=True)
    assert not any("cut short" in note for note in outcome.report["notes"])
