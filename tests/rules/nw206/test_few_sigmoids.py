"""Few sigmoids that are not saturated are worth knowing, and no fault by themselves."""

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import netwright
from netwright.rule import Severity


class Net(nn.Module):
    def __init__(self, hidden, gate):
        super().__init__()
        self.first, self.gate, self.second = nn.Linear(4, 16), nn.Linear(4, 16), nn.Linear(16, 16)
        self.last, self.hidden, self.gated = nn.Linear(16, 3), hidden, gate

    def forward(self, x):
        h = self.hidden(self.first(x))
        if self.gated:
            h = h * torch.sigmoid(self.gate(x))
        return self.last(self.hidden(self.second(h)))


def found(hidden, *, gate=False):
    torch.manual_seed(0)
    model = Net(hidden, gate)
    loader = DataLoader(TensorDataset(torch.randn(64, 4), torch.arange(64) % 3), batch_size=16)
    report = netwright.check(
        model, nn.CrossEntropyLoss(), loader, torch.optim.Adam(model.parameters()), steps=2, quiet=True
    )
    return [f for f in report.findings if f.code == "NW206"]


def test_hidden_sigmoids_are_information_with_every_line():
    (finding,) = found(torch.sigmoid)
    assert finding.severity is Severity.INFO
    assert (finding.measured["layers"], finding.measured["each"]) == (2, True)
    lines = [place.line for place in (finding.where, *finding.also)]
    assert len(set(lines)) == 2


@pytest.mark.parametrize(("hidden", "gate"), [(torch.relu, False), (torch.tanh, False), (torch.relu, True)])
def test_other_activations_and_gates_are_not(hidden, gate):
    assert found(hidden, gate=gate) == []
