"""The noise scale against what is known of it exactly: linear regression, where the gradients' mean and covariance can be written down; and against every sample by itself."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from netwright.capture.session import Limits, Session
from netwright.capture.step import Step
from netwright.evidence import NoiseEstimate, NoiseScale
from netwright.experiments import noise_scale
from netwright.experiments._noise_estimate import inner_products, outlying, scale, student
from netwright.experiments._parts import find_reading, normalizes
from netwright.experiments.trainee import Trainee
from netwright.rule import NotApplicable
from netwright.rules.optimization.batch_size_far_from_noise_scale import rule


def steps(make, count=1):
    """The captured steps of a loss that is given the number of the step, and an optimizer."""
    torch.manual_seed(0)
    session = Session(Limits(steps=100))
    session.keep_start = True
    session.start()
    try:
        loss, optimizer = make()
        for number in range(count):
            optimizer.zero_grad()
            loss(number).backward()
            optimizer.step()
    finally:
        session.close()
    assert session.recorder.broken is None, session.recorder.broken
    recording = session.recording
    return Step(recording.captures[0]), [Step(c) for c in recording.later], optimizer


VARIANCES = torch.tensor([4.0, 1.0, 0.25])
TRUE = torch.tensor([1.0, -0.5, 2.0])
NOISE = 0.5


def regression(size, *, loss=F.mse_loss):
    """Squared error of a linear model without bias at weights 0: features of known variances, targets of known weights, noise of known variance."""

    def make():
        model = nn.Linear(3, 1, bias=False)
        nn.init.zeros_(model.weight)

        def step(_):
            x = torch.randn(size, 3) * VARIANCES.sqrt()
            y = x @ TRUE[:, None] + NOISE * torch.randn(size, 1)
            return loss(model(x), y)

        # A rate of 0: every batch meets the same weights.
        return step, torch.optim.SGD(model.parameters(), lr=0.0)

    return make


def exact():
    """tr(Σ) and |G|² of it. With w = 0 a sample's gradient is −2 x y, y = x · t + e. E[x y] = V t; by Isserlis E[(x_i y)²] = V_i (t·V t + s²) + 2 (V_i t_i)²."""
    mean = VARIANCES * TRUE
    target = float((TRUE * VARIANCES * TRUE).sum()) + NOISE**2
    second = float((VARIANCES * target + 2 * mean.square()).sum())
    squared = float(mean.square().sum())
    return 4 * (second - squared), 4 * squared


def test_linear_regression_has_the_noise_scale_that_can_be_written_down():
    trace, squared = exact()
    step, others, optimizer = steps(regression(200), count=30)
    found = noise_scale(step, optimizer, others=others, seconds=90)
    (estimate,) = found.estimates
    # 6000 samples; the relative errors of |G|² and tr(Σ) from so many are near 3 %.
    assert (found.batch, found.samples) == (200, 6000)
    assert estimate.parts * estimate.size == pytest.approx(6000, rel=0.1)
    assert math.isclose(estimate.squared, squared, rel_tol=0.15)
    assert math.isclose(estimate.trace, trace, rel_tol=0.15)
    assert estimate.low < trace / squared < estimate.high
    assert estimate.high / estimate.low < 2


@pytest.mark.parametrize("size", [1, 5])
def test_estimates_are_unbiased_and_the_interval_holds_the_truth(size):
    """Over many draws, from parts of known mean and covariance."""
    generator = torch.Generator().manual_seed(1)
    deviations = torch.linspace(0.2, 2, 40)
    mean = torch.full((40,), 0.4)
    trace, squared = float(deviations.square().sum()), float(mean.square().sum())
    found = [
        scale(
            inner_products(mean + deviations * torch.randn(24, 40, generator=generator) / math.sqrt(size)),
            size,
        )
        for _ in range(200)
    ]
    for values, truth in (([f.squared for f in found], squared), ([f.trace for f in found], trace)):
        values = torch.tensor(values)
        assert abs(float(values.mean()) - truth) < 3 * float(values.std()) / math.sqrt(200)
    told = [f for f in found if f.value is not None]
    held = sum(f.low < trace / squared < f.high for f in told)
    assert len(told) > 40
    assert held > 0.88 * len(told)


def test_gradients_without_a_mean_have_no_noise_scale():
    generator = torch.Generator().manual_seed(2)
    found = [scale(inner_products(torch.randn(32, 50, generator=generator)), 1) for _ in range(100)]
    assert sum(f.value is not None for f in found) <= 8  # 2.5 % of them by luck
    assert all(math.isclose(f.trace, 50, rel_tol=0.3) for f in found)


def classes(size, body, classes=4, *, reduction="mean", shape=(3, 6, 6)):
    def make():
        model = body()
        x, y = torch.randn(400, *shape), torch.randint(0, classes, (400,))

        def step(number):
            rows = torch.arange(number * size, (number + 1) * size) % 400
            xb, yb = x[rows] + nn.functional.one_hot(y[rows] % 3, 3)[:, :, None, None], y[rows]
            return F.cross_entropy(model(xb), yb, reduction=reduction)

        return step, torch.optim.SGD(model.parameters(), lr=0.0)

    return make


