"""The step in other forms, and layers called again and again: what is tried, and that the times are those of the forms."""

import sys
import time

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from netwright.engine import judge
from netwright.evidence import RepeatedCall, StepTime, TriedForm, Where
from netwright.experiments import step_time
from netwright.experiments._repeated_calls import groups
from netwright.registry import find_rule
from netwright.rule import NotApplicable

from .test_alone import record

measured = sys.modules["netwright.experiments.step_time"]


def step_of(run, model, dtype=torch.float32, shape=(16, 4)):
    def make():
        x, y = torch.randn(shape, dtype=dtype), torch.randint(0, 3, (shape[0],))
        return lambda: F.cross_entropy(run(x), y), torch.optim.SGD(model.parameters(), lr=0.0)

    return record(make)[0]


def test_layers_called_sample_by_sample_are_one_call_for_all():
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    found = step_time(step_of(lambda x: torch.stack([model(row) for row in x]), model), seconds=1)
    assert [(r.op, r.calls) for r in found.repeated] == [("linear", 16), ("linear", 16)]
    assert all("model(row)" in r.where.code for r in found.repeated)
    assert all(r.apart_s > r.together_s for r in found.repeated)
    assert found.runs >= 3
    assert found.step_s > sum(r.together_s for r in found.repeated)


def test_calls_that_need_each_other_are_not_looked_at(monkeypatch):
    layer = nn.Linear(4, 4)

    def over_time(x):
        for _ in range(20):
            x = torch.tanh(layer(x))
        return x[:, :3]

    step = step_of(over_time, layer)
    assert not groups(step.capture.tape, step.capture.tape.calls)
    monkeypatch.setattr(measured, "_bfloat16", lambda device: False)
    with pytest.raises(NotApplicable, match="no other form"):
        step_time(step)


def test_double_precision_is_tried_in_single_and_the_program_is_left_alone():
    model = nn.Linear(4, 3).double()
    before = [p.clone() for p in model.parameters()]
    found = step_time(step_of(model, model, torch.float64), seconds=1)
    (form,) = found.forms
    assert (form.name, form.pairs >= 3) == ("float32", True)
    assert form.low <= form.times <= form.high
    assert form.apart < 1e-5
    assert all(
        torch.equal(a, b) and a.dtype is torch.float64
        for a, b in zip(model.parameters(), before, strict=True)
    )


def test_the_ratio_is_that_of_the_times():
    """Convolutions that take 8 ms longer while their filters have channels first."""

    def slow(x, weight, *rest):
        if weight.is_contiguous():
            time.sleep(0.008)
        return F.conv2d(x, weight, *rest)

    model = nn.Conv2d(4, 3, 3)
    step = step_of(lambda x: F.conv2d(x, model.weight).mean((2, 3)), model, shape=(2, 4, 6, 6))
    for call in step.capture.tape.calls:
        if call.name == "conv2d":
            call.func = slow
    form = next(f for f in step_time(step, seconds=1).forms if f.name == "channels-last")
    assert form.low > 1.5
    assert "F.conv2d(x, model.weight)" in form.where.code


LINE = Where(file="/p/train.py", line=7, code="model(row)")


def findings(**given):
    time_of = StepTime(step_s=0.01, runs=12, device="cpu", **given)
    judgement = judge([find_rule("NW805")], {StepTime: time_of})
    assert not judgement.traces
    return judgement.findings


def form(low, apart=0.0):
    return TriedForm(
        name="channels-last", times=low + 0.2, low=low, high=low + 0.4, pairs=6, apart=apart, where=LINE
    )


def test_what_is_hardly_faster_or_computes_something_else_is_not_named():
    assert findings(forms=(form(1.6),))[0].where == LINE
    assert not findings(forms=(form(1.4),))
    assert not findings(forms=(form(1.6, apart=0.1),))


def test_calls_that_take_little_of_the_step_are_not_named():
    def calls(apart_s, together_s):
        return RepeatedCall(where=LINE, op="linear", calls=32, apart_s=apart_s, together_s=together_s)

    (finding,) = findings(repeated=(calls(0.004, 0.0001), calls(0.002, 0.0001)))
    assert finding.measured["calls"] == 64
    assert (finding.where, finding.also) == (LINE, ())
    assert not findings(repeated=(calls(0.002, 0.0001),))
    assert not findings(repeated=(calls(0.008, 0.006),))
