"""Leaks from the future, against full Jacobians of small networks."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from netwright.evidence import Independence
from netwright.experiments import independence
from netwright.registry import find_rule

from .test_alone import record

SAMPLES, STEPS, WIDTH = 4, 9, 6


def masked(scores, fill=-torch.inf):
    above = torch.ones(STEPS, STEPS, dtype=torch.bool).triu(1)
    return scores.masked_fill(above, fill)


def attend(h, mask):
    scores = h @ h.transpose(1, 2)
    if mask == "before":
        return F.softmax(masked(scores), dim=-1) @ h
    if mask == "after":  # the sum in the softmax still runs over later steps
        return masked(F.softmax(scores, dim=-1), 0.0) @ h
    return F.softmax(scores, dim=-1) @ h


class Net(nn.Module):
    def __init__(self, middle, **parts):
        super().__init__()
        self.first, self.last, self.middle = nn.Linear(2, WIDTH), nn.Linear(WIDTH, 2), middle
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x):
        return self.last(self.middle(self, self.first(x)))


def conv(**settings):
    return nn.Conv1d(WIDTH, WIDTH, 3, **settings)


def both_ways(net, h):
    return net.a(h)[0].unflatten(-1, (2, WIDTH)).sum(2)


CASES = {
    "each step alone": (lambda net, h: h.tanh(), {}, None),
    "causal attention": (lambda net, h: attend(h, "before"), {}, None),
    "attention without a mask": (lambda net, h: attend(h, None), {}, "softmax"),
    "attention masked too late": (lambda net, h: attend(h, "after"), {}, "softmax"),
    "attention of torch": (
        lambda net, h: F.scaled_dot_product_attention(h, h, h),
        {},
        "scaled_dot_product_attention",
    ),
    "causal attention of torch": (
        lambda net, h: F.scaled_dot_product_attention(h, h, h, is_causal=True),
        {},
        None,
    ),
    "lstm": (lambda net, h: net.a(h)[0], {"a": nn.LSTM(WIDTH, WIDTH, batch_first=True)}, None),
    "lstm both ways": (
        both_ways,
        {"a": nn.LSTM(WIDTH, WIDTH, batch_first=True, bidirectional=True)},
        "lstm",
    ),
    "convolution padded left": (
        lambda net, h: net.a(F.pad(h.transpose(1, 2), (2, 0))).transpose(1, 2),
        {"a": conv()},
        None,
    ),
    "convolution cut off": (
        lambda net, h: net.a(h.transpose(1, 2))[:, :, :-2].transpose(1, 2),
        {"a": conv(padding=2)},
        None,
    ),
    "convolution padded on both sides": (
        lambda net, h: net.a(h.transpose(1, 2)).transpose(1, 2),
        {"a": conv(padding=1)},
        "conv1d",
    ),
    "mean over time": (lambda net, h: h + h.mean(1, keepdim=True), {}, "add"),
    "batch normalization": (
        lambda net, h: net.a(h.transpose(1, 2)).transpose(1, 2),
        {"a": nn.BatchNorm1d(WIDTH)},
        None,
    ),
}


def series(middle, **parts):
    def make():
        whole = torch.randn(SAMPLES, STEPS + 1, 2)
        model = Net(middle, **parts)
        make.model, make.x = model, whole[:, :-1]
        return lambda: F.mse_loss(model(whole[:, :-1]), whole[:, 1:]), torch.optim.SGD(
            model.parameters(), lr=0.0
        )

    return make


@pytest.mark.parametrize("name", CASES)
def test_the_future_against_the_jacobian(name):
    middle, parts, op = CASES[name]
    make = series(middle, **parts)
    step, _ = record(make)
    found = independence(step, seconds=90).future
    full = torch.autograd.functional.jacobian(make.model.eval(), make.x)
    by_step = full.abs().amax((0, 2, 3, 5))  # of outputs at a step (rows) by inputs at a step
    leaks = bool((by_step.triu(1) > 1e-9).any())
    assert (found.change > 0) == leaks
    assert (found.op, found.offset, found.steps) == (op, 1, STEPS)
    assert (find_rule("NW218").function(Independence(future=found)) is not None) == leaks
    assert found.reads_itself == bool(by_step[STEPS // 2, STEPS // 2] > 1e-9)
    assert found.reads_past == bool((by_step[STEPS // 2, : STEPS // 2] > 1e-9).any())


class Writer(nn.Module):
    """Tokens in, scores out, in one of the layouts that programs use."""

    def __init__(self, layout, both=False):
        super().__init__()
        self.layout = layout
        self.table = nn.Embedding(12, WIDTH)
        self.rnn = nn.GRU(WIDTH, WIDTH, batch_first=layout != "time first", bidirectional=both)
        self.last = nn.Linear(WIDTH * (1 + both), 12)

    def forward(self, tokens):
        return self.last(self.rnn(self.table(tokens))[0])


def writer_loss(layout, model, whole):
    x, y = whole[:, :-1], whole[:, 1:]
    if layout == "flat":
        return F.cross_entropy(model(x).flatten(0, 1), y.flatten())
    if layout == "classes second":
        return F.cross_entropy(model(x).transpose(1, 2), y)
    if layout == "time first":
        return F.cross_entropy(model(x.T.contiguous()).flatten(0, 1), y.T.contiguous().flatten())
    if layout == "shifted outputs":
        return F.cross_entropy(model(whole)[:, :-1].flatten(0, 1), y.flatten())
    padded = y.clone()
    padded[:, -3:] = -100
    return F.cross_entropy(model(x).flatten(0, 1), padded.flatten())


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize(
    "layout", ["flat", "classes second", "time first", "shifted outputs", "ignored ends"]
)
def test_layouts_of_language_models(layout, both):
    def make():
        whole = torch.randint(0, 12, (SAMPLES, STEPS + 1))
        model = Writer(layout, both)
        return lambda: writer_loss(layout, model, whole), torch.optim.SGD(model.parameters(), lr=0.0)

    step, _ = record(make)
    found = independence(step, seconds=90)
    assert found.future.offset == 1
    assert (found.future.change > 0) == both
    assert found.future.op == ("gru" if both else None)
    assert found.mixing.change == 0
    assert found.mixing.samples == SAMPLES


def copying(kind):
    """A target that is the input itself."""

    class Copy(nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.last = nn.Embedding(12, WIDTH), nn.Linear(WIDTH, 12)
            self.rnn = nn.GRU(WIDTH, WIDTH, batch_first=True)

        def forward(self, tokens):
            h = self.table(tokens)
            if kind == "shifts inside":
                h = F.pad(h, (0, 0, 1, 0))[:, :-1]
            out, end = self.rnn(h)
            return self.last(out + end.transpose(0, 1) if kind == "reads all" else out)

    def make():
        tokens = torch.randint(0, 12, (SAMPLES, STEPS))
        model = Copy()
        return lambda: F.cross_entropy(model(tokens).flatten(0, 1), tokens.flatten()), torch.optim.SGD(
            model.parameters(), lr=0.0
        )

    return make


@pytest.mark.parametrize(
    ("kind", "leaks", "itself"),
    [("forgotten", False, True), ("shifts inside", False, False), ("reads all", True, True)],
)
def test_a_target_that_is_the_input(kind, leaks, itself):
    step, _ = record(copying(kind))
    found = independence(step, seconds=90).future
    assert (found.offset, found.change > 0, found.reads_itself, found.reads_past) == (0, leaks, itself, True)
    finding = find_rule("NW218").function(Independence(future=found))
    assert (finding is not None) == (kind == "forgotten")


@pytest.mark.parametrize("task", ["tags", "masked words"])
def test_other_tasks_on_sequences_are_not_judged(task):
    def make():
        tokens = torch.randint(0, 11, (40, STEPS))[torch.randperm(40)[:SAMPLES]]
        y = torch.randint(0, 12, (SAMPLES, STEPS)) if task == "tags" else tokens
        hidden = torch.rand(40, STEPS)[torch.randperm(40)[:SAMPLES]] < 0.3
        model = Writer("flat", both=True)

        def loss():
            rows = torch.arange(SAMPLES).flip(0)
            x = tokens[rows] if task == "tags" else tokens.masked_fill(hidden, 11)[rows]
            return F.cross_entropy(model(x).transpose(1, 2), y[rows])

        return loss, torch.optim.SGD(model.parameters(), lr=0.0)

    step, _ = record(make)
    found = independence(step, seconds=90)
    assert found.future is None
    assert "next step" in found.why_future
    assert found.mixing.change == 0
