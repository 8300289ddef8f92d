"""Labels in blocks against labels in order, at random and by design."""

import random

import pytest

from netwright.evidence import (
    BatchOrder,
    Graph,
    Graphs,
    LoaderInfo,
    Loaders,
    LossTerm,
    Node,
    Objective,
    Task,
    TaskKind,
    Where,
)
from netwright.rule import NotApplicable
from netwright.rules._grouping import grouping
from netwright.rules.data.not_shuffled import rule

LINE = Where(file="/project/train.py", line=7)


def judge(labels, *, size=10, shuffled=False, target="input", length=100_000, loaded=True, values=None):
    leaf = Node(index=0, op=target, kind="op" if target != "input" else "input")
    term = LossTerm(op="cross_entropy", node=0, target=0)
    objective = Objective(graph=0, kind=TaskKind.CLASSIFICATION, terms=(term,), main=0, classes=10)
    order = BatchOrder(
        batches=len(labels) // size,
        batch_size=size,
        labels=tuple(float(x) for x in labels),
        labels_per_batch=(size,) * (len(labels) // size),
        repeated_batches=0,
        duplicates=0.0,
        distinct_samples=len(labels),
        label_values=values,
    )
    loader = LoaderInfo(
        where=LINE,
        role="train",
        batch_size=size,
        shuffled=shuffled,
        workers=0,
        dataset_length=length,
        sampler="SequentialSampler",
    )
    return rule.function(
        order=order,
        loaders=Loaders(loaders=(loader,) if loaded else ()),
        task=Task(kind=TaskKind.CLASSIFICATION, objectives=(objective,)),
        graphs=Graphs(train=(Graph(nodes=(leaf,), loss=0),)),
    )


def test_sorted_labels_are_found_at_the_loader():
    found = judge([c for c in range(10) for _ in range(20)])
    assert found is not None
    assert found.where == LINE


@pytest.mark.parametrize("seed", range(5))
def test_random_labels_are_silent(seed):
    assert judge(random.Random(seed).choices(range(10), k=300)) is None


@pytest.mark.parametrize("seed", range(5))
def test_few_classes_per_batch_in_random_order_are_silent(seed):
    draw = random.Random(seed)
    assert judge([c for _ in range(12) for c in draw.sample(range(40), 2) for _ in range(5)]) is None


def test_contrastive_labels_are_not_judged():
    with pytest.raises(NotApplicable):
        judge(list(range(10)) * 8, target="arange")


def test_one_class_is_found_in_unshuffled_data_only():
    assert judge([3] * 80) is not None
    with pytest.raises(NotApplicable):
        judge([3] * 80, shuffled=True)
    with pytest.raises(NotApplicable):
        judge([0] * 80, target="zeros")


def test_hand_cut_batches_are_judged_by_the_array_they_come_from():
    assert judge([3] * 80, loaded=False, values=10) is not None
    with pytest.raises(NotApplicable):
        judge([3] * 80, loaded=False)


def test_sorted_labels_with_one_change_are_found():
    assert judge([0] * 70 + [1] * 10, loaded=False) is not None


def test_too_few_batches_are_not_judged():
    with pytest.raises(NotApplicable):
        judge([0] * 10 + [1] * 10 + [2] * 10)


def test_purity_is_one_for_pure_batches_and_none_for_random():
    assert grouping([[0.0] * 8, [1.0] * 8] * 3).purity == pytest.approx(1.0)
    draw = random.Random(0)
    assert abs(grouping([draw.choices([0.0, 1.0], k=50) for _ in range(40)]).purity) < 0.05
