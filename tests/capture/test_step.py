"""The replayable step: the same loss and gradients to the last bit, and with other inputs what the program would have given."""

from collections import namedtuple
from dataclasses import dataclass

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from netwright.capture.session import Limits, Session
from netwright.capture.step import Step
from netwright.evidence import TaskKind
from netwright.inference import read_objective


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return 2 * x * grad


@dataclass
class Output:
    logits: torch.Tensor
    loss: torch.Tensor


def mlp():
    model = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 3))
    x, y = torch.randn(32, 6), torch.randint(3, (32,))
    return model, lambda: F.cross_entropy(model(x), y)


def convolution_with_penalty():
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.GELU(), nn.Flatten(), nn.Linear(4 * 36, 1))
    x, y = torch.randn(8, 1, 8, 8), torch.randn(8, 1)

    def loss():
        penalty = sum((p**2).sum() for p in model.parameters())
        return ((model(x) - y) ** 2).mean() + 1e-3 * penalty

    return model, loss


def recurrent():
    model = nn.ModuleDict({"e": nn.Embedding(9, 8), "r": nn.LSTM(8, 8, 2, dropout=0.3), "o": nn.Linear(8, 9)})
    x = torch.randint(9, (5, 4))

    def loss():
        out, _ = model["r"](model["e"](x))
        return F.cross_entropy(model["o"](out).reshape(-1, 9), x.reshape(-1))

    return model, loss


def attention():
    model = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True)
    x = torch.randn(4, 5, 8)
    return model, lambda: F.smooth_l1_loss(model(x), x)


def variational():
    enc, dec = nn.Linear(10, 4), nn.Linear(2, 10)
    model = nn.ModuleList([enc, dec])
    x = torch.rand(16, 10)

    def loss():
        mu, logvar = enc(x).chunk(2, 1)
        z = mu + torch.randn_like(mu) * (0.5 * logvar).exp()
        kl = -0.5 * (1 + logvar - mu**2 - logvar.exp()).sum()
        return F.binary_cross_entropy_with_logits(dec(z), x, reduction="sum") + kl

    return model, loss


def custom_function_and_inplace():
    model = nn.Linear(5, 5)
    x = torch.randn(7, 5)

    def loss():
        h = Square.apply(model(x))
        h[:, 0] = h[:, 0] * 2
        h.add_(1)
        return h.relu_().mean()

    return model, loss


def autocast():
    model = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 2))
    x, y = torch.randn(16, 8), torch.randint(2, (16,))

    def loss():
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return F.cross_entropy(model(x), y)

    return model, loss


def gradient_penalty():
    model = nn.Sequential(nn.Linear(3, 8), nn.Softplus(), nn.Linear(8, 1))
    x = torch.randn(10, 3)

    def loss():
        mix = (x + 0.1).requires_grad_(True)
        (grad,) = torch.autograd.grad(model(mix).sum(), mix, create_graph=True)
        return ((grad.norm(dim=1) - 1) ** 2).mean() - model(x).mean()

    return model, loss


def structures():
    Batch = namedtuple("Batch", "ids extra")  # noqa: PYI024 - an untyped one is what programs use

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(7, 4)
            self.head = nn.Linear(6, 2)

        def forward(self, batch):
            x = torch.cat([self.embed(batch.ids).mean(1), batch.extra["noise"]], 1)
            logits = self.head(F.dropout(x, 0.2, self.training))
            return Output(logits, F.cross_entropy(logits, batch.extra["y"]))

    model = Model()
    batch = Batch(torch.randint(7, (6, 3)), {"noise": torch.rand(6, 2), "y": torch.randint(2, (6,))})
    return model, lambda: model(batch).loss


PROGRAMS = [
    mlp,
    convolution_with_penalty,
    recurrent,
    attention,
    variational,
    custom_function_and_inplace,
    autocast,
    gradient_penalty,
    structures,
]


def _record(make):
    torch.manual_seed(0)
    session = Session(Limits(steps=100))
    session.start()
    try:
        model, loss = make()
        value = loss()
        value.backward()
        grads = {id(p): p.grad.clone() for p in model.parameters() if p.grad is not None}
    finally:
        session.close()
    assert session.recorder.broken is None, session.recorder.broken
    return session, model, value.detach(), grads


@pytest.mark.parametrize("make", PROGRAMS, ids=lambda f: f.__name__)
def test_the_same_to_the_last_bit(make):
    session, model, value, grads = _record(make)
    (capture,) = session.recording.captures
    assert capture.why_not_replayed is None
    assert capture.graph.exact is True
    before = [p.detach().clone() for p in model.parameters()]
    versions = [p._version for p in model.parameters()]
    buffers = [b.clone() for b in model.buffers()]
    random = torch.get_rng_state()
    step = Step(capture)
    result = step.run(gradients=True)
    assert torch.equal(result.loss, value)
    assert len(step.parameters) == len(grads)
    for parameter, grad in zip(step.parameters, result.gradients, strict=True):
        assert torch.equal(grad, grads[id(parameter)])
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    assert versions == [p._version for p in model.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(buffers, model.buffers(), strict=True))
    assert torch.equal(random, torch.get_rng_state())


