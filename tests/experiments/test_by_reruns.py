"""What is done with a step that cannot be run again by itself: the whole program is run again. Only the last test starts processes."""

import os
from dataclasses import replace

import pytest

from netwright.evidence import Outcome, Overfit, RangeTest
from netwright.experiments import _by_reruns
from netwright.experiments._by_reruns import Reruns, share
from netwright.experiments.overfit_batch import by_reruns as overfit
from netwright.experiments.range_test import by_reruns as rates
from netwright.report.tried import overfit_batch as tells_overfit
from netwright.report.tried import range_test as tells_range
from netwright.rerun import Command, Intervention, Plan, Trace
from netwright.rerun.pool import rerun
from netwright.rerun.trace import CRASHED, FINISHED, STEPS, LoaderUse, Point
from netwright.rule import NotApplicable

COMMAND = Command(target="train.py", folder=".", environment={})
LOADER = LoaderUse(turn=0, file="train.py", line=1, samples=64, trained=True)


class Clock:
    """Every run takes four seconds."""

    now = 0.0

    def monotonic(self):
        return self.now


def trace(losses, ended=STEPS, loaders=(LOADER,)):
    points = tuple(Point(step=i, loss=v, samples=16 * (i + 1)) for i, v in enumerate(losses))
    return Trace(ended=ended, steps=len(points), points=points, loaders=loaders)


@pytest.fixture
def program(monkeypatch):
    """A program whose losses are a function of the factor on its rate, and of the step."""
    clock, asked = Clock(), []

    def put(loss, *, ended=STEPS):
        def runs(command, plans, **_):
            clock.now += 4.0
            (plan,) = plans
            factor = next((i.settings["factor"] for i in plan.interventions if "factor" in i.settings), None)
            asked.append(factor)
            if callable(ended) and ended(factor):
                return [trace([1.0], ended=CRASHED)]
            return [trace([loss(factor, step) for step in range(plan.steps)])]

        monkeypatch.setattr(_by_reruns, "rerun", runs)
        monkeypatch.setattr(_by_reruns, "time", clock)
        return asked

    return put


def parabola(factor, step):
    """Gradient descent on a parabola of curvature 1 at a rate of 0.5 times the factor; batches differ by the same amount in every run."""
    return (1 - 0.5 * factor) ** (2 * step) * (1 + 0.1 * (step % 3))


def test_the_edge_of_a_parabola_is_found(program):
    asked = program(parabola)
    found = rates(Reruns(COMMAND, 200.0, "why"), in_use=0.5, optimizer="SGD")
    # Stable below a rate of 2, exact at 1.
    assert found.largest < 2.0 <= found.grows < 2.4
    assert found.best == pytest.approx(1.0, rel=0.6)
    assert found.reruns and found.steps == 24
    assert asked[:2] == [0.0, 1.0] and len(asked) == len(set(asked))
    assert "the whole program was run again for each rate" in tells_range.sentence(found)


def test_rates_stop_when_the_time_is_over(program):
    asked = program(parabola)
    found = rates(Reruns(COMMAND, 33.0, "why"), in_use=0.5, optimizer="SGD")
    assert isinstance(found, RangeTest)
    assert 6 <= len(asked) <= 8


def test_too_little_time_is_said_with_what_would_do(program):
    asked = program(parabola)
    with pytest.raises(
        NotApplicable, match=r"\(an opaque call\).* 5 more runs .* of 4 s each .* 20 s given \(--budget 28 "
    ):
        rates(Reruns(COMMAND, 20.0, "an opaque call"), in_use=0.5, optimizer="SGD")
    assert asked == [0.0]


def test_a_program_that_sets_its_rates_itself_is_not_judged(program):
    program(lambda factor, step: 0.9**step)
    with pytest.raises(NotApplicable, match="the program sets its rates itself"):
        rates(Reruns(COMMAND, 200.0, "why"), in_use=0.5, optimizer="SGD")


def test_a_run_that_fails_at_a_higher_rate_counts_as_growing(program):
    program(parabola, ended=lambda factor: factor > 1)
    found = rates(Reruns(COMMAND, 200.0, "why"), in_use=0.5, optimizer="SGD")
    assert found.largest == 0.5
    assert all(loss is None for rate, loss in zip(found.rates, found.losses, strict=True) if rate > 0.5)


def test_batches_are_compared_with_themselves():
    hard = [1.0] * 16 + [3.0] * 8
    assert share(trace([0.5 * v for v in hard]), trace(hard)) == 0.5
    with pytest.raises(NotApplicable):
        share(trace(hard[:20]), trace(hard))


@pytest.mark.parametrize(
    ("loss", "ends"),
    [(lambda step: 0.9**step, Outcome.REACHED), (lambda step: 2.0 + 0.01 * (step % 2), Outcome.PLATEAU)],
)
def test_one_batch_by_heart(program, loss, ends):
    program(lambda factor, step: loss(step))
    found = overfit(Reruns(COMMAND, 60.0, "why"), optimizer="SGD at rate 0.1")
    assert isinstance(found, Overfit)
    assert (found.runs[0].outcome, found.runs[0].samples, found.reruns) == (ends, 16, True)
    assert "run again on its first batch" in tells_overfit.sentence(found)


def test_batches_made_by_hand_cannot_be_repeated(program, monkeypatch):
    program(lambda factor, step: 0.9**step)
    own = _by_reruns.rerun
    without = lambda *a, **k: [replace(t, loaders=()) for t in own(*a, **k)]  # noqa: E731
    monkeypatch.setattr(_by_reruns, "rerun", without)
    with pytest.raises(NotApplicable, match="no DataLoader makes its batches"):
        overfit(Reruns(COMMAND, 60.0, "why"), optimizer="SGD")


PROGRAM = """
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

loader = DataLoader(TensorDataset(torch.arange(24.0)[:, None]), batch_size=4, shuffle=True)
model = nn.Sequential(nn.Linear(1, 8), nn.Dropout(0.5), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=1e-6, weight_decay=0.1)
seen = []
for epoch in range(2):
    for (batch,) in loader:
        model(batch).square().mean().backward()
        optimizer.step()
        seen.append(sorted(batch[:, 0].int().tolist()))
        batch.zero_()
assert len(seen) == 12 and seen.count(seen[0]) == 12, seen
assert model[1].p == 0 and optimizer.param_groups[0]["weight_decay"] == 0
"""


def test_the_interventions_act_in_the_program(tmp_path):
    (tmp_path / "train.py").write_text(PROGRAM)
    command = Command(target="train.py", folder=tmp_path, environment=dict(os.environ))
    changes = (Intervention(name="repeat-first-batch"), Intervention(name="without-regularization"))
    (found,) = rerun(command, [Plan(seed=0, interventions=changes)], seconds=120)
    assert (found.ended, found.error) == (FINISHED, None), found.why()
    assert len(found.losses) == 12
