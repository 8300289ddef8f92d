"""What is known of learning-rate schedulers: the loops around them, the rates to come, whether anything steps them."""

import math
import sys

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

from netwright.capture.frames import add_user_root
from netwright.capture.loops import loops_around
from netwright.capture.schedules import course
from netwright.capture.session import Limits, Session
from netwright.evidence import Where
from netwright.probes._never_stepped import never_stepped
from netwright.probes.observed import Observed
from netwright.probes.schedules import schedules


def optimizer(rate=0.1):
    return torch.optim.SGD([torch.zeros(3, requires_grad=True)], lr=rate)


def rates(scheduler, steps):
    return [r[0] for r in course(scheduler, steps).rates]


def test_a_course_is_what_the_scheduler_does_and_leaves_it_alone():
    given = optimizer()
    makers = (
        lambda o: lr_scheduler.CosineAnnealingLR(o, 20),
        lambda o: lr_scheduler.OneCycleLR(o, 1.0, total_steps=40),
        lambda o: lr_scheduler.LambdaLR(o, lambda step: min(1, step / 5)),
        lambda o: lr_scheduler.SequentialLR(
            o, [lr_scheduler.LinearLR(o, 0.01, total_iters=5), lr_scheduler.StepLR(o, 4)], [5]
        ),
        lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 7),
    )
    for make in makers:
        given = optimizer()
        scheduler = make(given)
        before = given.param_groups[0]["lr"]
        foreseen = rates(scheduler, 30)
        assert given.param_groups[0]["lr"] == before
        done = [before]
        for _ in range(30):
            given.step()
            scheduler.step()
            done.append(given.param_groups[0]["lr"])
        assert all(math.isclose(a, b, abs_tol=1e-12) for a, b in zip(foreseen, done, strict=True))


def test_what_cannot_be_foreseen():
    assert course(lr_scheduler.ReduceLROnPlateau(optimizer()), 5) is None
    counted = []

    class Counts:
        total = 0

    def writes(step):
        Counts.total += 1
        return 1.0

    known = Counts.total
    scheduler = lr_scheduler.LambdaLR(optimizer(), writes)
    made = Counts.total
    assert course(scheduler, 5) is None
    assert (known, Counts.total, counted) == (0, made, [])


def test_a_one_cycle_schedule_ends():
    assert course(lr_scheduler.OneCycleLR(optimizer(), 1.0, total_steps=10), 30).ended == 10


LOOPS = """
import sys
EPOCHS = 3
class Config:
    folds = 2
items = [1, 2, 3, 4]
def go(see, config):
    for fold in range(config.folds):
        for epoch in range(1, EPOCHS + 1):
            for i, item in enumerate(items):
                if {condition}:
                    see(sys._getframe())
            {end}
go(see, Config())
"""


@pytest.mark.parametrize(
    ("condition", "end", "times", "skipped"),
    [
        ("item is not None", "pass", 24, 6),
        ("config", "pass", 24, 6),
        ("i % 2", "pass", None, None),
        ("config", "if item > 9: break", None, None),
        ("config", "while item > 9: break", 24, 6),
    ],
)
def test_loops_are_counted(tmp_path, condition, end, times, skipped):
    add_user_root(str(tmp_path))
    script = tmp_path / "loops.py"
    script.write_text(LOOPS.format(condition=condition, end=end))
    seen = []
    code = compile(script.read_text(), str(script), "exec")
    exec(code, {"see": lambda frame: seen.append(loops_around(frame))})
    around = seen[0]
    mine = type(around)(tuple(x for x in around.loops if x.file == str(script)), around.conditional)
    assert (mine.times(), mine.times(skip=1)) == (times, skipped)


@pytest.mark.parametrize(
    ("rest", "never"),
    [
        ("print(scheduler.get_last_lr())", True),
        ("scheduler.step", True),
        ("scheduler.step()", False),
        ("train(scheduler)", False),
        ("callbacks = [scheduler]", False),
        ("globals()['scheduler'].step()", False),
    ],
)
def test_a_scheduler_that_nothing_can_step(tmp_path, rest, never):
    script = tmp_path / f"never{abs(hash(rest))}.py"
    script.write_text(f"scheduler = torch.optim.lr_scheduler.StepLR(\n    optimizer, 3\n)\n{rest}\n")
    assert never_stepped(Where(file=str(script), line=1), "StepLR") is never


PROGRAM = """
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
x = torch.randn(64, 3)
model = nn.Linear(3, 1)
for fold in range(3):
    loader = DataLoader(TensorDataset(x, x.sum(1, keepdim=True)), batch_size=16)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 20)
    for epoch in range(5):
        for a, b in loader:
            optimizer.zero_grad()
            (model(a) - b).square().mean().backward()
            optimizer.step()
            {inner}
        {outer}
"""


@pytest.mark.parametrize(
    ("inner", "outer", "per_batch", "planned"),
    [("scheduler.step()", "pass", True, 20), ("pass", "scheduler.step()", None, 5)],
)
def test_units_of_a_scheduler(tmp_path, inner, outer, per_batch, planned):
    script = tmp_path / f"train_{per_batch}.py"
    script.write_text(PROGRAM.format(inner=inner, outer=outer))
    found = []
    session = Session(Limits(steps=4), on_recorded=lambda: found.append(schedules(Observed(session))))
    session.start()
    try:
        code = compile(script.read_text(), str(script), "exec")
        exec(code, {"__name__": "__main__"})
    finally:
        session.close()
    assert session.recorder.broken is None
    (schedule,) = found[0].schedules
    assert (schedule.per_batch, schedule.planned, schedule.epoch, schedule.epochs) == (
        per_batch,
        planned,
        4,
        5,
    )
    assert schedule.peaks == (0.1,)
    assert math.isclose(
        schedule.final, 0.0 if per_batch else 0.05 * (1 + math.cos(math.pi / 4)), abs_tol=1e-9
    )
    assert sys.modules[nn.__name__] is nn
