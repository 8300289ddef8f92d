"""The network's interval over seeds against the simple model's over samples."""

from dataclasses import replace

import pytest

from netwright.evidence import Baseline, Floor, ModelScore, Seeds, SimpleModels, TaskKind
from netwright.evidence.experiments.simple_models import most_nats
from netwright.experiments._reruns import spread
from netwright.rule import NotApplicable
from netwright.rules.generalization.worse_than_a_simple_model import below, comparable, rule


def judge(accuracies, *, simple=(0.9, 0.88), majority=0.1, steps=None, name="evaluation accuracy"):
    seeds = Seeds(runs=(), spreads=(spread(name, accuracies),), steps=steps)
    scores = (
        ModelScore(
            model="nearest",
            score=0.8,
            low=0.7,
            high=0.9,
            accuracy=simple[0],
            accuracy_low=simple[1],
            accuracy_high=0.95,
        ),
    )
    models = SimpleModels(
        kind=TaskKind.CLASSIFICATION, samples=1000, rows=1000, batches=20, inputs="x", features=9, classes=10,
        smallest=90, baselines=(Baseline(name="the majority class", accuracy=majority),), scores=scores, power=1.0,
        plants=10, strength=0.1, race=None,
    )  # fmt: skip
    return rule.function(seeds, models)


def test_clearly_worse():
    found = judge([0.60, 0.62, 0.61])
    assert found.measured["model"] == "nearest"
    assert found.measured["simple"] == 0.9


def test_a_wide_interval_says_nothing():
    assert judge([0.5, 0.9, 0.7]) is None


def test_better_or_hardly_worse():
    assert judge([0.95, 0.96, 0.95]) is None
    assert judge([0.872, 0.873, 0.872]) is None


def test_worse_than_the_majority():
    assert judge([0.5, 0.5, 0.51], simple=(0.4, 0.35), majority=0.8).measured["model"] == "the majority class"


def test_runs_that_were_stopped_are_not_judged():
    with pytest.raises(NotApplicable):
        judge([0.60, 0.62, 0.61], steps=100)
    with pytest.raises(NotApplicable):
        judge([0.60, 0.62, 0.61], name="training loss")


CLASSES = Floor(model="nearest", samples=600, accuracy=0.99, accuracy_low=0.98, nats=most_nats(0.02, 10))
AMOUNTS = Floor(model="boosting", samples=2000, score=0.75, score_low=0.73, variance=4.0)


def held(floor, name, value, samples, loss):
    """As `fix` holds a whole run against it."""
    return below(floor, name, value, samples) if comparable(floor, name, value, loss) else None


@pytest.mark.parametrize(
    ("reached", "samples", "worse"),
    [(0.93, 270, True), (0.95, 270, False), (0.95, 2000, True), (0.975, 100000, False), (0.99, 270, False)],
)
def test_one_run_is_held_against_it_with_the_error_of_its_samples(reached, samples, worse):
    found = held(CLASSES, "accuracy", reached, samples, 0.3)
    assert (found is not None) == worse
    assert found is None or found.remedies == ()  # it names no cause


@pytest.mark.parametrize(
    ("floor", "loss"), [(CLASSES, 0.1), (CLASSES, None), (replace(CLASSES, nats=None), 0.3)]
)
def test_a_training_that_is_as_good_or_cannot_be_judged_says_nothing(floor, loss):
    assert held(floor, "accuracy", 0.93, 270, loss) is None


@pytest.mark.parametrize(
    ("error", "samples", "loss", "worse"),
    [
        (1.3, 1600, 1.1, True),  # 67 % of the variance, 70 % at most
        (1.3, 1600, 1.0, False),  # its training data are known as well
        (1.2, 200, 1.1, False),
        (1.0, 1600, 0.9, False),
        (1.2e6, 1600, 1.1, False),  # in another unit than the loss
        (1.2, 1600, None, False),
    ],
)
def test_an_error_is_held_against_it_in_the_unit_of_the_loss(error, samples, loss, worse):
    assert (held(AMOUNTS, "squared error", error, samples, loss) is not None) == worse


OFF = replace(AMOUNTS, error=0.8, error_high=0.83, loss="mse_loss")


@pytest.mark.parametrize(
    ("floor", "error", "samples", "loss", "worse"),
    [
        (OFF, 0.95, 1600, 1.2, True),  # 0.9 at least
        (OFF, 0.95, 100, 1.2, False),  # 0.76 at least
        (OFF, 0.88, 1600, 1.2, False),
        (OFF, 0.95, 1600, 1.0, False),  # its training data are known as well
        (OFF, 95.0, 1600, 1.2, False),  # in another unit than the loss
        (replace(OFF, loss="l1_loss"), 0.95, 1600, 1.1, True),
        (
            replace(OFF, loss="l1_loss"),
            0.95,
            1600,
            1.0,
            False,
        ),  # squares of 1 at least, of which 1.08 would tell
        (replace(OFF, loss="smooth_l1_loss"), 0.95, 1600, 0.6, True),
        (replace(OFF, loss="smooth_l1_loss"), 0.95, 1600, 0.5, False),
        (replace(OFF, loss=None), 0.95, 1600, 1.2, False),
        (replace(OFF, error=None, error_high=None), 0.95, 1600, 1.2, False),
    ],
)
def test_an_absolute_error_is_held_against_its_own(floor, error, samples, loss, worse):
    found = held(floor, "absolute error", error, samples, loss)
    assert (found is not None) == worse
    assert found is None or (found.measured["simple"], found.remedies) == (0.8, ())


def test_what_it_does_not_measure_is_not_judged():
    assert held(CLASSES, "squared error", 9.0, 1000, 9.0) is None
    assert held(AMOUNTS, "accuracy", 0.1, 1000, 9.0) is None
    assert held(CLASSES, "accuracy", float("nan"), 1000, 9.0) is None
