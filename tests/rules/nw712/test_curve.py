import pytest

from netwright.evidence import CurvePoint, LearningCurve, Where
from netwright.rule import NotApplicable
from netwright.rules.generalization.more_data_would_help import rule


def judge(gain, low, high, values=((0.4, 0.4), (0.3, 0.3), (0.2, 0.2), (0.15, 0.15))):
    points = tuple(CurvePoint(share=1 / 8 * 2**i, samples=100 * 2**i, values=v) for i, v in enumerate(values))
    curve = LearningCurve(
        metric="share of wrong answers", points=points, floor=0.0, scale=1.0, exponent=0.5, gain=gain, gain_low=low, gain_high=high,
        draws=200, where=Where(file="a.py", line=3),
    )  # fmt: skip
    return rule.function(curve)


def test_steep_flat_and_unknown():
    assert judge(0.3, 0.2, 0.4).message.startswith("more data would help")
    assert judge(0.01, 0.0, 0.015).message.startswith("more data would not help")
    assert judge(0.1, 0.0, 0.3) is None
    assert judge(0.3, 0.049, 0.4) is None
    assert judge(0.01, 0.0, 0.03) is None


def test_a_curve_that_rises_at_its_end_is_not_steep():
    assert judge(0.3, 0.2, 0.4, values=((0.4, 0.4), (0.3, 0.3), (0.15, 0.15), (0.2, 0.2))) is None


def test_nothing_is_wrong():
    with pytest.raises(NotApplicable):
        judge(0.0, 0.0, 0.0, values=((0.1, 0.1), (0.1, 0.1), (0.0, 0.0), (0.0, 0.0)))
