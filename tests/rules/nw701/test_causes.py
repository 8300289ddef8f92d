"""Causes of a failure, and their order, on evidence made by hand."""

import dataclasses

import pytest

from netwright.evidence import (
    LossTerm,
    Objective,
    Outcome,
    Overfit,
    OverfitRun,
    ParameterInfo,
    Parameters,
    RangeTest,
    Task,
    TaskKind,
)
from netwright.registry import find_rule


def run(outcome=Outcome.PLATEAU, own=False, **changes):
    given = {"losses": (2.3,) * 200, "accuracy": 0.2, **changes}
    return OverfitRun(
        data="one batch",
        samples=64,
        optimizer="SGD at rate 10" if own else "Adam at rate 0.0003",
        own=own,
        outcome=outcome,
        **given,
    )


def parameter(gradient):
    return ParameterInfo(name="a.weight", shape=(3, 3), dtype="float32", used=True, grad_steps=(gradient,))


RANGE = RangeTest(
    rates=(0.1, 10.0),
    losses=(0.3, 9.0),
    steps=16,
    best=0.1,
    largest=0.2,
    in_use=10.0,
    constant=True,
    optimizer="SGD",
)


def found(*runs, test=None, gradient=1.0, weight=1.0, **changes):
    term = LossTerm(op="cross_entropy", node=0, weight=weight)
    kind = TaskKind.CLASSIFICATION
    task = Task(kind=kind, objectives=(Objective(graph=0, kind=kind, terms=(term,), main=0),))
    overfit = Overfit(runs=runs, **changes)
    return find_rule("NW701").function(overfit, Parameters(parameters=(parameter(gradient),)), task, test)


@pytest.mark.parametrize(
    ("outcome", "changes", "first"),
    [
        (Outcome.PLATEAU, {"gradient": 0.0}, "gradients"),
        (Outcome.UP, {"weight": -1.0}, "flipped sign"),
        (Outcome.UP, {"test": RANGE}, "too high"),
        (Outcome.OSCILLATING, {}, "labels"),
        (Outcome.PLATEAU, {"few": run(Outcome.PLATEAU)}, "wrong tensor"),
        (Outcome.PLATEAU, {"few": run(Outcome.REACHED)}, "too few units"),
        (Outcome.EXPLODED, {"sample": run(Outcome.EXPLODED)}, "numerical"),
    ],
)
def test_the_cause_that_something_speaks_for_comes_first(outcome, changes, first):
    finding = found(run(outcome, own=True), run(outcome), **changes)
    assert first in finding.measured["causes"][0]


def test_what_the_range_test_clears_comes_last():
    fits = dataclasses.replace(RANGE, in_use=0.1)
    finding = found(run(Outcome.OSCILLATING, own=True), run(Outcome.OSCILLATING), test=fits)
    assert "too high" in finding.measured["causes"][-1]


def test_silent_where_one_of_them_learns_or_the_floor_is_reached():
    assert found(run(Outcome.UP, own=True), run(Outcome.REACHED, accuracy=1.0)) is None
    assert found(run(accuracy=0.6)) is not None
    assert found(run(accuracy=0.6), ceiling=0.65) is None
    assert found(run(Outcome.UP, accuracy=None)) is None


def test_silent_where_the_loss_goes_down_at_an_even_pace():
    """A linear layer for targets in the tens, trained by hand: with Adam at 3e-4 it would take thousands of steps."""
    even = tuple(9.22 - 0.26 * i / 400 for i in range(400))
    slowing = tuple(8.96 + 0.26 * 0.98**i for i in range(400))
    assert found(run(accuracy=None, error=1.38, losses=even)) is None
    assert found(run(accuracy=None, error=1.38, losses=slowing)) is not None
    assert found(run(accuracy=None, error=1.38, losses=(9.22,) * 400)) is not None
