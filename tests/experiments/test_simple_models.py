"""Simple models on captured samples whose truth is known: no relation, a straight one, one by products, one by neighbourhood; wrong labels at known places."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from torch import nn
from torch.nn import functional as F

from netwright.capture.session import Limits, Session
from netwright.capture.step import Step
from netwright.evidence import TaskKind
from netwright.experiments import simple_models
from netwright.experiments._sample_columns import label_issues
from netwright.experiments._seen_samples import collect, main_term
from netwright.experiments._simple_fits import (
    Problem,
    cheap_models,
    explained,
    folds,
    p_of,
    planted,
    scores,
    wilson,
)
from netwright.experiments.simple_models import plain_error
from netwright.rule import NotApplicable

BATCH = 50


def steps_of(x, y, *, loss=F.cross_entropy, outputs=2, make=None):
    """Captured steps over all batches of the data."""
    torch.manual_seed(0)
    session = Session(Limits(steps=1000, seconds=600, backwards=1000))
    session.start()
    try:
        model = (
            make() if make else nn.Sequential(nn.Linear(x.shape[1], 32), nn.ReLU(), nn.Linear(32, outputs))
        )
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
        for i in range(0, len(x), BATCH):
            optimizer.zero_grad()
            loss(model(x[i : i + BATCH]), y[i : i + BATCH]).backward()
            optimizer.step()
    finally:
        session.close()
    assert session.recorder.broken is None, session.recorder.broken
    recording = session.recording
    return [Step(c) for c in (*recording.captures, *recording.later)], optimizer


def study(x, y, **given):
    steps, optimizer = steps_of(x, y, **given)
    return simple_models(steps[0], optimizer, others=steps[1:], seconds=90)


def noise(rows=400, columns=6, seed=1):
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed))


def by_name(found):
    return {s.model: s for s in found.scores}


def test_independent_labels_are_no_better_than_permuted_ones():
    x = noise()
    found = study(x, (noise(seed=2)[:, 0] > 0).long())
    assert not found.related
    assert min(s.p_value for s in found.scores if s.p_value is not None) > 0.02
    assert found.power >= 0.9, "signals of a tenth of the variance are seen in 400 samples of 6 columns"
    assert by_name(found)["logistic regression"].accuracy_low < 0.5
    race = found.race
    assert race.planted_held < min(race.permuted_held)
    assert race.real_held > min(race.permuted_held) - (max(race.permuted_held) - min(race.permuted_held))


def test_a_straight_relation_is_found_by_straight_models_and_by_the_network():
    x = noise()
    found = study(x, (x @ torch.ones(6) + noise(seed=3)[:, 0] > 0).long())
    assert found.related
    assert (found.kind, found.samples, found.classes) == (TaskKind.CLASSIFICATION, 400, 2)
    # The signal has variance 6 and the noise 1: acos(sqrt(6 / 7)) / pi of the labels are on the wrong side of the best plane.
    best = 1 - np.arccos((6 / 7) ** 0.5) / np.pi
    assert by_name(found)["logistic regression"].accuracy == pytest.approx(best, abs=0.05)
    assert by_name(found)["ridge"].p_value == pytest.approx(1 / (1 + len(by_name(found)["ridge"].permuted)))
    assert found.race.real_fit < min(found.race.permuted_fit)
    assert found.race.real_held < min(found.race.permuted_held)


def test_a_relation_by_products_alone_is_found_by_products():
    x = noise()
    found = study(x, (x[:, 0] * x[:, 1] > 0).long())
    assert by_name(found)["ridge on products"].p_value <= 0.02 < by_name(found)["ridge"].p_value


def test_amounts_explained_are_what_is_left_of_the_noise():
    x = noise()
    y = x[:, :1] * 2 + noise(seed=3)[:, :1]
    found = study(x, y, loss=F.mse_loss, outputs=1)
    assert found.kind is TaskKind.REGRESSION
    assert by_name(found)["ridge"].score == pytest.approx(0.8, abs=0.05)
    assert by_name(found)["ridge"].low < 0.8 < by_name(found)["ridge"].high
    column = found.columns[0]
    assert column.predicts == pytest.approx(0.8, abs=0.05)
    floor = found.floor
    assert floor is not None
    assert floor.loss == "mse_loss"
    assert floor.error == pytest.approx((2 / np.pi) ** 0.5, rel=0.06)  # of normal noise of deviation 1
    assert floor.error < floor.error_high < 1.15 * floor.error
    assert (floor.mean, floor.variance) == pytest.approx((float(y.mean()), float(y.var())), abs=0.02)


@pytest.mark.parametrize(
    ("loss", "plain"),
    [
        (F.mse_loss, "mse_loss"),
        (lambda a, b: (a - b).abs().mean(), "l1_loss"),
        (nn.SmoothL1Loss(), "smooth_l1_loss"),
        (nn.SmoothL1Loss(beta=0.1), None),
        (nn.HuberLoss(), "smooth_l1_loss"),
        (nn.HuberLoss(delta=2.0), None),
    ],
)
def test_what_a_loss_is_the_mean_of(loss, plain):
    x = noise(BATCH)
    (step,), _ = steps_of(x, x[:, :1], loss=loss, outputs=1)
    _, term = main_term(step.capture)
    assert plain_error(step.capture, term) == plain


def test_a_copy_of_the_target_is_one_column():
    x = noise()
    y = (noise(seed=2)[:, 0] > 0).long()
    x[:, 3] = 5 - 2 * y
    leaking = [c.column for c in study(x, y).columns if c.predicts == 1 and c.follows > 0.99]
    assert leaking == [3]


def test_a_threshold_on_a_column_is_no_copy():
    x = noise()
    column = study(x, (x[:, 2] > 0).long()).columns[2]
    assert column.predicts > 0.98
    assert column.follows == pytest.approx(2 / np.pi, abs=0.05), (
        "share of a normal variable's variance between its halves"
    )


def test_samples_seen_again_count_once():
    x = noise(rows=100).repeat(4, 1)
    found = study(x, (x[:, 0] > 0).long())
    assert (found.samples, found.rows, found.batches) == (100, 400, 8)


def test_rows_belong_to_their_batch_and_place():
    x = noise(rows=120)
    samples = collect(steps_of(x, (x[:, 0] > 0).long())[0])
    assert samples.counts == (50, 50, 20)
    assert samples.places[119] == (2, 19)
    assert np.allclose(samples.blocks[0].rows[77], x[77])


def test_what_has_no_targets_of_its_own_is_not_judged():
    x = noise()
    with pytest.raises(NotApplicable, match="autoencoder"):
        study(x, x, loss=F.mse_loss, outputs=6)
    with pytest.raises(NotApplicable, match="distinct samples"):
        study(noise(rows=30), (noise(rows=30)[:, 0] > 0).long())


def test_targets_of_a_teacher_are_not_judged():
    x = noise()
    teacher = nn.Linear(6, 1)

    def loss(prediction, batch):
        with torch.no_grad():
            target = teacher(batch)
        return F.mse_loss(prediction, target)

    with pytest.raises(NotApplicable, match="network"):
        study(x, x, loss=loss, outputs=1)


def test_many_targets_at_once_are_the_same_as_one_after_the_other():
    draw = np.random.default_rng(0)
    table, target = draw.standard_normal((60, 3)), draw.standard_normal((60, 1))
    order = draw.permutation(60)
    values, _ = scores(Problem(table, target, None), [np.arange(60), order], cheap_models(3)["ridge"])
    for value, one in zip(values, (target, target[order]), strict=True):
        best = -np.inf
        for penalty in (0.03, 0.3, 3.0):
            out = np.zeros_like(one)
            for fit, test in folds(60):
                out[test] = (
                    Ridge(alpha=penalty * len(fit))
                    .fit(table[fit], one[fit])
                    .predict(table[test])
                    .reshape(-1, 1)
                )
            best = max(best, 1 - ((one - out) ** 2).sum() / ((one - one.mean()) ** 2).sum())
        assert value == pytest.approx(best, abs=1e-9)


def test_nearest_neighbours_are_those_of_brute_force():
    draw = np.random.default_rng(0)
    table, target = draw.standard_normal((40, 2)), draw.standard_normal((40, 1))
    fit, test = next(folds(40))
    five = cheap_models(2)["k nearest neighbours"](table[fit], target[fit], table[test])[1]
    distance = ((table[test][:, None] - table[fit][None]) ** 2).sum(-1)
    assert np.allclose(five, target[fit][np.argsort(distance, axis=1)[:, :5]].mean(axis=1))


def test_p_values_are_uniform_where_nothing_is_related():
    draw = np.random.default_rng(0)
    found = []
    for seed in range(60):
        problem = Problem(draw.standard_normal((50, 3)), draw.standard_normal((50, 1)), None, seed)
        values, _ = scores(problem, [np.arange(50), *problem.permuted(99)], cheap_models(3)["ridge"])
        found.append(p_of(float(values[0]), values[1:]))
    # Of 60 uniform numbers, 3 lie below 0.05 on average, and more than 9 with probability 0.0005.
    assert sum(p <= 0.05 for p in found) <= 9
    assert np.mean(found) == pytest.approx(0.5, abs=0.15)


def test_planted_targets_have_the_real_values_in_another_order():
    draw = np.random.default_rng(0)
    problem = Problem(draw.standard_normal((4000, 5)), np.eye(3)[draw.integers(0, 3, 4000)], None)
    for order in planted(problem, count=3, strength=0.25):
        assert sorted(order) == list(range(4000))
    amounts = Problem(problem.table, draw.standard_normal((4000, 1)), None)
    (order,) = planted(amounts, count=1, strength=0.25)
    target = amounts.targets[order]
    out = Ridge(alpha=1e-6).fit(amounts.table, target).predict(amounts.table).reshape(-1, 1)
    assert explained(target, out) == pytest.approx(0.25, abs=0.04)


def test_wrong_labels_are_named_by_batch_and_place():
    pytest.importorskip("cleanlab")
    draw = np.random.default_rng(0)
    labels = draw.integers(0, 3, 300)
    wrong = draw.choice(300, 30, replace=False)
    probabilities = np.full((300, 3), 0.05)
    probabilities[np.arange(300), labels] = 0.9
    given = labels.copy()
    given[wrong] = (labels[wrong] + 1) % 3
    places = [(i // 50, i % 50) for i in range(300)]
    found = label_issues("known", probabilities, given, np.array([4, 5, 6]), places)
    assert found.share == pytest.approx(0.1, abs=0.02)
    assert found.low <= 0.1 <= found.high
    assert {50 * b + i for b, i in found.positions} <= set(wrong)
    first = 50 * found.positions[0][0] + found.positions[0][1]
    assert (found.given[0], found.expected[0]) == (given[first] + 4, labels[first] + 4)


def test_the_interval_of_a_share():
    low, high = wilson(50, 100)
    assert (round(low, 3), round(high, 3)) == (0.404, 0.596)
