"""The largest rate of each parameter group and optimizer, against separable parabolas whose edges are known; schedules and the rates they reach."""

import math

import pytest
import torch
from torch import nn

from netwright.capture.session import Limits, Session
from netwright.experiments import range_test
from netwright.experiments._group_rates import partners
from netwright.experiments.catalogue import material
from netwright.experiments.range_test import EXPERIMENT

KEPT = []


def record(make, steps=1):
    """The session of a program that makes its optimizers and then steps them all on one loss."""
    torch.manual_seed(0)
    session = Session(Limits(steps=100))
    session.keep_start = True
    session.start()
    try:
        loss, optimizers, schedulers = make()
        KEPT.extend((optimizers, schedulers))  # the session does not keep the program's objects alive
        done = 0
        while done < steps:  # so that nothing says how long it goes on
            done += 1
            for optimizer in optimizers:
                optimizer.zero_grad()
            loss().backward()
            for optimizer in optimizers:
                optimizer.step()
            for scheduler in schedulers:
                scheduler.step()
    finally:
        session.close()
    assert session.recorder.broken is None, session.recorder.broken
    return session


def parabolas(build, curvatures=(2.0, 50.0)):
    """a/2 * x**2 + b/2 * y**2: gradient descent on each alone is stable below 2 / curvature."""
    first, second = curvatures

    def make():
        x, y = nn.Parameter(torch.tensor([1.0])), nn.Parameter(torch.tensor([0.3]))

        def loss():
            return (0.5 * first * x.square() + 0.5 * second * y.square()).sum()

        return loss, *build(x, y)

    return make


def ask(session, **options):
    given = material(session)
    return range_test(
        given.step, given.optimizer, partners=partners(given), where=given.where, seconds=90, **options
    )


def test_each_group_has_its_own_edge():
    def build(x, y):
        return [torch.optim.SGD([{"params": [x], "lr": 0.1}, {"params": [y], "lr": 0.002}])], []

    found = ask(record(parabolas(build)))
    assert [g.group for g in found.groups] == [0, 1]
    for group, edge in zip(found.groups, (2 / 2.0, 2 / 50.0), strict=True):
        assert group.largest <= edge * 1.03
        assert group.grows > edge * 0.999
        assert group.grows / group.largest < 1.11
    # Together they keep their ratio of 50, and the first to be unstable decides: 0.002 * f = 2 / 50 at f = 20, 0.1 * f = 1 at f = 10.
    assert found.largest <= 1.03 and found.grows > 0.999


def test_a_group_that_diverges_in_use_is_the_one_and_the_other_is_still_measured():
    def build(x, y):
        return [torch.optim.SGD([{"params": [x], "lr": 0.1}, {"params": [y], "lr": 0.2}])], []

    found = ask(record(parabolas(build)))
    good, bad = found.groups
    assert good.in_use < good.largest and 0.9 < good.largest < 1.03
    assert bad.in_use > bad.largest and 0.9 < bad.largest * 25 < 1.03
    assert bad.loss is None or bad.loss > 1.5


def test_two_optimizers_of_one_loss():
    def build(x, y):
        return [torch.optim.SGD([x], lr=0.1), torch.optim.SGD([y], lr=0.004)], []

    session = record(parabolas(build))
    found = ask(session)
    assert [p.steps for p in partners(material(session))] == [None]
    assert all(0.9 < g.largest * c / 2 < 1.03 for g, c in zip(found.groups, (2, 50), strict=True))


def test_optimizers_with_losses_of_their_own():
    x, y = nn.Parameter(torch.tensor([1.0])), nn.Parameter(torch.tensor([1.0]))

    def first():
        return (3 * x.square()).sum()

    def second():
        return (10 * y.square()).sum()

    session = Session(Limits(steps=100))
    session.keep_start = True
    session.start()
    try:
        one, two = torch.optim.SGD([x], lr=0.01), torch.optim.SGD([y], lr=0.01)
        for _ in range(3):
            first().backward()
            one.step()
            one.zero_grad()
            second().backward()
            two.step()
            two.zero_grad()
    finally:
        session.close()
    found = ask(session)
    assert all(0.9 < g.largest * c / 2 < 1.03 for g, c in zip(found.groups, (6, 20), strict=True))


def test_bisection_and_recommended_rate():
    def build(x, y):
        return [torch.optim.SGD([x, y], lr=0.001)], []

    found = ask(record(parabolas(build, (8.0, 8.0))))
    assert found.groups == ()
    assert 0.9 * 0.25 < found.largest <= 0.2501 < found.grows < 0.25 * 1.11
    losses = dict(zip(found.rates, found.losses, strict=True))
    assert losses[found.recommended] < 0.5
    # Divided by three from the largest one, as often as needed and not more often.
    power = round(math.log(found.largest / found.recommended, 3))
    assert math.isclose(found.recommended * 3**power, found.largest)
    assert power == 0 or losses[found.largest / 3 ** (power - 1)] > 0.5


def test_still_is_where_nothing_moves():
    def build(x, y):
        return [torch.optim.SGD([x, y], lr=0.01)], []

    found = ask(record(parabolas(build, (8.0, 8.0))))
    # (1 - 8 r) ** 32 > 0.999 below r = 3.9e-6
    assert found.still < 3.91e-6 < found.still * 3.2


@pytest.mark.parametrize(("top", "fits"), [(0.1, True), (40.0, False)])
def test_the_peak_of_a_schedule(top, fits):
    def build(x, y):
        optimizer = torch.optim.SGD([x, y], lr=0.01)
        return [optimizer], [
            torch.optim.lr_scheduler.OneCycleLR(optimizer, top, total_steps=30, cycle_momentum=False)
        ]

    session = record(parabolas(build, (8.0, 8.0)), steps=4)
    found = EXPERIMENT.run(material(session), 90.0, lambda share: None)
    assert found.schedule == "OneCycleLR"
    assert math.isclose(found.peak, top)
    assert not found.constant
    assert (found.at_peak < 1) == fits
