"""How small a change of the prediction means that the input has no part in it."""

import pytest

from netwright.evidence import InputDependence, InputReach, OptimizerInfo, Optimizers
from netwright.rule import NotApplicable, Severity
from netwright.rules.model.output_ignores_input import rule


def judge(zeroed, shuffled, died=False, **group):
    reach = InputReach(objective=0, inputs=("x",), zeroed=zeroed, shuffled=shuffled, died=died)
    optimizer = OptimizerInfo(index=0, type="SGD", groups=(group,))
    return rule.function(InputDependence(reaches=(reach,)), Optimizers(optimizers=(optimizer,)))


@pytest.mark.parametrize(
    ("zeroed", "shuffled", "findings"), [(0, 0, 1), (1e-8, 0, 1), (1e-5, 0, 0), (0, 0.1, 0), (None, 0, 1)]
)
def test_change(zeroed, shuffled, findings):
    assert len(judge(zeroed, shuffled)) == findings


def test_nothing_measured():
    with pytest.raises(NotApplicable):
        judge(None, None)


@pytest.mark.parametrize(
    ("died", "group", "severity"),
    [
        (True, {"betas": (0.9, 0.999)}, Severity.INFO),
        (True, {"momentum": 0.9}, Severity.INFO),
        (True, {"momentum": 0}, Severity.ERROR),
        (False, {"betas": (0.9, 0.999)}, Severity.ERROR),
    ],
)
def test_units_that_died_in_the_first_steps_may_come_back_with_momentum(died, group, severity):
    (finding,) = judge(0, 0, died, **group)
    assert finding.severity is severity
