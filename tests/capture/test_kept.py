"""What a loop keeps of earlier steps, and where it asks for numbers: seen in its first steps."""

import collections

import torch
from torch import nn

from netwright.capture.session import Limits, Session


def recorded(body, steps=7, before=dict):
    """A session over a loop; ``body`` is called with the loss, the output and a table of the program's own after each step."""
    torch.manual_seed(0)
    model = nn.Linear(4, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    session = Session(Limits(steps=steps))
    session.start()
    own = before()
    try:
        for _ in range(steps):
            x = torch.randn(8, 4)
            optimizer.zero_grad()
            out = model(x)
            loss = out.square().mean()
            loss.backward()
            body(loss, out, own)
            optimizer.step()
    finally:
        session.close()
    assert session.recorder.broken is None, session.recorder.broken
    return session


def kept(body, **more):
    return [(k.name, k.growth, k.where.code) for k in recorded(body, **more).kept.found()]


def test_a_list_that_is_filled_with_losses():
    def body(loss, out, own):
        own.setdefault("losses", []).append(loss)
        own["outs"] = [*own.get("outs", ()), out, out.mean()]

    found = {name: growth for name, growth, _ in kept(body)}
    assert found == {"own['losses']": 1.0, "own['outs']": 2.0}


def test_a_sum_that_is_made_of_itself():
    def body(loss, out, own):
        own["total"] = own.get("total", 0.0) + loss

    ((name, _, code),) = kept(body)
    assert name == ""
    assert code == 'own["total"] = own.get("total", 0.0) + loss'


def test_what_is_let_go_is_not_kept():
    def body(loss, out, own):
        own.setdefault("losses", []).append(loss.item())
        own.setdefault("outs", []).append(out.detach())
        own["total"] = own.get("total", 0.0) + loss.detach()
        own["last"] = [loss, out]
        own.setdefault("window", collections.deque(maxlen=3)).append(loss)
        own["terms"] = [out.mean(), out.std()]
        own["change"] = loss - own.get("before", loss)
        own["before"] = loss
        batches = own.setdefault("batches", [])
        batches.append(out)
        if len(batches) == 3:
            batches.clear()

    assert kept(body) == []


def test_a_list_of_every_other_step_may_be_let_go_and_is_not_reported():
    def body(loss, out, own):
        own["step"] = own.get("step", 0) + 1
        if own["step"] % 2:
            own.setdefault("losses", []).append(loss)

    assert kept(body) == []


def test_lines_that_ask_for_numbers_are_counted_by_step(capsys):
    def body(loss, out, own):
        own["total"] = own.get("total", 0.0) + loss.item()
        float(loss.detach())
        print(loss)
        if out[0, 0] > 0:
            out.detach().cpu().numpy()
        own["step"] = own.get("step", 0) + 1
        if own["step"] == 3:
            out.tolist()
        with torch.no_grad():
            out.to("cpu")
            out.to(torch.float64)

    waits = recorded(body).recording.waits
    steps = collections.defaultdict(int)
    for (where, op, device), seen in waits.items():
        assert device == "cpu"
        assert where.function == "body"
        steps[op] = max(steps[op], len(seen))
    assert steps["item"] == steps["__float__"] == steps["__repr__"] == steps["__bool__"] == 7
    assert steps["tolist"] == 1
    assert steps["to"] == 7
    assert sum(op == "to" for _, op, _ in waits) == 1
