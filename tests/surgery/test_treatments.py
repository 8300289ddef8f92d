"""Remedies at the hooks of re-runs, where an edit refuses: nominated, tried beside patches, proven, and told without a patch."""

import io
import json
import os

import jsonschema
import pytest
from rich.console import Console

from handmade import report
from netwright.diagnosis import Proved
from netwright.evidence import Where
from netwright.registry import find_rule
from netwright.remedies import Patch, Source, Treatment
from netwright.remedies.standard import standard
from netwright.report.build import diagnosed
from netwright.report.json import from_json, schema, to_json
from netwright.rerun import Command
from netwright.rule import Severity
from netwright.surgery import door, operation, proof, trials
from netwright.surgery.words import show

from ..remedies.variants import line_of
from ..rerun import forked

PROGRAM = """\
import json
import torch
from torch import nn

config = json.loads('{"decay": 3.0}')
torch.manual_seed(0)
draw = torch.Generator().manual_seed(1)
x = torch.randn(160, 5, generator=draw)
y = (x[:, 0] > 0).long()
x = 500 + 80 * x
model = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.5, weight_decay=config["decay"])
for step in range(40):
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(x[:128]), y[:128]).backward()
    optimizer.step()
with torch.no_grad():
    right = (model(x[128:]).argmax(1) == y[128:]).float().mean()
print("accuracy", right.item())
"""


def finding(path, code, mark, **measured):
    where = Where(file=str(path), line=line_of(PROGRAM, mark))
    return find_rule(code).found(
        "it is so", where=where, severity=Severity.WARNING, expected="", fix="", **measured
    )


@pytest.fixture
def cured(tmp_path, monkeypatch):
    """The operation on the program with its two faults, and how each re-run was planned."""
    path = tmp_path / "train.py"
    path.write_text(PROGRAM)
    seen = []

    def rerun(command, plans, **options):
        traces = []
        for plan in plans:
            seen.append(plan)
            path.write_text(plan.overlay.get(str(path), PROGRAM))
            traces.append(forked.rerun(path, plan))
        path.write_text(PROGRAM)
        return traces

    monkeypatch.setattr(trials, "rerun", rerun)
    found = (
        finding(path, "NW101", "model(x[:128])", mean=500.0, std=80.0, input="input"),
        finding(path, "NW506", "optimizer = "),
    )
    command = Command(target="train.py", folder=tmp_path, environment=dict(os.environ))
    return operation.operate(command, report(*found), budget=100.0, quiet=True), seen


def test_a_decay_that_is_read_from_a_file_is_proven_without_a_patch(cured):
    done, seen = cured
    scale, decay = (options[0] for options in done.nominated)
    assert isinstance(scale, Patch)
    assert isinstance(decay, Treatment)
    assert done.cure.proven, (done.cure.before, done.cure.after)
    assert set(done.cure.patches) == {scale, decay}
    lines = {i.settings["line"] for plan in seen if plan.overlay for i in plan.interventions}
    assert line_of(PROGRAM, "optimizer = ") + 1 in lines  # the patch puts one line above it
    assert done.left is None
    assert [f.code for f in done.unmended] == ["NW506"]  # left to do by hand
    out = io.StringIO()
    made = proof.keep(done)
    show(done, made, quiet=True, console=Console(file=out, width=200))
    assert "at train.py:12 (0.01 times weight_decay)" in out.getvalue()
    assert door._chosen(done, unproved=False) == done.cure.patches

    assert proof.recall(done.command) == made
    whole = diagnosed(done.report, made)
    causes = {c.code: c for c in whole.diagnosis.causes}
    assert {c.proved for c in causes.values()} == {Proved.PROVEN}
    assert causes["NW101"].by_hand == ""
    assert causes["NW506"].by_hand.endswith("at train.py:12 (0.01 times weight_decay)")
    assert causes["NW506"].why == decay.why != ""
    text = to_json(whole)
    jsonschema.validate(json.loads(text), schema(), jsonschema.Draft202012Validator)
    assert from_json(text).diagnosis == whole.diagnosis


def test_standard_remedies_where_the_rate_is_not_written(tmp_path):
    text = PROGRAM.replace("lr=0.5", "lr=config['rate']")
    named = {p.remedy: p for p in standard([Source(tmp_path / "train.py", text)])}
    assert isinstance(named["rate-times-10"], Treatment)
    assert named["rate-times-10"].by_hand.endswith("at train.py:12 (10.0 times lr)")
    assert isinstance(named["adam"], Patch)
    assert isinstance(named["clip-at-1"], Patch)
    by_dictionary = PROGRAM.replace('lr=0.5, weight_decay=config["decay"]', "**config")
    named = {p.remedy: p for p in standard([Source(tmp_path / "train.py", by_dictionary)])}
    assert isinstance(named["adam"], Treatment)
