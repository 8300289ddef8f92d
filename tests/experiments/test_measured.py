"""bench/experiments: what it edits, counts and writes."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from bench.experiments import cost, noise, rates
from bench.experiments.__main__ import with_section
from bench.experiments.worker import by_whole_batches
from bench.faultbench import programs
from bench.faultbench.source import DoesNotApply

from .test_noise_scale import exact, regression, steps


@pytest.mark.parametrize("names", [cost.RECIPES, noise.RECIPES, rates.RECIPES])
def test_every_recipe_named_is_there(names):
    assert set(names) <= set(programs.recipes())
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", rates.RECIPES)
def test_the_rate_is_changed_and_nothing_else(name):
    program = programs.healthy(programs.recipes()[name], 0)
    try:
        edited = rates.at_rate(program, 3.0)
    except DoesNotApply:
        pytest.skip("no rate is written out")
    old, new = program.text.splitlines(), edited.text.splitlines()
    changed = [(a, b) for a, b in zip(old, new, strict=True) if a != b]
    assert changed
    assert all(b.replace("(", "").replace(")", "").replace(" * 3.0", "") == a.replace("(", "").replace(")", "") for a, b in changed)  # fmt: skip
    assert rates.at_rate(program, 1.0) is program


def test_rates_reach_as_far_as_one_beyond_the_range_tests():
    assert list(rates.exponents(1e-3, 1e-3)) == [-2, -1, 0, 1, 2]
    assert list(rates.exponents(1e-3, 27e-3)) == [-2, -1, 0, 1, 2, 3, 4]
    far = rates.exponents(1e-3, 1e-3 * 3**9)
    assert (len(far), far[-1]) == (8, 10)
    assert rates.exponents(1e-3, 1e-3 / 3**9)[0] == -10


def test_rank_correlation_and_its_interval():
    pairs = [(float(i), float(i**2)) for i in range(1, 9)]
    assert rates.spearman(*zip(*pairs, strict=True)) == 1.0
    assert rates.interval(pairs) == pytest.approx((1.0, 1.0))
    mixed = [(1, 5), (2, 1), (3, 4), (4, 2), (5, 3), (6, 6)]
    low, high = rates.interval(mixed)
    assert low < rates.spearman(*zip(*mixed, strict=True)) < high


def test_brute_force_knows_the_noise_scale_that_can_be_written_down():
    trace, squared = exact()
    step, others, optimizer = steps(regression(50), count=41)
    found = by_whole_batches((step, *others), optimizer, 50)
    # 41 batches: the spread is known to about a fifth.
    assert found["batches"] == 41
    assert math.isclose(found["brute"], trace / squared, rel_tol=0.6)


def test_brute_force_counts_only_what_the_optimizer_holds():
    def make():
        first, second = nn.Linear(3, 3), nn.Linear(3, 1)
        loss = lambda _: F.mse_loss(second(first(torch.randn(8, 3))), torch.ones(8, 1))  # noqa: E731
        return loss, torch.optim.SGD(second.parameters(), lr=0.0)

    step, others, optimizer = steps(make, count=12)
    mine = by_whole_batches((step, *others), optimizer, 8)["brute"]
    every = by_whole_batches((step, *others), None, 8)["brute"]
    assert mine != every


def test_a_section_of_the_page_is_replaced_and_the_others_stay():
    page = with_section("", cost.TITLE, "one\n\n| a |")
    page = with_section(page, noise.TITLE, "two")
    again = with_section(page, cost.TITLE, "three")
    assert again.index("two") < again.index("three")
    assert "one" not in again
    assert with_section(again, cost.TITLE, "one\n\n| a |") == page


def test_every_fault_whose_experiments_are_timed_can_be_planted():
    if programs.data_folder() is None:
        pytest.skip("recipes on larger data sets need NETWRIGHT_DATA")
    assert len(cost.programs(())) == len(cost.RECIPES) + len(cost.FAULTY)


def test_a_reason_stands_in_the_list_once():
    reasons = []
    found = {"seconds": 0.5, "step": 0.01, "form": "", "why": ""}
    assert cost._cell(found, reasons) == "50 steps (0.5 s)"
    assert cost._cell({**found, "why": "no decay"}, reasons) == "– [1]"
    assert cost._cell({**found, "form": "on 8 of 64"}, reasons) == "50 steps (0.5 s) [2]"
    assert cost._cell({**found, "why": "no decay"}, reasons) == "– [1]"
    assert reasons == ["no decay", "on 8 of 64"]
