"""The budget is kept: by the clock, whatever takes the time."""

import pytest

from netwright.monitor.account import Account
from netwright.options import allowance

from .watches import Clock


def test_share_of_what_has_passed():
    clock = Clock()
    account = Account(0.01, clock=clock)
    account.begin()
    with account.charged():
        clock.now += 1.0
    clock.now += 99.0
    assert account.share == pytest.approx(0.01, rel=1e-3)
    account.end()
    clock.now += 1000.0
    assert account.share == pytest.approx(0.01, rel=1e-3)


def test_affords_what_fits_into_the_time_that_has_passed():
    clock = Clock()
    account = Account(0.01, clock=clock)
    account.begin()
    clock.now += 100.0
    assert account.affords(0.75, clock.now)
    assert not account.affords(0.85, clock.now)  # the rest is for what no clock inside sees


def test_the_first_seconds_go_ahead_of_the_budget_and_pay_it_back():
    spent = [allowance(0.01, s / 10) for s in range(1, 1000)]
    assert spent == sorted(spent)  # at any time there is more than before
    assert allowance(0.01, 1.0) > 0.03  # where one percent is a hundredth of a second
    assert max(a - 0.01 * s / 10 for s, a in enumerate(spent, start=1)) == pytest.approx(0.075)
    assert allowance(0.01, 30.0) == pytest.approx(0.3)
    assert allowance(0.01, 100.0) == pytest.approx(1.0)
    assert allowance(0.4, 1.0) <= 0.4 + 0.075  # who gives much has no need of it


def test_the_cost_of_an_entry_is_measured():
    assert 0 < Account(0.01).entry_s < 1e-4
