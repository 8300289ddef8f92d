"""What outputs depend on, against full Jacobians of small networks."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from netwright.experiments import independence
from netwright.registry import find_rule
from netwright.rule import NotApplicable

from .test_alone import record

SAMPLES, STEPS, WIDTH = 6, 5, 4


class Net(nn.Module):
    """A function between two linear layers that work on each vector alone."""

    def __init__(self, middle, **parts):
        super().__init__()
        self.first, self.last, self.middle = nn.Linear(3, WIDTH), nn.Linear(WIDTH, 2), middle
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x):
        return self.last(self.middle(self, self.first(x)))


def over_samples(middle, **parts):
    """A step of a network on sequences, with one row for each sample; the rows are picked by index from more of them."""

    def make():
        x, y = torch.randn(40, STEPS, 3), torch.randint(0, 2, (40,))
        model = Net(lambda net, h: middle(net, h).mean(1), **parts)
        rows = torch.randperm(40)[:SAMPLES]
        make.model, make.x = model, x[rows]
        return lambda: F.cross_entropy(model(x[rows]), y[rows]), torch.optim.SGD(model.parameters(), lr=0.0)

    return make


def jacobian(model, x):
    """The largest derivative of each output row (first axis) by each input row: brute force."""
    full = torch.autograd.functional.jacobian(model, x)
    outputs = full.dim() - x.dim()
    return full.abs().flatten(outputs + 1).amax(-1).flatten(1, outputs - 1).amax(1)


def attention(**settings):
    return nn.MultiheadAttention(WIDTH, 2, **settings)


CASES = {
    "nothing": (lambda net, h: h, {}, None),
    "relu in place": (lambda net, h: F.relu(h, inplace=True), {}, None),
    "layer norm": (lambda net, h: F.layer_norm(h, (WIDTH,)), {}, None),
    "attention over time": (lambda net, h: net.a(h, h, h)[0], {"a": attention(batch_first=True)}, None),
    "attention over samples": (
        lambda net, h: net.a(h, h, h)[0],
        {"a": attention()},
        "multi_head_attention_forward",
    ),
    "lstm over time": (lambda net, h: net.a(h)[0], {"a": nn.LSTM(WIDTH, WIDTH, batch_first=True)}, None),
    "lstm over samples": (lambda net, h: net.a(h)[0], {"a": nn.LSTM(WIDTH, WIDTH)}, "lstm"),
    "permute": (lambda net, h: h.permute(1, 0, 2).permute(1, 0, 2), {}, None),
    "view": (lambda net, h: h.permute(1, 0, 2).reshape(SAMPLES, STEPS, WIDTH), {}, None),
    "view and on": (
        lambda net, h: torch.tanh(h.permute(1, 0, 2).reshape(SAMPLES, STEPS, WIDTH).mean(1, keepdim=True)),
        {},
        "mean",
    ),
    "mean": (lambda net, h: h + h.mean(0), {}, "mean"),
    "centred": (lambda net, h: h - h.mean(0, keepdim=True), {}, "mean"),
    "softmax": (lambda net, h: F.softmax(h, dim=0), {}, "softmax"),
    "cumulated": (lambda net, h: h.cumsum(0), {}, "cumsum"),
    "sum with neighbour": (lambda net, h: h + h.roll(1, 0), {}, "add"),
    "largest of the batch": (
        lambda net, h: h / h.amax(),
        {},
        "div",
    ),  # the largest value is of one sample, the quotient of two
    "sorted and back": (lambda net, h: h.flip(0).tanh().flip(0), {}, None),
    "written in place": (lambda net, h: h.clone().index_add_(0, torch.tensor([2]), h[3:4]), {}, "index_add"),
}


@pytest.mark.parametrize("name", CASES)
def test_samples_against_the_jacobian(name):
    middle, parts, op = CASES[name]
    make = over_samples(middle, **parts)
    step, _ = record(make)
    found = independence(step, seconds=90).mixing
    depends = jacobian(make.model, make.x)
    several = (depends > 1e-9).sum(1) > 1
    assert (found.change > 0) == bool(several.any())
    if name == "view":
        assert (
            found.op == "mean"
        )  # the view only puts samples in other rows; these meet in the mean over steps
    else:
        assert found.op == op
    assert found.samples == SAMPLES
    assert found.sure


def test_a_permutation_alone_mixes_nothing():
    # Rows change places: each still depends on one sample (NW221 judges which).
    step, _ = record(over_samples(lambda net, h: h.flip(0)))
    assert independence(step, seconds=90).mixing.change == 0


def by_hand(h):
    mean = h.mean((0, 1), keepdim=True)
    return (h - mean) / (h.var((0, 1), keepdim=True) + 1e-5).sqrt()


def all_by_hand(h):
    centred = h - h.mean((0, 1))
    return centred / ((centred**2).mean((0, 1)) + 1e-5) ** 0.5


def with_torch(net, h):
    return net.norm(h.transpose(1, 2)).transpose(1, 2)


@pytest.mark.parametrize(
    ("normalize", "leak"),
    [(n, leak) for n in ("torch", "by hand", "all by hand") for leak in (False, True)],
)
def test_batch_normalization_is_no_leak_and_hides_none(normalize, leak):
    def middle(net, h):
        h = {
            "torch": with_torch,
            "by hand": lambda net, h: by_hand(h),
            "all by hand": lambda net, h: all_by_hand(h),
        }[normalize](net, h)
        return F.softmax(h, dim=0) if leak else h

    step, _ = record(over_samples(middle, norm=nn.BatchNorm1d(WIDTH)))
    found = independence(step, seconds=90).mixing
    assert (found.change > 0) == leak
    assert found.op == ("softmax" if leak else None)
    assert found.excepted


def test_batch_normalization_keeps_its_statistics():
    step, _ = record(over_samples(with_torch, norm=nn.BatchNorm1d(WIDTH)))
    before = {n: t.clone() for n, t in step.capture.data.items()}
    independence(step, seconds=90)
    assert all(torch.equal(before[n], t) for n, t in step.capture.data.items())


def test_symbols_are_replaced_by_other_symbols():
    def make():
        tokens, y = torch.randint(0, 9, (40, STEPS)), torch.randint(0, 2, (40,))
        table, last = nn.Embedding(9, WIDTH), nn.Linear(WIDTH, 2)

        class Reader(nn.Module):
            def __init__(self):
                super().__init__()
                self.table, self.last = table, last

            def forward(self, x):
                h = self.table(x)
                return self.last((h @ h.transpose(1, 2) @ h).mean(1) + h.mean((0, 1)))

        model, rows = Reader(), torch.randperm(40)[:SAMPLES]
        return lambda: F.cross_entropy(model(tokens[rows]), y[rows]), torch.optim.SGD(
            model.parameters(), lr=0.0
        )

    step, _ = record(make)
    found = independence(step, seconds=90).mixing
    assert found.change > 0
    assert found.op == "mean"


def graph(relate):
    def make():
        x, y = torch.randn(40, 3), torch.randint(0, 2, (40,))
        links = (torch.rand(SAMPLES, SAMPLES) < 0.5).float()

        class Nodes(nn.Module):
            def __init__(self):
                super().__init__()
                self.first, self.last = nn.Linear(3, 8), nn.Linear(8, 2)

            def forward(self, x, links):
                h = self.first(x)
                return self.last(links @ h if relate else torch.softmax(h @ h.T, dim=1) @ h)

        model, rows = Nodes(), torch.randperm(40)[:SAMPLES]
        return lambda: F.cross_entropy(model(x[rows], links), y[rows]), torch.optim.SGD(
            model.parameters(), lr=0.0
        )

    return make


@pytest.mark.parametrize("relate", [True, False])
def test_samples_that_data_relate_to_each_other_are_told_apart(relate):
    step, _ = record(graph(relate))
    found = independence(step, seconds=90).mixing
    assert found.change > 0
    assert found.related == relate


def test_rows_that_may_be_steps_of_a_series_are_not_judged():
    def make():
        x, y = torch.randn(SAMPLES, 3), torch.randn(SAMPLES, 2)
        model = Net(lambda net, h: h + h.mean(0))
        return lambda: F.mse_loss(model(x), y), torch.optim.SGD(model.parameters(), lr=0.0)

    step, _ = record(make)
    with pytest.raises(NotApplicable, match="samples of their own"):
        independence(step, seconds=90)


def test_a_matrix_of_all_pairs_is_a_comparison_on_purpose():
    def make():
        x = torch.randn(40, 3)
        rows = torch.randperm(40)[:SAMPLES]

        class Compare(nn.Module):
            def __init__(self):
                super().__init__()
                self.first = nn.Linear(3, 8)

            def forward(self, x):
                h = self.first(x)
                return h @ h.T

        model = Compare()
        return lambda: F.cross_entropy(model(x[rows]), torch.arange(SAMPLES)), torch.optim.SGD(
            model.parameters(), lr=0.0
        )

    step, _ = record(make)
    with pytest.raises(NotApplicable, match="no output"):
        independence(step, seconds=90)


def test_the_input_that_is_ignored_is_named():
    def make():
        x, z, y = torch.randn(40, 3), torch.randn(40, 2), torch.randint(0, 2, (40,))
        rows = torch.randperm(40)[:SAMPLES]

        class Two(nn.Module):
            def __init__(self):
                super().__init__()
                self.first, self.second = nn.Linear(3, 2), nn.Linear(2, 2)

            def forward(self, seen, lost):
                return self.first(seen) + 0 * self.second(lost)

        model = Two()
        return lambda: F.cross_entropy(model(x[rows], z[rows]), y[rows]), torch.optim.SGD(
            model.parameters(), lr=0.0
        )

    step, _ = record(make)
    used = {i.name: i.change for i in independence(step, seconds=90).inputs}
    assert used["lost"] == 0
    assert used["seen"] > 0.01


def one_series(temporal):
    """Frames of one recording as the batch, with a label each: they may well look at each other."""

    def make():
        x, y = torch.randn(SAMPLES, 1, 3), torch.randint(0, 2, (SAMPLES,))
        conv, lstm = nn.Conv1d(WIDTH, WIDTH, 3, padding=1), nn.LSTM(WIDTH, WIDTH)

        def middle(net, h):
            if temporal == "lstm":
                return lstm(h)[0].squeeze(1)
            return conv(h.permute(1, 2, 0)).permute(2, 0, 1).squeeze(1)

        model = Net(middle, conv=conv, lstm=lstm)
        return lambda: F.cross_entropy(model(x), y), torch.optim.SGD(model.parameters(), lr=0.0)

    return make


def many_to_many():
    """Time first, an answer at each step: nothing says which of both axes holds the samples."""

    def make():
        x, y = torch.randn(STEPS, SAMPLES, 3), torch.randn(STEPS, SAMPLES, 2)
        model = Net(lambda net, h: net.lstm(h)[0], lstm=nn.LSTM(WIDTH, WIDTH))
        return lambda: F.mse_loss(model(x), y), torch.optim.SGD(model.parameters(), lr=0.0)

    return make


def mixup(net, h):
    torch.manual_seed(1)
    return 0.7 * h + 0.3 * h[torch.randperm(SAMPLES)]


def spread_of_the_batch(net, h):
    # The minibatch standard deviation of progressive GANs.
    return h + (h - h.mean(0)).square().mean(0).sqrt().mean()


@pytest.mark.parametrize(
    "make",
    [
        one_series("lstm"),
        one_series("conv"),
        many_to_many(),
        over_samples(mixup),
        over_samples(spread_of_the_batch),
        graph(True),
    ],
    ids=["lstm over a series", "conv over a series", "many to many", "mixup", "spread", "graph"],
)
def test_rows_that_look_at_each_other_on_purpose_are_not_reported(make):
    step, _ = record(make)
    try:
        found = independence(step, seconds=90)
    except NotApplicable:
        return
    assert find_rule("NW217").function(found) is None


@pytest.mark.parametrize("name", [n for n, case in CASES.items() if case[2] and n != "written in place"])
def test_what_mixes_is_reported(name):
    # (Not where an index of the program's own says which row is added to which.)
    middle, parts, op = CASES[name]
    step, _ = record(over_samples(middle, **parts))
    finding = find_rule("NW217").function(independence(step, seconds=90))
    assert finding.code == "NW217"
    assert op in finding.message
    assert finding.fix


def test_dropout_on_images_whose_channels_lie_last_in_memory():
    """Masks are drawn in the order of memory: samples put in the place of others must lie there in the same way."""

    def make():
        x = torch.randn(32, 3, 6, 6).to(memory_format=torch.channels_last)
        y = torch.randint(0, 3, (32,))
        body, head = nn.Conv2d(3, 8, 3, padding=1), nn.Linear(8 * 36, 3)
        parameters = [*body.parameters(), *head.parameters()]

        def loss():
            h = F.dropout(torch.relu(body(x)), 0.5)
            return F.cross_entropy(head(h.flatten(1)), y)

        return loss, torch.optim.SGD(parameters, lr=0.1)

    step, _ = record(make)
    assert independence(step, seconds=90).mixing.change == 0
