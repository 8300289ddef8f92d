import pytest

from netwright.evidence import InitialLoss, TermShare, Where
from netwright.rule import NotApplicable, Severity
from netwright.rules.loss.loss_terms_of_different_magnitude import rule


def term(share, *, slope=1.0, supervised=True, penalty=False, line=1, norm=1.0, **changes):
    return TermShare(
        op="mse_loss",
        where=Where(file="train.py", line=line),
        values=(1.0, 1.0),
        norms=(norm, norm),
        value_share=(0.5, 0.5),
        gradient_share=None if share is None else (share / 2, share),
        slope=slope,
        supervised=supervised,
        penalty=penalty,
        **changes,
    )


def judge(*terms):
    return rule.function(tried=InitialLoss(batches=2, terms=terms))


@pytest.mark.parametrize(("share", "fires"), [(0.009, True), (0.011, False)])
def test_less_than_a_hundredth(share, fires):
    found = judge(term(share, line=7), term(1 - share))
    assert bool(found) is fires
    assert all((f.where.line, f.severity) == (7, Severity.INFO) for f in found)


def test_small_by_intention():
    assert not judge(term(0.001, slope=0.01), term(0.999))
    assert not judge(term(0.001, supervised=False), term(0.999))
    assert not judge(term(0.001), term(0.999, supervised=False, penalty=True))
    assert not judge(term(0.0, norm=0.0), term(1.0))


@pytest.mark.parametrize(
    ("alone", "together", "severity"),
    [
        (0.5, 0.99, Severity.WARNING),
        (0.5, 1.3, Severity.WARNING),
        (0.5, 0.9, Severity.INFO),
        (0.95, 1.0, Severity.INFO),
    ],
)
def test_harm_is_a_term_that_falls_alone_and_not_in_the_sum(alone, together, severity):
    (found,) = judge(term(0.001, alone=alone, together=together, steps=20), term(0.999))
    assert found.severity is severity


def test_nothing_to_compare():
    with pytest.raises(NotApplicable):
        judge(term(1.0))
    with pytest.raises(NotApplicable):
        judge(term(None), term(None))
