import pytest

from netwright.evidence import LossTerm, Objective, Targets, Task, TaskKind
from netwright.rule import NotApplicable
from netwright.rules.loss.class_weights_inverted import rule, slope

COUNTS = {0.0: 600, 1.0: 250, 2.0: 110}


def judge(counts=COUNTS, **given):
    term = LossTerm(op="cross_entropy", node=0, prediction=1, target=2, **given)
    objective = Objective(graph=0, kind=TaskKind.CLASSIFICATION, terms=(term,), main=0, classes=3)
    task = Task(kind=objective.kind, objectives=(objective,))
    return rule.function(task=task, targets=Targets(tensors=(None,), counts=(counts,)))


@pytest.mark.parametrize(
    ("weights", "fires"),
    [
        ((600.0, 250.0, 110.0), True),
        ((0.625, 0.26, 0.11), True),
        ((1 / 600, 1 / 250, 1 / 110), False),
        ((1.0, 1.0, 1.0), False),
        ((1.0, 1.2, 0.9), False),
        ((0.1, 1.0, 1.0), False),
    ],
)
def test_weights_that_rise_with_the_counts(weights, fires):
    assert bool(judge(class_weights=weights)) is fires


def test_few_or_balanced_labels_do_not_tell():
    assert not judge({0.0: 12, 1.0: 6, 2.0: 3}, class_weights=(3.0, 2.0, 1.0))
    assert not judge({0.0: 120, 1.0: 110, 2.0: 100}, class_weights=(1.2, 1.1, 1.0))


def test_negative_weight():
    (found,) = judge(class_weights=(1.0, -1.0, 1.0))
    assert found.severity.value == "error"


def test_ratio_of_positives():
    assert judge({0.0: 450, 1.0: 50}, pos_weight=(1 / 9,))
    assert not judge({0.0: 450, 1.0: 50}, pos_weight=(9.0,))
    assert not judge({0.0: 450, 1.0: 50}, pos_weight=(1.0,))


def test_without_weights():
    with pytest.raises(NotApplicable):
        judge()


def test_slope():
    assert slope([1, 2, 4], [10, 20, 40]) == pytest.approx((1.0, 1.0))
    assert slope([4, 2, 1], [10, 20, 40]) == pytest.approx((-1.0, -1.0))
    assert slope([1, 1, 1], [10, 20, 40]) == (0.0, 0.0)
