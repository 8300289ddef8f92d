"""A program in which nothing is found and that is worse than simple models: it is sick, and what mends it must bring it up to them."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from netwright.evidence import Floor, Program, Where
from netwright.evidence.experiments.simple_models import most_nats
from netwright.report.model import HEALTHY, SICK, Report
from netwright.rerun import Command, Metric, Plan, Trace
from netwright.rerun.trace import Point
from netwright.surgery import door, floor
from netwright.surgery.floor import held_against, short
from netwright.surgery.operation import Operation, add_standard, nominate
from netwright.trial import Cure
from netwright.trial.cure import Attempt
from netwright.trial.yardstick import ACCURACY, Yardstick

PROGRAM = """\
import torch
opt = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
for epoch in range(2):
    for x, y in loader:
        loss(model(x), y).backward()
        opt.step()
"""
REPORT = Report(
    program=Program(script="train.py"),
    verdict=HEALTHY,
    floor=Floor(
        model="nearest",
        samples=600,
        accuracy=0.99,
        accuracy_low=0.98,
        nats=most_nats(0.02, 10),
        where=Where(file="train.py", line=5),
    ),
)


def run(accuracy, loss=0.4):
    return Trace(
        ended="finished",
        points=(Point(step=9, loss=loss),),
        metrics=(Metric(step=9, name="accuracy", value=accuracy, samples=300, at="train.py:7"),),
    )


def test_it_is_sick_and_gets_the_standard_remedies_with_more_updates_in_front(tmp_path):
    (tmp_path / "train.py").write_text(PROGRAM)
    report = held_against(REPORT, run(0.9))
    assert report.verdict == SICK
    assert [f.code for f in report.serious] == ["NW707"]
    operation = Operation(command=Command(target="train.py", folder=tmp_path, environment={}), report=report)
    add_standard(operation)
    assert [p.remedy for p in operation.standard][:3] == [
        "rate-divided-by-10",
        "rate-times-10",
        "three-times-as-long",
    ]


@pytest.mark.parametrize("trace", [run(0.97), None, replace(run(0.9), metrics=()), run(0.9, loss=0.1)])
def test_a_program_that_is_as_good_or_does_not_say_stays_healthy(trace):
    assert held_against(REPORT, trace) is REPORT
    assert held_against(replace(REPORT, floor=None), run(0.9)).verdict == HEALTHY


@pytest.mark.parametrize(("after", "falls_short"), [(0.12, True), (0.92, True), (0.985, False)])
def test_a_little_better_and_still_worse_than_simple_models_is_no_cure(after, falls_short):
    cure = Cure(
        yardstick=Yardstick(name=ACCURACY),
        control=Attempt(patches=(), trace=run(0.9), value=0.9, gain=0.0),
        before=(0.9,) * 5,
        after=(after,) * 5,
    )
    assert short(REPORT, cure) == falls_short


@pytest.mark.parametrize(("loss", "speaks"), [(0.9, True), (0.4, False)])
def test_an_error_is_only_held_against_where_the_training_data_are_not_known_as_well(loss, speaks):
    report = replace(REPORT, floor=Floor(model="ridge", samples=600, score=0.6, score_low=0.5, variance=1.0))
    metric = Metric(step=9, name="squared error", value=0.9, samples=3000, at="train.py:7")
    trace = replace(run(0.9, loss=loss), metrics=(metric,))
    assert (held_against(report, trace).verdict == SICK) == speaks


def test_the_largest_surprise_at_a_share_of_errors():
    assert most_nats(0.5, 2) == pytest.approx(math.log(2))
    assert most_nats(0.9, 10) == pytest.approx(math.log(10))
    assert most_nats(0.02, 10) == pytest.approx(0.142, abs=1e-3)


def test_the_whole_program_is_only_run_where_there_is_something_to_hold_it_against(monkeypatch):
    wanted: list[Plan] = []
    command = Command(target="train.py", folder=Path(), environment={"OMP_NUM_THREADS": "1"})
    monkeypatch.setattr(door, "watch", lambda command, seconds: None)
    monkeypatch.setattr(floor, "rerun", lambda command, plans, **_: [wanted.extend(plans), run(0.9)][1:])
    assert door._seen_later(command, replace(REPORT, floor=None), seconds=1)[0].verdict == HEALTHY
    assert wanted == []
    report, doubt = door._seen_later(command, REPORT, seconds=1)
    assert (report.verdict, doubt) == (SICK, None)
    assert wanted == [Plan(seed=0)]


def test_what_blurs_the_batches_is_tried_first(tmp_path):
    path = tmp_path / "train.py"
    path.write_text(PROGRAM.replace("        loss(", "        x = x[:, torch.randperm(9)]\n        loss("))
    assert REPORT.floor is not None
    blurred = replace(REPORT, floor=replace(REPORT.floor, blurred=Where(file=str(path), line=5)))
    operation = Operation(
        command=Command(target="train.py", folder=tmp_path, environment={}),
        report=held_against(blurred, run(0.9)),
    )
    add_standard(operation)
    assert operation.standard[0].remedy == "remove-augmentation"
    assert operation.standard[0].after == PROGRAM


REGRESSION = """\
import torch
from torch import nn
model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1))
opt = torch.optim.Adam(model.parameters())
loss = nn.functional.smooth_l1_loss(model(x), y)
loss.backward()
opt.step()
"""


def amounts(path, **changes):
    """A program whose simple model is off by 0.5 at most where its targets spread by 1.5, and is 4.8 on average."""
    measured = {
        "score": 0.8,
        "score_low": 0.79,
        "variance": 2.25,
        "mean": 4.8,
        "error": 0.48,
        "error_high": 0.5,
    }
    found = {**measured, "loss": "smooth_l1_loss", **changes}
    return replace(
        REPORT, floor=Floor(model="ridge", samples=2000, where=Where(file=str(path), line=5), **found)
    )


def off_by(value, loss=0.3):
    metric = Metric(step=9, name="absolute error", value=value, samples=1500, at="train.py:7")
    return replace(run(0.9, loss=loss), metrics=(metric,))


def test_an_absolute_error_makes_it_sick_and_its_targets_are_scaled_first(tmp_path):
    path = tmp_path / "train.py"
    path.write_text(REGRESSION)
    command = Command(target="train.py", folder=tmp_path, environment={})
    operation = Operation(command=command, report=held_against(amounts(path), off_by(0.6)))
    nominate(operation)
    ((patch,),) = operation.nominated
    assert (patch.remedy, patch.codes) == ("scale-outputs", ("NW707",))
    assert "output * 1.5 + 4.8" in patch.after
    for near in ({"mean": 0.5}, {"mean": None}):
        operation = Operation(command=command, report=held_against(amounts(path, **near), off_by(0.6)))
        nominate(operation)
        assert operation.report.verdict == SICK
        assert operation.nominated == []


def test_a_later_training_is_of_other_data_than_simple_models_know():
    later = Metric(step=99, name="accuracy", value=0.5, samples=300, at="train.py:7", loader=3)
    trace = run(0.99)
    trace = replace(trace, metrics=(*trace.metrics, later))
    assert held_against(REPORT, trace) is REPORT
    control = Attempt(patches=(), trace=trace, value=0.5, gain=0.0)
    cure = Cure(yardstick=Yardstick(name=ACCURACY), control=control, before=(0.5,) * 5, after=(0.6,) * 5)
    assert not short(REPORT, cure)
