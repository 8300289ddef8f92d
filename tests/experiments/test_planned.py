"""How the budget is shared out: what one experiment does not need goes to those after it, and nothing starts when it is spent."""

import pytest

from netwright.evidence import EXPERIMENTS
from netwright.experiments.catalogue import all_experiments, planned, serious
from netwright.rule import Severity


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def test_every_experiment_has_a_name_a_file_and_a_share():
    found = all_experiments()
    assert [e.name for e in found] == list(EXPERIMENTS.values())
    assert all(0 < e.share < 1 and e.limit_s > 0 for e in found)


def test_time_that_is_not_needed_goes_on():
    clock, given = Clock(), {}
    for experiment, seconds in planned(["gradient-check", "range-test"], 10.0, clock):
        given[experiment.name] = seconds
        clock.now += 0.5
    assert given["gradient-check"] < 5.0
    assert given["range-test"] == pytest.approx(9.5)


def test_what_comes_after_the_end_of_the_budget_is_left_out():
    clock, given = Clock(), {}
    for experiment, seconds in planned(["gradient-check", "overfit-batch", "range-test"], 20.0, clock):
        given[experiment.name] = seconds
        clock.now += 19.5
    assert given["gradient-check"] > 0
    assert [given["overfit-batch"], given["range-test"]] == [0.0, 0.0]


def test_serious_ones_are_those_that_an_error_or_a_warning_rests_on():
    named = serious({})
    assert {"overfit-batch", "range-test", "simple-models"} <= set(named)
    assert not {"noise-scale", "seeds", "repeat-run"} & set(named)
    assert "noise-scale" in serious({"NW503": Severity.WARNING})
