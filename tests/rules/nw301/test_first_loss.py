import math

import pytest

from netwright.evidence import (
    FirstLoss,
    Graph,
    Graphs,
    InitialLoss,
    LossTerm,
    Node,
    Objective,
    Parameters,
    Ref,
    Stats,
    Targets,
    Task,
    TaskKind,
    TensorInfo,
)
from netwright.rule import NotApplicable
from netwright.rules.loss.initial_loss_unexpected import rule

LN10 = math.log(10)


def stats(mean, std=0.0):
    return Stats(count=640, mean=mean, std=std, min=mean - std, max=mean + std)


def judge(
    loss, *, spread=0.3, batch=64, counts=None, fresh=True, step=0, behind="linear", tried=None, **changes
):
    nodes = (
        Node(index=0, op="input", kind="input", outputs=(TensorInfo(shape=(batch, 8), dtype="float32"),)),
        Node(index=1, op=behind, args=(Ref(0),), outputs=(TensorInfo(shape=(batch, 8), dtype="float32"),)),
        Node(
            index=2,
            op="linear",
            args=(Ref(1),),
            outputs=(TensorInfo(shape=(batch, 10), dtype="float32", stats=stats(0.0, spread)),),
        ),
        Node(
            index=3,
            op="cross_entropy",
            args=(Ref(2),),
            outputs=(TensorInfo(shape=(), dtype="float32", stats=stats(loss)),),
        ),
    )
    term = LossTerm(op="cross_entropy", node=3, prediction=2, reduction="mean", **changes)
    objective = Objective(graph=0, kind=TaskKind.CLASSIFICATION, terms=(term,), main=0, classes=10)
    task = Task(kind=objective.kind, objectives=(objective,))
    return rule.function(
        graphs=Graphs(train=(Graph(nodes=nodes, loss=3, step=step),)),
        task=task,
        targets=Targets(tensors=(None,), counts=(counts or {},)),
        parameters=Parameters(parameters=(), fresh=fresh),
        tried=tried,
    )


@pytest.mark.parametrize(
    ("ratio", "fires"), [(0.9, False), (1.4, False), (1.99, False), (2.2, True), (8.0, True)]
)
def test_times_chance(ratio, fires):
    assert bool(judge(ratio * LN10)) is fires


def test_small_batches_get_a_margin():
    assert judge(2.3 * LN10, spread=1.0)
    assert not judge(2.3 * LN10, spread=1.0, batch=4)


def test_too_good_for_an_untrained_network():
    even = {float(i): 64 for i in range(10)}
    assert judge(0.3 * LN10, counts=even)
    assert not judge(0.3 * LN10)
    assert not judge(0.3 * LN10, counts={0.0: 600, 1.0: 20})


def test_where_chance_does_not_apply():
    assert not judge(5 * LN10, behind="normalize")
    assert not judge(5 * LN10, step=3)
    assert not judge(5 * LN10, class_weights=(1.0, 2.0))
    with pytest.raises(NotApplicable):
        judge(5 * LN10, fresh=False)


def first(value, half, *, chance=LN10, prior=LN10, samples=512):
    return InitialLoss(
        batches=8,
        first=FirstLoss(
            op="cross_entropy",
            value=value,
            error=half / 3.29,
            low=value - half,
            high=value + half,
            samples=samples,
            chance=chance,
            prior=prior,
        ),
    )


@pytest.mark.parametrize(
    ("value", "half", "fires"),
    [(2.2, 0.1, True), (2.2, 0.3, False), (1.9, 0.01, False), (0.3, 0.1, True), (0.3, 0.25, False)],
)
def test_only_an_interval_beyond_the_limit_says_something(value, half, fires):
    # The single batch is far above chance; what was measured over all batches decides.
    assert bool(judge(8 * LN10, tried=first(value * LN10, half * LN10))) is fires


def test_weighted_losses_are_judged_by_their_own_blind_guess():
    assert judge(5 * LN10, class_weights=(1.0, 2.0), tried=first(5 * LN10, 0.1))
    assert not judge(5 * LN10, class_weights=(1.0, 2.0), tried=first(5 * LN10, 0.1, chance=4 * LN10))


def test_few_samples_or_labels_nearly_all_the_same_are_not_too_good():
    assert not judge(LN10, tried=first(0.3 * LN10, 0.01, samples=50))
    assert not judge(LN10, tried=first(0.01, 0.001, prior=0.05))
