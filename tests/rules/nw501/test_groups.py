"""Which group or schedule is named, on ranges made by hand."""

import dataclasses

import pytest

from netwright.evidence import Events, GroupRates, RangeTest, Where
from netwright.registry import find_rule
from netwright.rule import NotApplicable

HERE, THERE = Where(file="/a.py", line=3), Where(file="/a.py", line=9)
TEST = RangeTest(
    rates=(0.01, 0.1, 1.0, 10.0),
    losses=(0.9, 0.3, 5.0, None),
    steps=16,
    best=0.1,
    largest=0.3,
    in_use=1.0,
    constant=True,
    optimizer="SGD",
    where=HERE,
    recommended=0.1,
)


def group(number, in_use, largest, where=HERE, loss=8.0, least=0.3):
    return GroupRates(
        optimizer="SGD",
        group=number,
        names=(f"layer{number}.weight",),
        parameters=9,
        in_use=in_use,
        largest=largest,
        grows=largest * 1.1,
        where=where,
        loss=loss,
        least=least,
    )


def found(**changes):
    return find_rule("NW501").function(dataclasses.replace(TEST, **changes), Events(events=()))


def test_the_group_that_is_to_blame_is_named():
    groups = (group(0, 1.0, 3.0, loss=0.2), group(1, 5.0, 0.1))
    (finding,) = found(groups=groups)
    assert "group 1 of SGD (layer1.weight)" in finding.message
    assert "group 0" not in finding.message
    assert finding.measured["groups"] == [1]


def test_another_optimizer_is_reported_on_its_own_line():
    groups = (group(0, 0.1, 3.0, loss=0.2), group(0, 5.0, 0.1, where=THERE))
    (finding,) = found(in_use=0.1, groups=groups)
    assert finding.where == THERE
    assert not found(in_use=0.1, groups=(groups[0], group(0, 5.0, 0.1, where=THERE, loss=1.2)))


@pytest.mark.parametrize(
    ("peak", "after", "fires"),
    [(5.0, 20.0, True), (2.0, 20.0, False), (5.0, 1.2, False), (5.0, float("inf"), True)],
)
def test_a_peak_must_be_far_beyond_and_fail_when_reached_slowly(peak, after, fires):
    findings = found(in_use=0.01, constant=False, schedule="OneCycleLR", peak=peak, at_peak=after)
    assert bool(findings) is fires


@pytest.mark.parametrize(("peak", "fires"), [(1e-5, True), (0.1, False)])
def test_a_low_rate_is_judged_by_the_peak_of_its_schedule(peak, fires):
    from netwright.evidence import Parameters

    test = dataclasses.replace(
        TEST,
        rates=(1e-6, 1e-5, 0.1),
        losses=(1.0, 0.999, 0.3),
        in_use=1e-6,
        constant=False,
        peak=peak,
        schedule="X",
    )
    check = find_rule("NW502").function
    assert bool(check(test, Parameters(parameters=()))) is fires
    with pytest.raises(NotApplicable):
        check(dataclasses.replace(test, peak=None), Parameters(parameters=()))
