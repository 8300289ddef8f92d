"""The standard remedies: at the program's one optimizer, and never on a healthy program."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

from netwright.registry import find_rule
from netwright.remedies import Patch, Source
from netwright.remedies.standard import standard
from netwright.report.model import HEALTHY, SICK, Report
from netwright.rerun import Command
from netwright.rule import Severity
from netwright.surgery.operation import Operation, add_standard

PROGRAM = """\
import torch
opt = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)  # here
for x, y in loader:
    loss(model(x), y).backward()
    opt.step()
"""


def patches(text):
    return {p.remedy: p.after for p in standard([Source(Path("train.py"), text)])}


def test_each_is_one_change():
    found = patches(PROGRAM)
    assert found["rate-divided-by-10"] == PROGRAM.replace("lr=0.1", "lr=0.01")
    assert found["rate-times-10"] == PROGRAM.replace("lr=0.1", "lr=1")
    assert found["adam"] == PROGRAM.replace(
        "SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)",
        "Adam(model.parameters(), lr=3e-4, weight_decay=1e-4)",
    )
    assert "clip_grad_norm_(model.parameters(), 1.0)\n    opt.step()" in found["clip-at-1"]


def test_a_rate_that_is_not_written_is_the_default_of_torch():
    found = patches(PROGRAM.replace("SGD", "Adam").replace("lr=0.1, momentum=0.9, ", ""))
    assert "lr=0.0001" in found["rate-divided-by-10"]
    assert "adam" not in found


def test_they_are_few():
    text = PROGRAM.replace(
        "import torch\n",
        "import torch\nmodel = torch.nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))\n",
    )
    found = list(patches("loader = DataLoader(data, 64)\n" + text))
    assert len(found) == 8
    assert found[:4] == ["rate-divided-by-10", "rate-times-10", "adam", "clip-at-1"]


def test_of_several_optimizers_the_rates_alone_are_changed_all_alike():
    found = patches(PROGRAM + "other = torch.optim.Adam(p, lr=2 * rate)\n")
    assert list(found) == ["rate-divided-by-10", "rate-times-10"]
    assert "lr=0.01," in found["rate-divided-by-10"]
    assert "Adam(p, lr=0.1 * (2 * rate))" in found["rate-divided-by-10"]
    assert patches("import torch\n") == {}
    apart = [Source(Path(n), PROGRAM) for n in ("a.py", "b.py")]
    assert standard(apart) == []


def test_what_scales_can_be_made_again():
    (down, *_) = standard([Source(Path("train.py"), PROGRAM)])
    assert isinstance(down, Patch)
    assert down.beyond is not None
    assert (down.beyond.remedy, down.beyond.late) == ("rate-divided-by-10-twice", True)
    assert "lr=0.001," in down.beyond.after
    assert down.beyond.beyond is not None
    assert down.beyond.beyond.beyond is None
    (clip,) = [p for p in standard([Source(Path("train.py"), PROGRAM)]) if p.remedy == "clip-at-1"]
    assert clip.beyond is None


def test_more_updates_come_first_where_nothing_is_known_but_that_it_is_not_enough():
    text = "n = 64 * 2\nloader = DataLoader(data, batch_size=8 * n)\n" + PROGRAM.replace(
        "for x", "for epoch in range(3):\n  for x"
    ).replace("    loss", "      loss").replace("    opt.step", "      opt.step")
    found = {p.remedy: p.after for p in standard([Source(Path("train.py"), text)], updates=True)}
    assert list(found)[2:4] == ["quarter-batches", "three-times-as-long"]
    assert "batch_size=(8 * n) // 4" in found["quarter-batches"]
    assert "range(9)" in found["three-times-as-long"]


def test_groups_with_rates_of_their_own_stay_with_sgd():
    found = patches(PROGRAM.replace("model.parameters()", "[{'params': p, 'lr': 1.0}]"))
    assert "adam" not in found


def asked(folder, verdict, *findings):
    """The standard remedies that a program with these findings gets."""
    (folder / "train.py").write_text(PROGRAM)
    report = SimpleNamespace(verdict=verdict, serious=findings, rehearsed=())
    operation = Operation(
        command=Command(target="train.py", folder=folder, environment={}), report=cast("Report", report)
    )
    add_standard(operation)
    return [p.remedy for p in operation.standard]


def finding(code, severity):
    return find_rule(code).found("", severity=severity, expected="", fix="")


def test_a_sick_program_gets_them(tmp_path):
    assert asked(tmp_path, SICK, finding("NW502", Severity.WARNING)) == [
        "rate-divided-by-10",
        "rate-times-10",
        "adam",
        "clip-at-1",
        "no-weight-decay",
        "warm-up",
        "noisy-inputs",
    ]


def test_a_healthy_program_gets_none(tmp_path):
    assert asked(tmp_path, HEALTHY) == []
    assert asked(tmp_path, HEALTHY, finding("NW502", Severity.WARNING)) == []
    assert asked(tmp_path, SICK) == []


def test_a_program_that_crashes_gets_none(tmp_path):
    assert asked(tmp_path, SICK, finding("NW902", Severity.ERROR)) == []