class Flattened(nn.Module):
    """A network with its batch size written into view and indexing."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.head = nn.Linear(64, 4)

    def forward(self, x):
        return self.head(self.conv(x).relu().view(x.size(0), -1))


def by_hand(model, x, y):
    """The gradient of every sample by itself, and the noise scale's two parts by their definitions."""
    rows = []
    for i in range(len(x)):
        grads = torch.autograd.grad(
            F.cross_entropy(model(x[i : i + 1]), y[i : i + 1]), list(model.parameters())
        )
        rows.append(torch.cat([g.reshape(-1) for g in grads]))
    rows = torch.stack(rows)
    trace = float(rows.var(0).sum())
    return trace, float(rows.mean(0).square().sum()) - trace / len(rows)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_single_samples_are_those_of_the_program(reduction):
    kept = {}

    def body():
        kept["model"] = Flattened()
        return kept["model"]

    step, others, optimizer = steps(classes(16, body, reduction=reduction), count=8)
    found = noise_scale(step, optimizer, others=others, seconds=90)
    (estimate,) = found.estimates
    assert (estimate.size, estimate.parts, found.samples, found.judged) == (1, 128, 128, 128)
    x = torch.cat([s.inputs["x"] for s in (step, *others)])
    y = torch.cat([s.capture.data[_target(s)] for s in (step, *others)])
    trace, squared = by_hand(kept["model"], x, y)
    # A sum over 16 samples has 16 times the gradient of their mean.
    unit = 256 if reduction == "sum" else 1
    assert math.isclose(estimate.trace, unit * trace, rel_tol=1e-3)
    assert math.isclose(estimate.squared, unit * squared, rel_tol=1e-3, abs_tol=unit * trace * 1e-4)


def _target(step):
    from netwright.inference import read_objective

    return read_objective(step.capture.graph, 0).term.target


def test_a_recurrent_network_with_time_first():
    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell, self.head = nn.LSTM(5, 8), nn.Linear(8, 2)

        def forward(self, x):
            state = (torch.zeros(1, x.shape[1], 8), torch.zeros(1, x.shape[1], 8))
            return self.head(self.cell(x, state)[0][-1])

    def make():
        model = Network()
        step = lambda _: F.cross_entropy(model(torch.randn(7, 24, 5) + 1), torch.randint(0, 2, (24,)))  # noqa: E731
        return step, torch.optim.SGD(model.parameters(), lr=0.0)

    step, others, optimizer = steps(make, count=3)
    found = noise_scale(step, optimizer, others=others, seconds=90)
    assert (found.batch, found.samples, found.estimates[0].size) == (24, 72, 1)


def test_targets_flattened_from_time_first_lie_apart():
    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.cell, self.head = nn.Embedding(9, 6), nn.GRU(6, 8), nn.Linear(8, 9)

        def forward(self, x, state):
            return self.head(self.cell(self.table(x), state)[0])

    kept = {}

    def make():
        model = kept["model"] = Network()

        def step(_):
            x = torch.randint(0, 9, (7, 12))
            return F.cross_entropy(model(x[:-1], torch.zeros(1, 12, 8)).flatten(0, 1), x[1:].flatten())

        return step, torch.optim.SGD(model.parameters(), lr=0.0)

    step, _, optimizer = steps(make)
    found = noise_scale(step, optimizer, seconds=90)
    assert (found.batch, found.samples, found.judged) == (12, 12, 12)
    x, y = step.inputs["x"], step.capture.data[_target(step)].view(6, 12)
    rows = []
    for i in range(12):
        loss = F.cross_entropy(kept["model"](x[:, i : i + 1], torch.zeros(1, 1, 8))[:, 0], y[:, i])
        rows.append(
            torch.cat([g.reshape(-1) for g in torch.autograd.grad(loss, list(kept["model"].parameters()))])
        )
    assert math.isclose(found.estimates[0].trace, float(torch.stack(rows).var(0).sum()), rel_tol=1e-3)


def test_noise_drawn_inside_the_step_stays_with_its_sample():
    """A variational autoencoder: the parts add up only if every sample keeps its own random numbers."""

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.encode, self.decode = nn.Linear(6, 4), nn.Linear(2, 6)

        def forward(self, x):
            middle, log = self.encode(x).chunk(2, dim=1)
            return self.decode(middle + torch.randn_like(log) * (log / 2).exp()), middle, log

    def make():
        model = Network()

        def step(_):
            x = torch.randn(20, 6) + 1
            again, middle, log = model(x)
            return F.mse_loss(again, x, reduction="sum") - 0.5 * (1 + log - middle.square() - log.exp()).sum()

        return step, torch.optim.SGD(model.parameters(), lr=0.0)

    step, _, _ = steps(make)
    trainee = Trainee([step.capture])
    reading = find_reading(trainee, trainee.trained)
    assert reading is not None
    assert not reading.mean


def batch_norm():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 4))


def test_batch_normalization_is_given_at_least_eight_samples():
    step, others, optimizer = steps(classes(32, batch_norm), count=8)
    assert normalizes(step.capture)
    found = noise_scale(step, optimizer, others=others, seconds=90)
    assert found.normalized
    assert found.estimates[0].size >= 8
    assert found.judged == 0


