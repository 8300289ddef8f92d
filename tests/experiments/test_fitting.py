"""Experiments fit into memory and time: on fewer samples, without copies, or they say with numbers why not."""

import time

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from netwright import doctor, trying
from netwright.capture import memory
from netwright.capture.clock import OutOfTime, limited
from netwright.capture.session import Limits, Session
from netwright.config import Config
from netwright.evidence import Forms, NoiseScale, Overfit, SignalPropagation
from netwright.experiments._fitting import Fitting, TooSlow
from netwright.experiments.catalogue import all_experiments, material
from netwright.experiments.progress import unseen
from netwright.experiments.trainee import Trainee
from netwright.options import RunOptions
from netwright.report.tried import sentences
from netwright.rule import NotApplicable

EXPERIMENTS = {e.name: e for e in all_experiments()}
MIB = 1 << 20


class Slow(torch.autograd.Function):
    """Takes its time, a part of it for each sample."""

    each, once = 0.0, 0.0

    @staticmethod
    def forward(ctx, x):
        time.sleep(Slow.once + Slow.each * len(x))
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient


class Head(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.linear = nn.Linear(width, 5)

    def forward(self, x):
        # The number of samples is written out, as many programs do.
        return self.linear(Slow.apply(x.view(x.shape[0], -1)))


def recorded(*, kind=torch.optim.Adam, reduction="mean", batch=64, steps=4, width=16):
    """A recorded program whose values are many times as large as its weights."""
    torch.manual_seed(0)
    x, y = torch.randn(steps * batch, 3, 8, 8), torch.randint(0, 5, (steps * batch,))
    body = [nn.Conv2d(3, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(), nn.Dropout(0.2)]
    model = nn.Sequential(*body, nn.Conv2d(width, 4, 3, padding=1), nn.ReLU(), Head(4 * 64))
    optimizer = kind(model.parameters(), lr=1e-3, weight_decay=1e-4)
    session = Session(Limits(steps=100))
    session.keep_start = True
    session.start()
    try:
        for inputs, targets in DataLoader(TensorDataset(x, y), batch_size=batch, shuffle=True):
            optimizer.zero_grad()
            F.cross_entropy(model(inputs), targets, reduction=reduction).backward()
            optimizer.step()
    finally:
        session.close()
    assert session.recorder.broken is None, session.recorder.broken
    return session


def sizes(given):
    """Bytes of the weights and of the values of the step."""
    return memory.bytes_of_tensors(given.step.parameters), given.step.capture.value_bytes


@pytest.fixture
def free(monkeypatch):
    """Sets the bytes of memory that are free."""

    def put(number):
        monkeypatch.setattr(memory, "available_memory", lambda device=None: int(number))

    return put


@pytest.fixture
def slow(monkeypatch):
    """Sets the seconds of a step for each sample, and those beside them."""

    def put(each, once=0.0):
        monkeypatch.setattr(Slow, "each", each)
        monkeypatch.setattr(Slow, "once", once)

    return put


def test_with_memory_and_time_everything_is_whole():
    given = material(recorded())
    fitting = Fitting(given)
    assert all(
        fitting.fit(e, 60.0) == (given, "") for e in EXPERIMENTS.values() if e.work and e.name != "ladder"
    )


def test_values_are_measured_without_what_is_there_already():
    capture = material(recorded()).step.capture
    floats = 64 * (3 * 16 * 64 + 16 * 64 + 2 * 4 * 64 + 2 * 4 * 64)  # at least convolutions, norm, relu, head
    assert 4 * floats * 0.5 < capture.value_bytes <= memory.activation_bytes(capture.graph) + 4096


@pytest.mark.parametrize("name", [n for n, e in EXPERIMENTS.items() if e.work and n != "ladder"])
def test_fewer_samples_where_the_values_do_not_fit(name, free):
    given = material(recorded())
    work = EXPERIMENTS[name].work
    weights, values = sizes(given)
    largest = 4 * 64 * 16 * 64
    # Room for a third of the batch.
    fixed = (work.copies + 2.1 * work.trains) * weights
    free(2 * (fixed + (work.values * 1.5 * values + work.largest * largest) / 3))
    made, form = Fitting(given).fit(EXPERIMENTS[name], 60.0)
    size = next(iter(made.step.inputs.values())).shape[0]
    assert 15 < size < 24
    assert made.batch == 64
    assert f"on {size} of the 64 samples of a batch" in form and "MiB are free" in form
    assert all(next(iter(s.inputs.values())).shape[0] == size for s in made.others)
    assert len(made.others) == len(given.others)


def test_the_smaller_step_is_the_step_on_these_samples(free):
    session = recorded(steps=2)
    given = material(session)
    weights, values = sizes(given)
    free(2 * (2 * weights + 0.7 * 1.5 * values))
    made, _ = Fitting(given).fit(EXPERIMENTS["repeat-step"], 60.0)
    small, whole = made.step, next(iter(given.step.inputs.values()))
    rows = next(iter(small.inputs.values()))
    picked = [next(i for i, w in enumerate(whole) if torch.equal(w, r)) for r in rows]
    assert picked == sorted(set(picked))
    assert 40 < len(picked) < 50
    # By hand, with the weights of now and the recorded targets.
    (model,) = (m for m in session.recorder.modules.networks.values() if isinstance(m[0], nn.Conv2d))
    targets = next(t for t in given.step.capture.data.values() if not t.is_floating_point() and t.dim() == 1)
    model[3].p = 0.0
    by_hand = F.cross_entropy(model(rows), targets[picked])
    replay = Trainee([small.capture], copies=False).run(0)[0]
    assert torch.allclose(replay, by_hand, rtol=1e-5)
    assert small.capture.graph.exact
    assert small.capture.graph.loss_value != given.step.capture.graph.loss_value


def test_a_step_too_large_to_be_measured_is_cut_all_the_same(free):
    free(1.5 * MIB)
    given = material(recorded())
    assert given.step.capture.too_large and "MiB are free" in given.step.capture.why_not_replayed
    made, form = Fitting(given).fit(EXPERIMENTS["overfit-batch"], 60.0)
    found = EXPERIMENTS["overfit-batch"].run(made, 2.0, unseen)
    assert isinstance(found, Overfit) and 8 <= found.runs[0].samples < 64
    assert f"on {found.runs[0].samples} of the 64 samples" in form


def test_without_copies_the_signal_is_followed_at_the_weights_of_now(free):
    given = material(recorded(batch=16, steps=3))
    weights, _ = sizes(given)
    before = [p.detach().clone() for p in given.step.parameters]
    versions = [p._version for p in given.step.parameters]
    free(2 * (4 * weights - 1))
    # Values of a batch of 16 are larger than its weights: only these are short here.
    given.step.capture.value_bytes = weights // 2
    made, form = Fitting(given).fit(EXPERIMENTS["signal-propagation"], 60.0)
    assert not made.copies and form.startswith("without copies, at the weights of now")
    found = EXPERIMENTS["signal-propagation"].run(made, 60.0, unseen)
    assert isinstance(found, SignalPropagation)
    assert found.now is None and found.optimizer is None and len(found.start.losses) == 3
    assert all(not p.updates for p in found.start.parameters)
    assert all(torch.equal(a, b) for a, b in zip(before, given.step.parameters, strict=True))
    assert versions == [p._version for p in given.step.parameters]


@pytest.mark.parametrize(
    ("copies", "share", "reduction", "says"),
    [
        (5.0, 1.0, "mean", "copies take 1 MiB"),
        (6.2, 0.1, "mean", "not enough for 8 samples"),
        (6.2, 0.5, "sum", "its loss is a sum over the batch"),
    ],
)
def test_what_does_not_fit_is_refused_with_numbers(copies, share, reduction, says, free):
    given = material(recorded(reduction=reduction))
    weights, values = sizes(given)
    free(2 * copies * weights + (2 * share * 1.5 * values if copies > 6 else 0))
    with pytest.raises(NotApplicable, match="MiB are free") as refused:
        Fitting(given).fit(EXPERIMENTS["range-test"], 60.0)
    assert says in str(refused.value)


def test_the_batch_in_use_is_the_programs(free):
    given = material(recorded())
    weights, values = sizes(given)
    free(2 * (4 * weights + 0.5 * 1.5 * values))
    made, form = Fitting(given).fit(EXPERIMENTS["noise-scale"], 60.0)
    found = EXPERIMENTS["noise-scale"].run(made, 5.0, unseen)
    assert form and isinstance(found, NoiseScale) and found.batch == 64


def test_fewer_samples_where_a_step_takes_too_long(slow):
    session = recorded(steps=2)
    slow(each=0.002)
    made, form = Fitting(material(session)).fit(EXPERIMENTS["overfit-batch"], 1.5)
    size = next(iter(made.step.inputs.values())).shape[0]
    assert 8 <= size < 40
    assert "of at least 32 in 2 s" in form


def test_too_slow_on_eight_samples_is_refused_with_what_it_would_need(slow):
    session = recorded(steps=2)
    slow(each=0.0, once=0.1)
    with pytest.raises(TooSlow, match=r"a step takes .* of at least 32 in 2 s") as refused:
        Fitting(material(session)).fit(EXPERIMENTS["overfit-batch"], 1.5)
    assert refused.value.seconds >= 3.2


def test_nothing_is_replayed_after_the_end():
    step = material(recorded(steps=1)).step
    step.run()
    with limited(-1.0), pytest.raises(OutOfTime, match="given up after"):
        step.run()
    step.run()


def _patient(session, budget, *names):
    options = RunOptions(target="train.py", experiments=names, budget=budget, quiet=True)
    patient = doctor.Patient(options=options, config=Config(), rules=(), ignored={})
    patient.session = session
    return patient


def test_the_budget_is_kept_on_slow_steps(slow):
    session = recorded(steps=3)
    slow(each=0.001, once=0.25)
    patient = _patient(session, 4.0, "all")
    began = time.perf_counter()
    trying.experiment(patient)
    assert time.perf_counter() - began < 1.3 * 4.0 + 3.0
    assert not patient.traces
    reasons = [str(e) for e in patient.evidence.values() if isinstance(e, NotApplicable)]
    assert any("a step takes" in r for r in reasons)


def test_the_sentence_says_the_form_and_rules_do_not_judge_by_it(free):
    session = recorded()
    patient = _patient(session, 4.0, "overfit-batch", "noise-scale")
    weights, values = sizes(material(session))
    free(2 * (6.2 * weights + 0.4 * 1.5 * values))
    trying.experiment(patient)
    assert set(patient.evidence[Forms].by_experiment) == {"overfit-batch", "noise-scale"}
    told = list(sentences(patient.evidence))
    assert all("samples of a batch: the values of a step" in line for line in told)
    judged = trying.judged(patient)
    assert isinstance(judged[Overfit], NotApplicable)
    assert isinstance(judged[NoiseScale], NoiseScale)
