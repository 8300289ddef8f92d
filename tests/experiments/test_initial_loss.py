"""The loss before training on captured steps, against what is known of it by mathematics."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from netwright.capture.sandbox import untouched
from netwright.capture.session import Limits, Session
from netwright.capture.step import Step
from netwright.experiments import initial_loss
from netwright.experiments._intervals import interval, ratio
from netwright.experiments._terms import ScaledTrainee, weigh
from netwright.student import quantile


def found_of(make, *, seconds=90.0):
    """What is found of the first step of a model, a loss and an optimizer. The rate is 0 where a test compares with the weights it can see."""
    step, optimizer = captured(make)
    return initial_loss(step, optimizer, seconds=seconds)


def captured(make):
    torch.manual_seed(0)
    session = Session(Limits(steps=100))
    session.keep_start = True
    session.start()
    try:
        loss, parameters = make()
        optimizer = torch.optim.SGD(parameters, lr=0.05)
        loss().backward()
        optimizer.step()
    finally:
        session.close()
    assert session.recorder.broken is None, session.recorder.broken
    return Step(session.recording.captures[0]), optimizer


def zero_last(width, criterion, labels):
    """A network whose last layer is zero: it answers 0 to everything."""

    def make():
        x = torch.randn(60, 8)
        model = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Dropout(0.5), nn.Linear(16, width))
        nn.init.zeros_(model[-1].weight)
        nn.init.zeros_(model[-1].bias)
        y = labels(x)
        return lambda: criterion(model(x), y), model.parameters()

    return make


def seven(x):
    return torch.arange(60) % 7


def with_ignored(x):
    return torch.where(torch.arange(60) % 3 == 0, -100, torch.arange(60) % 7)


def skewed(x):
    return (torch.arange(60) % 4 == 0).long()


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("labels", [seven, with_ignored])
def test_a_zero_last_layer_starts_at_the_logarithm_of_the_number_of_classes(labels, reduction):
    first = found_of(zero_last(7, lambda p, y: F.cross_entropy(p, y, reduction=reduction), labels)).first
    assert math.isclose(first.value, math.log(7), rel_tol=1e-5)
    assert math.isclose(first.chance, math.log(7), rel_tol=1e-5)
    assert first.low <= first.value <= first.high
    assert first.high - first.low < 1e-5
    assert first.samples == (60 if labels is seven else 40)


def test_the_best_constant_answer_costs_the_entropy_of_the_labels():
    first = found_of(zero_last(2, F.cross_entropy, skewed)).first
    entropy = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))
    assert math.isclose(first.prior, entropy, rel_tol=1e-5)
    assert math.isclose(first.chance, math.log(2), rel_tol=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weighted", [False, True])
def test_no_constant_answer_costs_less_than_the_one_found(smoothing, weighted):
    weight = torch.tensor([1.0, 5.0, 0.5]) if weighted else None

    def loss(p, y):
        return F.cross_entropy(p, y, weight=weight, label_smoothing=smoothing)

    y = torch.tensor([0] * 30 + [1] * 10 + [2] * 20)
    first = found_of(zero_last(3, loss, lambda x: y)).first
    logits = torch.zeros(3, requires_grad=True)
    best = torch.optim.LBFGS([logits], max_iter=200, line_search_fn="strong_wolfe")

    def closure():
        best.zero_grad()
        value = loss(logits.expand(60, 3), y)
        value.backward()
        return value

    best.step(closure)
    assert math.isclose(first.prior, float(closure().detach()), rel_tol=1e-4)
    assert math.isclose(first.chance, float(loss(torch.zeros(60, 3), y)), rel_tol=1e-5)
    assert math.isclose(first.value, first.chance, rel_tol=1e-5)


def test_yes_and_no_with_a_weight_for_yes():
    weight = torch.tensor(3.0)
    found = found_of(
        zero_last(
            1,
            lambda p, y: F.binary_cross_entropy_with_logits(p.squeeze(1), y, pos_weight=weight),
            lambda x: skewed(x).float(),
        )
    ).first
    # A quarter says yes and counts three times: 1.5 times the logarithm of 2, and with a constant answer of 1/2 nothing is gained.
    assert math.isclose(found.chance, 1.5 * math.log(2), rel_tol=1e-5)
    assert math.isclose(found.prior, 1.5 * math.log(2), rel_tol=1e-5)


def test_squared_error_against_mean_square_and_variance():
    y = 3 + 2 * torch.randn(60, 1, generator=torch.Generator().manual_seed(1))
    first = found_of(zero_last(1, F.mse_loss, lambda x: y)).first
    assert math.isclose(first.value, float(y.square().mean()), rel_tol=1e-5)
    assert math.isclose(first.chance, float(y.square().mean()), rel_tol=1e-5)
    assert math.isclose(first.prior, float(y.var(correction=0)), rel_tol=1e-4)
    assert math.isclose(first.error, float(y.square().std() / math.sqrt(60)), rel_tol=1e-4)


def test_positions_of_one_sample_are_not_independent():
    def make():
        x = torch.randint(0, 9, (20, 1)).expand(20, 50).contiguous()
        model = nn.Sequential(nn.Embedding(9, 12), nn.Linear(12, 9))
        return lambda: F.cross_entropy(model(x).reshape(-1, 9), x.reshape(-1)), model.parameters()

    # Every row holds one token fifty times: there are 20 samples, not 1000.
    assert found_of(make).first.samples == 20


def test_all_batches_count_each_with_its_own_weights():
    torch.manual_seed(0)
    session = Session(Limits(steps=100))
    session.keep_start = True
    session.start()
    try:
        model = nn.Linear(4, 3)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        start = [p.detach().clone() for p in model.parameters()]
        batches = [(torch.randn(20 + i, 4), torch.randint(0, 3, (20 + i,))) for i in range(3)]
        for number, (x, y) in enumerate(batches):
            scores = model(x * 1.0 if number else x)  # the tapes of the batches are not alike
            loss = F.cross_entropy(scores, y, weight=torch.tensor([1.0, 2.0, 3.0]))
            loss.backward()
            optimizer.step()
    finally:
        session.close()
    recording = session.recording
    steps = [Step(c) for c in (*recording.captures, *recording.later)]
    first = initial_loss(steps[0], optimizer, others=steps[1:], seconds=90).first
    x, y = (torch.cat([b[i] for b in batches]) for i in (0, 1))
    expected = F.cross_entropy(F.linear(x, *start), y, weight=torch.tensor([1.0, 2.0, 3.0]))
    assert first.samples == 63
    assert math.isclose(first.value, float(expected), rel_tol=1e-5)
    assert math.isclose(first.chance, math.log(3), rel_tol=1e-5)
    share = torch.bincount(y, minlength=3) * torch.tensor([1.0, 2.0, 3.0])
    share = share / share.sum()
    assert math.isclose(first.prior, float(-(share * share.log()).sum()), rel_tol=1e-5)


def test_the_same_batch_again_is_no_further_sample():
    torch.manual_seed(0)
    session = Session(Limits(steps=100))
    session.start()
    try:
        model = nn.Linear(4, 3)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        x, y = torch.randn(30, 4), torch.arange(30) % 3
        for number in range(4):
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            if number == 1:
                assert loss.item() > 0  # the next step is seen with this number beside its batch
    finally:
        session.close()
    steps = [Step(c) for c in (*session.recording.captures, *session.recording.later)]
    assert len(steps) == 4
    found = initial_loss(steps[0], optimizer, others=steps[1:], seconds=90)
    assert (found.batches, found.first.samples, found.direction.samples) == (1, 30, 30)


def two_terms(factor):
    def make():
        x, y = torch.randn(40, 3), torch.randn(40, 1)
        model = nn.Linear(3, 1)
        return lambda: F.mse_loss(model(x), y) + factor * F.mse_loss(model(x), y), model.parameters()

    return make


def test_shares_of_two_equal_terms_are_those_of_their_factors():
    step, _ = captured(two_terms(3.0))
    with untouched():
        trainee = ScaledTrainee([step.capture])
        # Both calls stand on one line here, so the parts are made of one call each by hand.
        whole = trainee.parts[0][0]
        trainee.parts[0] = [
            type(whole)(whole.op, whole.where, [node], False, False, True) for node in whole.nodes
        ]
        terms = weigh(trainee, math.inf)
    assert [round(t.value_share[1], 4) for t in terms] == [0.25, 0.75]
    assert [round(t.gradient_share[1], 4) for t in terms] == [0.25, 0.75]
    assert [round(t.slope, 4) for t in terms] == [1.0, 3.0]


def three_parts(x, y, model):
    """A sum that is built in place, with a factor, a difference and a mean over parts."""
    p = model(x)
    total = F.mse_loss(p, y)
    total += 0.5 * F.l1_loss(p, y)
    total = total - 0.1 * sum(w.square().sum() for w in model.parameters())
    return total / 4


def test_values_and_gradients_of_the_parts_add_up_to_those_of_the_loss():
    held = {}

    def make():
        x, y = torch.randn(40, 3), torch.randn(40, 1)
        held["model"] = model = nn.Linear(3, 1)
        held["loss"] = float(three_parts(x, y, model).detach())
        held["data"] = (x, y)
        return lambda: three_parts(x, y, model), model.parameters()

    step, _ = captured(make)
    found = initial_loss(step, seconds=90)
    assert [t.op for t in found.terms] == ["mse_loss", "l1_loss", "sum"]
    assert [round(t.slope, 5) for t in found.terms] == [0.25, 0.125, -0.025]
    assert math.isclose(sum(t.values[0] for t in found.terms), held["loss"], rel_tol=1e-5)
    assert [t.penalty for t in found.terms] == [False, False, True]
    assert found.terms[2].magnitude
    model = nn.Linear(3, 1)
    with torch.no_grad():
        for mine, value in zip(model.parameters(), step.capture.start.values(), strict=True):
            mine.copy_(value)
    x, y = held["data"]
    for term, loss in zip(
        found.terms,
        (
            F.mse_loss(model(x), y) / 4,
            F.l1_loss(model(x), y) / 8,
            sum(w.square().sum() for w in model.parameters()) / 40,
        ),
        strict=True,
    ):
        grads = torch.autograd.grad(loss, list(model.parameters()))
        norm = math.sqrt(sum(float(g.square().sum()) for g in grads))
        assert math.isclose(term.norms[0], norm, rel_tol=1e-4)


def test_only_shared_parameters_count():
    def make():
        x, a, b = torch.randn(40, 3), torch.randn(40, 1), torch.randn(40, 1)
        body, one, two = nn.Linear(3, 4), nn.Linear(4, 1), nn.Linear(4, 1)

        def loss():
            code = body(x)
            first = F.mse_loss(one(code), a)
            second = F.mse_loss(two(code.detach()), b)
            return first + second

        return loss, [*body.parameters(), *one.parameters(), *two.parameters()]

    terms = found_of(make).terms
    assert len(terms) == 2
    assert all(t.gradient_share is None for t in terms)


def with_penalty(sign, cut=False):
    def make():
        x, y = torch.randn(60, 4), torch.randn(60, 1)
        model = nn.Linear(4, 1)

        def loss():
            fit = F.mse_loss(model(x), y)
            size = (model.weight.detach() if cut else model.weight).square().sum()
            return fit + sign * 0.5 * size

        return loss, model.parameters()

    return make


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_loss_is_linear_in_the_strength_of_a_penalty(sign):
    found = found_of(with_penalty(sign))
    at = {s.factor: s for s in found.strengths}
    assert sorted(at) == [0.0, 0.1, 1.0, 10.0]
    penalty = at[1.0].loss - at[0.0].loss
    assert penalty * sign > 0
    assert math.isclose(at[10.0].loss - at[0.0].loss, 10 * penalty, rel_tol=1e-4)
    assert math.isclose(penalty, found.terms[1].values[0], rel_tol=1e-4)
    # Trained without the penalty the rest of the loss is the lower.
    assert at[0.0].data < at[10.0].data or sign < 0


def test_a_penalty_without_gradient_is_told():
    term = found_of(with_penalty(1.0, cut=True)).terms[1]
    assert (term.penalty, term.magnitude, term.reaches) == (True, True, False)
    assert term.values[0] > 0
    assert math.isclose(term.slope, 0.5, rel_tol=1e-6)


def classes(loss, width=3):
    def make():
        x = torch.randn(60, 8)
        y = x[:, :3].argmax(1)
        model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, width))
        return lambda: loss(model(x), y), model.parameters()

    return make


@pytest.mark.parametrize(
    ("loss", "wrong"),
    [
        (F.cross_entropy, False),
        (lambda p, y: -F.cross_entropy(p, y), True),
        (lambda p, y: F.nll_loss(p.log_softmax(1), y), False),
        (lambda p, y: F.nll_loss(-p.log_softmax(1), y), True),
        (lambda p, y: p.log_softmax(1)[torch.arange(60), y].mean(), True),
        (lambda p, y: -p.log_softmax(1).gather(1, y[:, None]).mean(), False),
        (lambda p, y: F.mse_loss(p.softmax(1), F.one_hot(y, 3).float()), False),
        (lambda p, y: -F.mse_loss(p.softmax(1), F.one_hot(y, 3).float()), True),
        (lambda p, y: 1 - F.binary_cross_entropy_with_logits(p, F.one_hot(y, 3).float()), True),
    ],
)
def test_a_loss_that_rewards_wrong_answers(loss, wrong):
    found = found_of(classes(loss)).direction
    assert (found.right > found.blind > found.wrong) is wrong
    assert (found.right < found.blind < found.wrong) is not wrong
    assert (found.cost_low > 0) is wrong
    assert (found.cost_high < 0) is not wrong
    assert found.loss_after < found.loss_before


@pytest.mark.parametrize(
    "loss",
    [
        lambda p, y: (p.log_softmax(1)[torch.arange(60), y] * torch.linspace(-1, 1, 60)).mean(),  # advantages
        lambda p, y: p.log_softmax(1)[torch.arange(60), y].mean() * -0.7,  # a return that may have any sign
        lambda p, y: -F.cosine_similarity(p, F.one_hot(y, 3).float()).mean(),
        lambda p, y: p.mean(),  # a critic
        lambda p, y: -torch.distributions.Normal(p, 0.01).log_prob(F.one_hot(y, 3).float()).mean(),
    ],
)
def test_losses_that_may_be_negative_are_not_taken_for_wrong(loss):
    found = found_of(classes(loss)).direction
    assert found is None or found.right < found.blind


def test_targets_that_are_no_probabilities_leave_no_lower_bound():
    def make():
        x = torch.randn(60, 8)
        y = x[:, :1].sign()
        model = nn.Linear(8, 1)
        return lambda: F.binary_cross_entropy_with_logits(model(x), y), model.parameters()

    found = found_of(make).direction
    assert found.nonnegative
    assert found.least < -5


def test_ratio_and_interval():
    mean, error, count = ratio([1.0, 2.0, 3.0, 4.0, 10.0, 7.0], [1.0] * 6)
    values = torch.tensor([1.0, 2.0, 3.0, 4.0, 10.0, 7.0])
    assert math.isclose(mean, float(values.mean()))
    assert math.isclose(error, float(values.std()) / math.sqrt(6), rel_tol=1e-6)
    assert interval(mean, error, 4) is None
    # Student's quantiles from the tables.
    for freedom, known in ((4, 8.610), (7, 5.408), (10, 4.587), (30, 3.646), (1000, 3.300), (10**6, 3.291)):
        assert math.isclose(quantile(freedom, 0.999), known, rel_tol=0.003)
    for freedom, known in ((1, 12.706), (2, 4.303), (3, 3.182), (10, 2.228), (10**6, 1.960)):
        assert math.isclose(quantile(freedom, 0.95), known, rel_tol=0.002)
    low, high = interval(mean, error, count)
    assert math.isclose((low + high) / 2, mean)
