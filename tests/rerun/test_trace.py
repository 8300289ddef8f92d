"""Which of several evaluations says how good the program is."""

import math

import pytest

from netwright.rerun import Metric, Point, Trace


def held_out(*metrics, **how):
    made = [
        Metric(step=step, name="accuracy", value=value, samples=100, at=at, loader=loader)
        for step, at, loader, value in metrics
    ]
    return Trace(ended="finished", metrics=tuple(made)).held_out(**how)["accuracy"].value


PRETRAINED, FINE_TUNED = (100, "t.py:9", 2, 0.9), (300, "t.py:9", 4, 0.7)


def test_what_was_trained_last_counts_and_the_first_training_where_that_is_asked_for():
    assert held_out(PRETRAINED, FINE_TUNED) == 0.7
    assert held_out(PRETRAINED, FINE_TUNED, earliest=True) == 0.9


def test_a_validation_set_counts_before_a_test_set_looked_at_once():
    validated = [(step, "t.py:9", 2, step / 100) for step in (10, 20, 30)]
    assert held_out(*validated, (40, "t.py:12", 3, 0.1)) == 0.3
    assert held_out((40, "t.py:9", 2, 0.8), (40, "t.py:12", 3, 0.1)) == 0.8  # of both at once the first


def run(**changed):
    given = {
        "ended": "finished",
        "steps": 2,
        "points": (Point(step=0, loss=1.0), Point(step=1, loss=0.5)),
        "losses_digest": "d",
        "metrics": (Metric(step=2, name="loss", value=math.nan, samples=9, at="t.py:9"),),
    }
    return Trace(**{**given, **changed})


def test_two_runs_are_the_same_where_losses_and_evaluations_are_wherever_their_lines_stand_by_now():
    assert run().same_as(run())
    moved = run(metrics=(Metric(step=2, name="loss", value=math.nan, samples=9, at="t.py:8"),), wall_s=3.0)
    assert moved.same_as(run())


@pytest.mark.parametrize(
    "changed",
    [
        {"losses_digest": "e"},
        {"metrics": (Metric(step=2, name="loss", value=0.1, samples=9, at="t.py:9"),)},
        {"ended": "crashed"},  # a failure that stays says something of its remedy
        {"ended": "killed"},
        {"points": ()},
        {"steps": 3},
    ],
)
def test_otherwise_they_are_not_known_to_be_the_same(changed):
    assert not run(**changed).same_as(run(**changed) if "ended" in changed or "points" in changed else run())