def test_losses_that_look_at_samples_together_are_not_cut():
    def contrastive():
        model = nn.Linear(6, 4)

        def step(_):
            z = F.normalize(model(torch.randn(16, 6)), dim=1)
            return F.cross_entropy(z @ z.T / 0.5, (torch.arange(16) + 8) % 16)

        return step, torch.optim.SGD(model.parameters(), lr=0.0)

    step, _, optimizer = steps(contrastive)
    trainee = Trainee([step.capture])
    assert find_reading(trainee, trainee.trained) is None
    with pytest.raises(NotApplicable, match="add up"):
        noise_scale(step, optimizer, seconds=90)


def test_whole_batches_are_compared_where_the_step_cannot_be_cut():
    """A mean over what is not masked; parts do not add up, batches are still drawn alike."""

    def masked():
        model = nn.Linear(6, 4)

        def step(_):
            y = torch.randint(0, 4, (16,))
            y[: int(torch.randint(1, 10, ()))] = -100
            return F.cross_entropy(model(torch.randn(16, 6) + 1), y)

        return step, torch.optim.SGD(model.parameters(), lr=0.0)

    step, others, optimizer = steps(masked, count=12)
    (estimate,) = noise_scale(step, optimizer, others=others, seconds=90).estimates
    assert (estimate.size, estimate.parts) == (16, 12)


def test_the_same_batch_again_tells_nothing_new():
    step, others, optimizer = steps(classes(400, Flattened), count=5)
    found = noise_scale(step, optimizer, others=others, seconds=90)
    assert found.samples == 400


def test_weights_of_now_are_another_place():
    def make():
        step, _ = regression(64)()
        model = nn.Linear(3, 1)
        x = torch.randn(640, 3)
        y = x.sum(1, keepdim=True) + 0.1 * torch.randn(640, 1)
        rows = lambda n: slice(64 * n, 64 * n + 64)  # noqa: E731
        step = lambda n: F.mse_loss(model(x[rows(n)]), y[rows(n)])  # noqa: E731
        return step, torch.optim.SGD(model.parameters(), lr=0.2)

    step, others, optimizer = steps(make, count=10)
    first, now = noise_scale(step, optimizer, others=others, seconds=90).estimates
    assert (first.when, now.when) == ("first", "now")
    # Near the optimum the mean gradient goes, the noise of the targets stays.
    assert now.squared < first.squared / 10
    assert now.scale is None or now.scale > 5 * first.scale


def test_one_wild_sample_is_named():
    def make():
        model = nn.Linear(5, 1)
        x = torch.randn(60, 5)
        y = x.sum(1, keepdim=True)
        y[17] = 1000.0
        return lambda _: F.mse_loss(model(x), y), torch.optim.SGD(model.parameters(), lr=0.0)

    step, _, optimizer = steps(make)
    found = noise_scale(step, optimizer, seconds=90)
    (wild,) = found.outliers
    assert (found.judged, wild.batch, wild.index, wild.target) == (60, 0, 17, 1000.0)
    assert wild.norm > 100
    x = step.inputs["input"][17]
    assert (wild.lowest, wild.highest) == pytest.approx((float(x.min()), float(x.max())))


def test_no_sample_stands_out_of_a_spread_that_is_wide():
    wide = [10.0 ** (i / 20) for i in range(60)]
    assert outlying(wide, 3.5, 10.0) == ()
    assert [i for i, _ in outlying([*[1.0] * 20, 1.5, 11.0], 3.5, 10.0)] == [21]


def test_students_points_are_on_the_wide_side():
    stats = pytest.importorskip("scipy.stats")
    for freedom in range(3, 300):
        point = float(stats.t.ppf(0.975, freedom))
        assert point - 5e-4 <= student(freedom) < 1.1 * point


@pytest.mark.parametrize(
    ("batch", "accumulated", "fires"),
    [(32, 1, False), (4900, 1, False), (5100, 1, True), (600, 10, True), (3, 1, True), (1, 4, False)],
)
def test_the_rule_asks_for_much_beyond_the_interval(batch, accumulated, fires):
    estimate = NoiseEstimate(
        when="now", size=1, parts=64, squared=1.0, trace=45.0, scale=45.0, low=39.0, high=50.0
    )
    noise = NoiseScale(estimates=(estimate,), batch=batch, accumulated=accumulated, samples=64)
    assert (rule.function(noise) is not None) == fires


def test_a_later_step_that_needs_its_whole_batch_is_left_out():
    def make():
        model = nn.Linear(3, 1)

        def step(number):
            x, y = torch.randn(64, 3), torch.randn(64, 1)
            out = model(x)
            if number == 1:
                out = torch.stack([out[i] for i in range(64)])
            return F.mse_loss(out, y)

        return step, torch.optim.SGD(model.parameters(), lr=0.0)

    step, others, optimizer = steps(make, count=3)
    found = noise_scale(step, optimizer, others=others, seconds=90)
    assert (found.batch, found.samples) == (64, 64)
