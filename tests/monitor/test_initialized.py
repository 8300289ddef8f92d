"""Weights that were trained, initialized again and used: seen by the watch, and reported where the program is over."""

import textwrap

import pytest
import torch
from torch import nn

from netwright.monitor import Watcher

from ..programs import examine


def again(model):
    for module in model.modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()


def train(model, optimizer, steps=3):
    for _ in range(steps):
        optimizer.zero_grad()
        model(torch.randn(4, 6)).square().mean().backward()
        optimizer.step()


@pytest.fixture
def watched():
    """A network, its optimizer, and a watch over both."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    watcher = Watcher(None)
    watcher.follow(model)
    watcher.start()
    yield model, optimizer, watcher
    watcher.close()
    assert not torch.nn.modules.module._global_forward_pre_hooks


def found(watcher):
    watcher.close()
    assert watcher.broken is None
    return watcher.history(ended=True).again


def test_what_is_used_as_it_was_initialized(watched):
    model, optimizer, watcher = watched
    train(model, optimizer)
    again(model)
    model(torch.randn(4, 6))
    seen = found(watcher)
    assert set(seen.names) == {"0.weight", "0.bias", "2.weight", "2.bias"}
    assert (seen.share, seen.steps) == (1.0, 3)
    assert seen.where.code == "module.reset_parameters()"


def test_a_part_of_the_weights(watched):
    model, optimizer, watcher = watched
    train(model, optimizer)
    nn.init.zeros_(model[2].bias)
    model(torch.randn(4, 6))
    assert found(watcher).share == 2 / 74


def test_before_the_first_step_and_without_use_it_is_nothing(watched):
    model, optimizer, watcher = watched
    again(model)
    train(model, optimizer)
    model(torch.randn(4, 6))
    again(model)
    assert found(watcher) is None


def test_what_is_initialized_after_loading_before_it_is_used(watched):
    model, optimizer, watcher = watched
    target = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2))
    train(model, optimizer)
    target.load_state_dict(model.state_dict())
    again(target)
    assert watcher.history().again is None  # nobody has used it yet
    target(torch.randn(4, 6))
    seen = watcher.history().again
    assert (seen.loaded, seen.share, seen.steps) == (True, 1.0, 3)
    assert seen.where.code == "module.reset_parameters()"


def test_what_is_used_before_it_is_initialized_was_not_loaded_in_vain(watched):
    model, optimizer, watcher = watched
    train(model, optimizer)
    state = {k: v.clone() for k, v in model.state_dict().items()}
    for _ in range(3):  # folds: the best weights are looked at, then the next fold begins
        model.load_state_dict(state)
        model(torch.randn(4, 6))
        again(model)
        train(model, optimizer)
    assert found(watcher) is None


def test_loading_undoes_an_initialization(watched):
    model, optimizer, watcher = watched
    train(model, optimizer)
    state = {k: v.clone() for k, v in model.state_dict().items()}
    again(model)
    model.load_state_dict(state)
    model(torch.randn(4, 6))
    assert found(watcher) is None


def test_no_hook_stays_for_a_network_that_is_loaded_for_later(watched):
    model, optimizer, _ = watched
    target = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2))
    for _ in range(20):
        target.load_state_dict(model.state_dict())
        train(model, optimizer, steps=2)
        assert not torch.nn.modules.module._global_forward_pre_hooks


def test_what_is_trained_again_is_nothing(watched):
    model, optimizer, watcher = watched
    for _ in range(3):
        train(model, optimizer)
        again(model)
        model(torch.randn(4, 6))
    train(model, optimizer)
    model(torch.randn(4, 6))
    assert found(watcher) is None


def test_another_network_is_nothing(watched):
    model, optimizer, watcher = watched
    train(model, optimizer)
    nn.Linear(3, 3)(torch.randn(2, 3))
    assert found(watcher) is None


PROGRAM = """
import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(200, 6)
y = (x[:, 0] > 0).long()
model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 2))


def init_weights(module):
    if isinstance(module, nn.Linear):
        nn.init.kaiming_uniform_(module.weight)
        nn.init.zeros_(module.bias)


model.apply(init_weights)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for rows in torch.randint(0, 200, (40, 20)):
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
    optimizer.step()
model.apply(init_weights)  # again
with torch.no_grad():
    print((model(x).argmax(1) == y).float().mean().item())
"""


def test_it_is_reported_at_the_line_that_does_it(tmp_path):
    script = tmp_path / "train.py"
    script.write_text(textwrap.dedent(PROGRAM))
    fired = examine(script).fired
    (finding,) = [f for f in fired if f["code"] == "NW421"]
    assert finding["where"]["code"] == "model.apply(init_weights)  # again"
    assert finding["remedies"] == ["leave-weights-alone"]
