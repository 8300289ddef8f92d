"""Unusual programs: their output and exit code are their own, nothing of ours fails, and a clear word is said."""

import re
import time
from pathlib import Path

import pytest
import torch

from bad_input.side_by_side import bare, watched

PROGRAMS = sorted((Path(__file__).parent / "programs").glob("*.py"))


def expected(program: Path) -> tuple[int, list[str]]:
    """What the first lines of a program say of it: ``# exit: 1`` and ``# says: words on stderr``."""
    text = program.read_text()
    code = re.search(r"^# exit: (\d+)$", text, re.MULTILINE)
    return int(code[1]) if code else 0, re.findall(r"^# says: (.+)$", text, re.MULTILINE)


def healthy(text: str) -> bool:
    return "# says: NW" not in text and "# exit: 1" not in text


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.stem)
def test_program_is_unchanged(program):
    torch.set_num_threads(1)
    code, words = expected(program)
    plain, ours = bare(program), watched(program)
    assert plain.code == code, plain.stderr
    assert ours.code == code, ours.stderr
    assert ours.stdout == plain.stdout
    assert ours.report, ours.stderr
    assert not ours.broken
    assert "NW000" not in ours.stderr
    said = " ".join(ours.stderr.split())
    assert "netwright:" in said or "Diagnosis" in said
    for word in words:
        assert word in said, ours.stderr
    if healthy(program.read_text()):
        assert ours.report["verdict"] != "sick", ours.stderr
    assert "/netwright/capture/" not in ours.stderr
    assert "/netwright/launch.py" not in ours.stderr


def test_ten_thousand_parameters(tmp_path):
    (tmp_path / "wide.py").write_text(
        """import torch
from torch import nn
torch.manual_seed(0)
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.scales = nn.ParameterList(nn.Parameter(torch.randn(4) * 0.01 + 1) for _ in range(10_000))
        self.head = nn.Linear(4, 1)
    def forward(self, x):
        return self.head(x * torch.stack(list(self.scales)).mean(0))
model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=1e-2)
x = torch.randn(64, 4)
y = x[:, :1]
for step in range(4):
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(x), y)
    loss.backward()
    optimizer.step()
print(loss.item())
"""
    )
    start = time.perf_counter()
    plain = bare(tmp_path / "wide.py")
    middle = time.perf_counter()
    ours = watched(tmp_path / "wide.py")
    extra = (time.perf_counter() - middle) - (middle - start)
    assert ours.stdout == plain.stdout
    assert not ours.broken
    assert extra < 45, f"{extra:.1f} s more than the program takes"
