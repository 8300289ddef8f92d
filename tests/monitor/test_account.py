"""The budget is kept: by the clock, whatever takes the time."""

import pytest

from netwright.monitor.account import Account


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        self.now += 1e-7
        return self.now


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
    clock.now += 10.0
    assert account.affords(0.09, clock.now)
    assert not account.affords(0.11, clock.now)


def test_the_cost_of_an_entry_is_measured():
    assert 0 < Account(0.01).entry_s < 1e-4
