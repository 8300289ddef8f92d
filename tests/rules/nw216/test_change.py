"""How small a change of the prediction means that the input has no part in it."""

import pytest

from netwright.evidence import InputDependence, InputReach
from netwright.rule import NotApplicable
from netwright.rules.model.output_ignores_input import rule


def judge(zeroed, shuffled):
    reach = InputReach(objective=0, inputs=("x",), zeroed=zeroed, shuffled=shuffled)
    return rule.function(InputDependence(reaches=(reach,)))


@pytest.mark.parametrize(
    ("zeroed", "shuffled", "findings"), [(0, 0, 1), (1e-8, 0, 1), (1e-5, 0, 0), (0, 0.1, 0), (None, 0, 1)]
)
def test_change(zeroed, shuffled, findings):
    assert len(judge(zeroed, shuffled)) == findings


def test_nothing_measured():
    with pytest.raises(NotApplicable):
        judge(None, None)
