"""Batches beyond the measured steps: all of an epoch once, no more than asked for, and nothing where the same batch comes again."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from netwright.capture.gathering import Gathering
from netwright.capture.session import Limits, Session

ROWS = torch.arange(200, dtype=torch.float32).reshape(-1, 1)


def train(batches, gathering):
    """Batches of the first capture, of the later ones, and of those gathered."""
    model = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-9)
    measured = []
    session = Session(Limits(steps=8))
    session.gathering = gathering
    session.on_measured = lambda: measured.append(session.recording.steps)
    session.start()
    try:
        for x in batches():
            optimizer.zero_grad()
            (model(x) - x).square().mean().backward()
            optimizer.step()
    finally:
        session.close()
    assert session.recorder.broken is None, session.recorder.broken
    assert measured == [8]
    assert len(session.recording.captures) == 1
    assert len(session.recording.later) == 7
    held = [*session.recording.captures, *session.recording.later, *gathering.captures]
    return [next(iter(c.data[n] for n in c.doors)).flatten().tolist() for c in held], session


def two_epochs():
    loader = DataLoader(TensorDataset(ROWS), batch_size=10, shuffle=True)
    for _ in range(2):
        for (x,) in loader:
            yield x


def test_an_epoch_is_gathered_once():
    seen, session = train(two_epochs, Gathering(seconds=60))
    assert sorted(v for batch in seen[:20] for v in batch) == list(range(200))
    assert len(seen) <= 21
    assert session.recorded


def test_no_more_samples_than_asked_for():
    seen, _ = train(two_epochs, Gathering(samples=125, seconds=60))
    assert len(seen) == 13


def test_training_on_the_whole_set_gathers_nothing():
    seen, session = train(lambda: iter([ROWS] * 30), Gathering(seconds=60))
    assert len(seen) == 8
    assert session.recorded
