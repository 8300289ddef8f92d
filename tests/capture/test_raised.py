"""What is found in the traceback of an exception: the modules it went through, the batch, what its step still holds."""

import textwrap

import pytest
import torch
from torch import nn

from netwright.capture.facts import storage_of
from netwright.capture.modules import Modules
from netwright.capture.raised import as_calls, given_to, left_of_step

from ..programs import examine

STEP = textwrap.dedent(
    """
    x = torch.ones(100, 64)
    h = torch.relu(x @ w)  # kept for backward: 100 * 32 * 4 bytes
    kept = [x @ w]  # what a list has gathered does not come free
    loss = h.mean()
    del h
    """
)


def raised(code, **names):
    """The exception of a program of these lines, whose variables are those of a module."""
    names["torch"] = torch
    with pytest.raises(ValueError, match="over") as caught:
        exec(compile(f"{code}\nraise ValueError('over')", "/project/train.py", "exec"), names)
    return caught.value


def left(code):
    w = torch.ones(64, 32, requires_grad=True)
    x_of = {}
    error = raised(code, w=w, x_of=x_of)
    frame = error.__traceback__
    while frame.tb_next is not None:
        frame = frame.tb_next
    x = frame.tb_frame.f_locals["x"]
    return left_of_step(error, frozenset({storage_of(w), storage_of(x)}))


def test_what_a_graph_keeps_is_counted_until_backward_gives_it_back():
    assert left(STEP) == 100 * 32 * 4 + 4  # and the loss itself
    assert left(STEP + "loss.backward()") == 4


def test_what_hooks_would_have_to_unpack_is_left_alone():
    code = textwrap.indent(STEP, "    ")
    hooks = "def fails(packed):\n    raise AssertionError\n"
    assert left(f"{hooks}with torch.autograd.graph.saved_tensors_hooks(str, fails):\n{code}") == 4


def test_the_network_and_its_batch_stand_in_the_traceback():
    net = nn.Sequential(nn.ReLU(), nn.Linear(4, 2))
    with pytest.raises(RuntimeError) as caught:
        net(torch.ones(8, 3))
    network, given = given_to(caught.value, Modules())
    assert network is net and {k: tuple(t.shape) for k, t in given.items()} == {"input": (8, 3)}
    outer, inner = as_calls(caught.value, Modules())
    assert (outer.type, inner.type) == ("Sequential", "Linear")
    assert inner.inputs[0].shape == (8, 3) and inner.failed and inner.config["in_features"] == 4


@pytest.mark.parametrize("steps", [3, 10], ids=["recorded", "watched"])
def test_a_crash_shows_the_shapes_of_the_step_that_died_once(tmp_path, steps):
    script = tmp_path / "train.py"
    script.write_text(
        textwrap.dedent(
            f"""
            import torch

            net = torch.nn.Linear(8, 1)
            optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
            for step in range({steps + 1}):
                x = torch.randn(4, 8 if step < {steps} else 7)
                loss = torch.nn.functional.mse_loss(net(x) + net(x), x[:, :1])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            """
        )
    )
    outcome = examine(script)
    (finding,) = [f for f in outcome.report["findings"] if f["code"] == "NW901"]
    assert finding["measured"]["shapes"] == ["Linear Linear: (4, 7) -> failed"]
    assert finding["where"]["line"] == 4