def test_other_inputs_and_targets_give_what_the_program_would_have_given():
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))
    x, y = torch.randn(16, 4), torch.randint(3, (16,))
    session, *_ = _record(lambda: (model, lambda: F.cross_entropy(model(x), y)))
    (capture,) = session.recording.captures
    step = Step(capture)
    other, labels = torch.randn(5, 4), torch.randint(3, (5,))
    term = read_objective(capture.graph, 0).term
    result = step.run({"input": other}, labels, target_node=term.target)
    assert torch.equal(result.loss, F.cross_entropy(model(other), labels).detach())
    assert torch.equal(result.outputs[0], model(other).detach())


def test_other_random_numbers_give_another_loss():
    session, _, value, _ = _record(mlp)
    result = Step(session.recording.captures[0]).run(fresh_random=True)
    assert not torch.equal(result.loss, value)


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (mlp, TaskKind.CLASSIFICATION),
        (convolution_with_penalty, TaskKind.REGRESSION),
        (recurrent, TaskKind.LANGUAGE_MODEL),
        (attention, TaskKind.AUTOENCODER),
        (variational, TaskKind.AUTOENCODER),
        (custom_function_and_inplace, TaskKind.UNKNOWN),
        (structures, TaskKind.CLASSIFICATION),
    ],
    ids=lambda v: getattr(v, "__name__", ""),
)
def test_the_task_is_read_off_the_loss(make, kind):
    session, *_ = _record(make)
    assert read_objective(session.recording.captures[0].graph, 0).kind is kind


def _column(model, x):
    return F.mse_loss(model(x), x[:, :1])


def _column_first(model, x):
    y = x[:, :1]
    return ((model(x) - y) ** 2).mean()


def _most(model, x):
    return F.mse_loss(model(x), x[:, :3])


@pytest.mark.parametrize(
    ("loss", "kind"),
    [
        (_column, TaskKind.REGRESSION),
        (_column_first, TaskKind.REGRESSION),
        (_most, TaskKind.AUTOENCODER),
    ],
)
def test_a_column_of_the_input_is_a_target_like_any_other(loss, kind):
    model, x = nn.Linear(4, 3 if kind is TaskKind.AUTOENCODER else 1), torch.randn(16, 4)
    session, *_ = _record(lambda: (model, lambda: loss(model, x)))
    assert read_objective(session.recording.captures[0].graph, 0).kind is kind


def test_the_classes_of_a_loss_by_hand_are_where_it_gathers_them():
    model, x, y = nn.Embedding(7, 7), torch.randint(0, 7, (4, 5)), torch.randint(0, 7, (4, 5))

    def loss():
        return -torch.log_softmax(model(x), -1).gather(-1, y.unsqueeze(-1)).mean()

    session, *_ = _record(lambda: (model, loss))
    objective = read_objective(session.recording.captures[0].graph, 0)
    assert (objective.kind, objective.classes, objective.class_dim) == (TaskKind.LANGUAGE_MODEL, 7, 2)


def test_every_call_knows_its_line_and_module():
    session, *_ = _record(mlp)
    calls = [n for n in session.recording.captures[0].graph.nodes if n.kind == "op" and n.tainted]
    assert calls
    assert all(n.where.known and n.where.file == __file__ for n in calls)
    linear = next(n for n in calls if n.op == "linear")
    assert (linear.module, linear.module_type) == ("0", "Linear")
    assert "nn.Linear(6, 16)" in linear.made.code


def test_the_mode_goes_although_a_backward_pass_ends_what_looked_like_an_evaluation():
    """torch holds a mode back while it handles a call, and puts it on the stack again afterwards: each loader after the recording would have left one there."""
    from torch.overrides import _get_current_function_mode_stack
    from torch.utils.data import DataLoader, TensorDataset

    before = len(_get_current_function_mode_stack())
    session = Session(Limits(steps=2))
    session.start()
    try:
        x, model = torch.randn(32, 3), nn.Linear(3, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(4):
            for (batch,) in DataLoader(TensorDataset(x), batch_size=8):
                optimizer.zero_grad()
                model(batch).square().mean().backward()
                optimizer.step()
                assert len(_get_current_function_mode_stack()) <= before + 1
        assert session.recorded
    finally:
        session.close()
    assert len(_get_current_function_mode_stack()) == before
