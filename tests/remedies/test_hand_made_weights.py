"""Weights that the program makes itself: no initializer is there to be left out, and what could change nothing says so instead of being tried."""

from pathlib import Path
from textwrap import dedent

import libcst as cst
import pytest

from netwright.evidence import Where
from netwright.evidence.model import ParameterInfo
from netwright.registry import find_rule
from netwright.remedies import Refused, Source, all_remedies
from netwright.remedies.source import last_name
from netwright.remedies.usual import initialization
from netwright.rules._layers import initializer

from ..programs import examine

PROGRAM = """\
    import torch
    from torch import nn
    from torch.nn import functional as F

    torch.manual_seed(0)


    class Dense(nn.Module):
        def __init__(self, inputs, outputs):
            super().__init__()
            self.w = nn.Parameter(torch.randn(outputs, inputs) * 1e-4)
            self.b = nn.Parameter(torch.zeros(outputs))

        def forward(self, x):
            return F.linear(x, self.w, self.b)


    model = nn.Sequential(Dense(30, 64), nn.ReLU(), Dense(64, 64), nn.ReLU(), Dense(64, 2))
    for dense in (model[0], model[2]):
        dense.b.data.zero_()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    x = torch.randn(64, 30)
    y = (x[:, 0] > 0).long()
    for _ in range(9):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    """
TREATED = {
    "made by the program": (PROGRAM, ""),
    "written in place": (
        PROGRAM.replace("dense.b.data.zero_()", "nn.init.normal_(dense.w, std=1e-4)"),
        "normal",
    ),
    "assigned to": (PROGRAM.replace("dense.b.data.zero_()", "dense.w.data[:] *= 0.1"), "__setitem__"),
}


@pytest.mark.parametrize("how", TREATED)
def test_only_what_sets_weights_in_place_can_be_left_out_in_a_re_run(how, tmp_path):
    text, written = TREATED[how]
    script = tmp_path / "train.py"
    script.write_text(dedent(text))
    (found,) = [f for f in examine(script).fired if f["code"] == "NW202"]
    assert found["measured"]["initializer"] == written
    finding = find_rule("NW202").found(
        "",
        where=Where(file=str(script), line=found["where"]["line"]),
        expected="",
        fix="",
        **found["measured"],
    )
    (remedy,) = (r for r in all_remedies() if r.name == "default-initialization")
    if how == "written in place":
        assert remedy.treat(finding).intervention.settings["line"] == found["where"]["line"]
        return
    for attempt in (remedy.apply, remedy.treat):
        with pytest.raises(Refused):
            attempt(finding)


@pytest.mark.parametrize(
    ("made", "line", "holds"),
    [
        ("nn.Parameter(torch.empty(4, 4))", "nn.init.normal_(self.w, std=9)", False),
        ("nn.Parameter(torch.Tensor(4, 4))", "self.w.data.fill_(9)", False),
        ("nn.Parameter(torch.empty(4, 4), requires_grad=True)", "init.constant_(self.w.data, 9)", False),
        ("nn.Parameter(torch.empty(4, 4))", "normal_(p)", False),  # of a loop, say
        ("nn.Parameter(torch.empty(4, 4))", "nn.init.normal_(self.layer.weight, std=9)", True),
        ("nn.Parameter(torch.empty(4, 4))", "self.w.data.mul_(9)", True),  # the values are set elsewhere
        ("nn.Parameter(torch.randn(4, 4))", "nn.init.normal_(self.w, std=9)", True),
        ("nn.Linear(4, 4)", "nn.init.normal_(p, std=9)", True),
    ],
)
def test_what_has_no_values_without_the_call_keeps_it(made, line, holds, tmp_path):
    script = tmp_path / "train.py"
    script.write_text(
        f"class Own(nn.Module):\n    def __init__(self):\n        self.w = {made}\n        {line}\n"
    )
    finding = find_rule("NW202").found("", where=Where(file=str(script), line=4), expected="", fix="")
    (remedy,) = (r for r in all_remedies() if r.name == "default-initialization")
    if holds:
        assert line not in remedy.apply(finding).after
        assert remedy.treat(finding).intervention.name == "instead"
        return
    for attempt in (remedy.apply, remedy.treat):
        with pytest.raises(Refused, match="without values"):
            attempt(finding)


def test_the_last_initializer_whose_line_is_known_is_the_one():
    known = Where(file="train.py", line=3)
    calls = (("init.kaiming_uniform", known), ("fill", known), ("mul", Where()))
    given = {"name": "w", "shape": (3, 3), "dtype": "float32"}
    assert initializer(ParameterInfo(**given, init_calls=calls)) == "fill"
    assert initializer(ParameterInfo(**given, init_calls=calls[2:])) == ""


@pytest.mark.parametrize(("layer", "holds"), [("", False), ("head = nn.Linear(2, 2)\n", True)])
def test_the_usual_initialization_is_for_layers_of_torchs(layer, holds):
    source = Source(Path("train.py"), dedent(PROGRAM) + layer)
    (call,) = (c for c in source.every(cst.Call) if last_name(c.func) == "SGD")
    if holds:
        assert initialization.remedy.changes(source, call)
    else:
        with pytest.raises(Refused, match="by hand"):
            initialization.remedy.changes(source, call)
