"""A remedy as an edit of the source, at the hooks of a re-run and on copies of the recorded steps: all train to the same last bit, and otherwise than the program as it is."""

import math

import pytest

from netwright.evidence import Where
from netwright.registry import find_rule
from netwright.remedies import Patch, Source, Treatment, all_remedies
from netwright.remedies.standard import standard
from netwright.rerun import Plan

from ..rehearsal.copies import rehearsed
from ..rerun.forked import rerun
from .variants import line_of

PROGRAM = """\
import torch
from torch import nn, optim
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x = 2 + torch.randn(48, 6)
y = (x[:, 0] > 2).long()
loader = DataLoader(TensorDataset(x, y), batch_size=12)  # the loader
model = nn.Sequential(
    nn.Linear(6, 8),
    nn.Tanh(),  # hidden
    nn.Linear(8, 8),
    nn.Dropout(0.5),  # dropped
    nn.Linear(8, 2),
)
optimizer = optim.SGD(model.parameters(), lr=0.3, momentum=0.9, weight_decay=0.5)  # the optimizer
schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=3)  # the schedule
for epoch in range(2):
    for xb, yb in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(xb), yb)  # the loss
        loss.backward()  # the gradients
        optimizer.step()
    schedule.step()
    with torch.no_grad():
        out = model(x)  # evaluated
        print(F.cross_entropy(out, y).item())
"""
SEQUENCES = """\
import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
x = torch.randn(8, 5, 4)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.LSTM(4, 4)  # inner
        self.out = nn.Linear(4, 4)

    def forward(self, given):
        seen = self.inner(given)[0]
        seen = F.scaled_dot_product_attention(seen, seen, seen)  # attention
        return torch.softmax(self.out(seen), 0)  # the last


model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for step in range(4):
    optimizer.zero_grad()
    F.mse_loss(model(x), x).backward()
    optimizer.step()
"""
CONFIGURED = PROGRAM.replace(
    "torch.manual_seed(0)",
    'import json\nread = json.loads(\'{"lr": 0.3, "decay": 0.5, "drop": 0.5, "act": "Tanh"}\')\ntorch.manual_seed(0)',
)

FREEZING = "for p in model[0].parameters():\n    p.requires_grad = False\noptimizer = "
# A remedy, a code that it mends, what marks the line, what the program has instead of what, what the finding measured.
CASES = [
    ("learning-rate-of-range-test", "NW501", "# the optimizer", {}, {"best": 0.0123}),
    ("smaller-learning-rate", "NW602", "# the optimizer", {}, {}),
    (
        "usual-setting",
        "NW504",
        "# the optimizer",
        {"momentum=0.9": "momentum=0.1"},
        {"setting": "momentum", "value": 0.1, "recommended": 0.9},
    ),
    (
        "usual-setting",
        "NW504",
        "# the optimizer",
        {},
        {"setting": "weight_decay", "value": 0.5, "recommended": 1e-4},
    ),
    (
        "usual-setting",
        "NW504",
        "# the optimizer",
        {"SGD(model.parameters(), lr=0.3, momentum=0.9": "Adam(model.parameters(), 0.01, (0.999, 0.9)"},
        {"setting": "betas", "value": [0.999, 0.9], "recommended": [0.9, 0.999]},
    ),
    (
        "usual-setting",
        "NW504",
        "# the optimizer",
        {"momentum=0.9": "maximize=True"},
        {"setting": "maximize", "value": True},
    ),
    ("weaker-weight-decay", "NW506", "# the optimizer", {}, {}),
    ("schedule-in-its-unit", "NW505", "# the schedule", {}, {"planned": 30}),
    ("clip-gradients", "NW407", "# the gradients", {"F.cross": "9 * F.cross"}, {}),
    (
        "raise-clip-limit",
        "NW413",
        "clip_grad",
        {
            "    optimizer.step()": "    nn.utils.clip_grad_norm_(model.parameters(), 1e-3)\n        optimizer.step()"
        },
        {"limit": 1e-3, "share": 0.01},
    ),
    ("clear-gradients", "NW408", "# the gradients", {"optimizer.zero_grad()": "pass"}, {}),
    ("step-the-optimizer", "NW409", "# the gradients", {"optimizer.step()": "pass"}, {}),
    ("unfreeze", "NW403", "requires_grad", {"optimizer = ": FREEZING}, {}),
    ("unfreeze", "NW403", "requires_", {"optimizer = ": "model[0].requires_grad_(False)\noptimizer = "}, {}),
    ("optimize-all-parameters", "NW401", "Adam", {"Adam(model.": "Adam(model.out."}, {}),
    (
        "ignore-padding",
        "NW121",
        "Embedding",
        {
            "x = 2 + torch.randn(48, 6)": "x = torch.randint(0, 9, (48, 6)).float()",
            "    nn.Linear(6, 8),": "    Numbers(),\n    nn.Embedding(9, 8),\n    Mean(),",
            "model = nn.Seq": "class Numbers(nn.Module):\n    def forward(self, x):\n        return x.long()\nclass Mean(nn.Module):\n    def forward(self, x):\n        return x.mean(1)\nmodel = nn.Seq",
        },
        {"token": 0, "at_ends": 1.0},
    ),
    ("evaluate-in-evaluation-mode", "NW416", "# evaluated", {}, {"training_share": 1.0}),
    ("shuffle", "NW112", "# the loader", {}, {}),
    ("weaker-dropout", "NW213", "# tanh", {"(given)[0]": "(torch.dropout(given, 0.9, True))[0]  # tanh"}, {}),
    ("larger-batches", "NW212", "# the loader", {}, {"samples": 12}),
    ("weaker-dropout", "NW213", "# dropped", {}, {}),
    (
        "default-initialization",
        "NW201",
        "constant_",
        {"optimizer = ": "nn.init.constant_(model[0].weight, 0.05)\noptimizer = "},
        {},
    ),
    (
        "default-initialization",
        "NW203",
        "fill_",
        {"optimizer = ": "model[0].bias.data.fill_(4.0)\noptimizer = "},
        {},
    ),
    ("exchange-activation", "NW206", "# hidden", {}, {}),
    ("exchange-activation", "NW206", "# tanh", {"(given)[0]": "(torch.tanh(given))[0]  # tanh"}, {}),
    (
        "add-activation",
        "NW205",
        "nn.Linear(6, 8)",
        {"    nn.Tanh(),  # hidden\n": ""},
        {"pairs": [["0", "1"]]},
    ),
    ("scale-inputs", "NW101", "# the loss", {}, {"mean": 2.01, "std": 1.1, "input": "input"}),
    (
        "scale-inputs",
        "NW102",
        "mse_loss",
        {},
        {"column_means": [2.0, -1.5, 0.1, 0.0], "column_stds": [1.0, 2, 1, 3], "input": "given"},
    ),
    ("mean-reduction", "NW310", "# the loss", {"xb), yb)": 'xb), yb, reduction="sum")'}, {}),
    ("mean-reduction", "NW310", "# the loss", {}, {"accumulated": 4}),
    ("turn-sign", "NW307", "# the loss", {"F.cross": "-F.cross"}, {"accuracy_before": 0.5}),
    ("remove-last-activation", "NW302", "# the last", {}, {}),
    ("softmax-dimension", "NW214", "# the last", {}, {"class_dim": -1}),
    ("batch-first", "NW219", "# inner", {}, {}),
    ("causal-attention", "NW218", "# attention", {}, {}),
    ("lower-learning-rate", "NW603", "# the optimizer", {}, {}),
    ("higher-learning-rate", "NW610", "# the optimizer", {"lr=0.3": "lr=0.003"}, {"ratio": 2e-6}),
    ("leaky-activation", "NW606", "# hidden", {"nn.Tanh()": "nn.ReLU()"}, {}),
    ("leaky-activation", "NW606", "# hidden", {"(given)[0]": "(torch.relu(given))[0]  # hidden"}, {}),
    ("smooth-operation", "NW415", "# cut", {"(given)[0]": "(torch.clamp(given, -0.1, 0.1))[0]  # cut"}, {}),
    (
        "log-probabilities",
        "NW304",
        "# the loss",
        {"F.cross_entropy(model(xb)": "F.nll_loss(model(xb).softmax(1)"},
        {"source": "softmax"},
    ),
    (
        "log-probabilities",
        "NW304",
        "= nn.NLLLoss()",
        {
            "F.cross_entropy(model(xb)": "criterion(model(xb)",
            "for epoch": "criterion = nn.NLLLoss()\nfor epoch",
        },
        {"source": "linear"},
    ),
    (
        "loss-for-classes",
        "NW305",
        "mse_loss",
        {"torch.softmax(self.out(seen), 0)": "torch.sigmoid(self.out(seen))", "(x), x)": "(x), x.sigmoid())"},
        {"activation": "sigmoid"},
    ),
    (
        "loss-for-independent-labels",
        "NW305",
        "# the loss",
        {"xb), yb)": "xb), F.one_hot(yb, 2).float())"},
        {"labels_per_sample": 1.7},
    ),
    (
        "loss-for-independent-labels",
        "NW305",
        "= nn.CrossEntropyLoss",
        {
            "F.cross_entropy(model(xb), yb)": "criterion(model(xb), F.one_hot(yb, 2).float())",
            "for epoch": "criterion = nn.CrossEntropyLoss(reduction='sum')\nfor epoch",
        },
        {"labels_per_sample": 1.7},
    ),
]
STEPS = 3
# What has no form on recorded steps, and a word of the reason.
NOT_ON_STEPS = {
    "schedule-in-its-unit": "schedule",
    "evaluate-in-evaluation-mode": "evaluations",
    "shuffle": "batches",
    "larger-batches": "batches",
}
# Weights that are drawn anew on copies come from other random numbers than those that the program has drawn.
OTHER_NUMBERS = {"default-initialization"}
# Edits that the loss itself goes through; the hooks turn and divide it afterwards.
OF_THE_LOSS = {"divide-loss"}


def run(folder, text, *interventions):
    script = folder / "train.py"
    script.write_text(text)
    trace = rerun(script, Plan(digests=True, interventions=interventions))
    assert trace.ended == "finished", (trace.error, text)
    return trace


def found(folder, text, code, mark, **measured):
    """A finding at the line that holds ``mark``, with the program in its file."""
    (folder / "train.py").write_text(text)
    where = Where(file=str(folder / "train.py"), line=line_of(text, mark))
    also = [Where(file=where.file, line=line_of(text, "backward()"))]
    return find_rule(code).found("", where=where, also=also, expected="", fix="", **measured)


def remedy_named(name):
    (remedy,) = [r for r in all_remedies() if r.name == name]
    return remedy


@pytest.mark.parametrize(("name", "code", "mark", "swaps", "measured"), CASES)
def test_both_forms_train_identically(name, code, mark, swaps, measured, tmp_path):
    text = next(p for p in (PROGRAM, SEQUENCES) if all(s in p for s in swaps or [mark]))
    for old, new in swaps.items():
        assert old in text
        text = text.replace(old, new)
    finding = found(tmp_path, text, code, mark, **measured)
    treatment = remedy_named(name).treat(finding)
    edited = run(tmp_path, remedy_named(name).apply(finding).after)
    hooked = run(tmp_path, text, treatment.intervention)
    assert hooked.weights == edited.weights
    assert [p.inputs for p in hooked.points] == [p.inputs for p in edited.points]
    if treatment.intervention.name not in OF_THE_LOSS:
        assert hooked.losses == edited.losses
    plain = run(tmp_path, text)
    if name == "evaluate-in-evaluation-mode":  # which trains as before
        assert values(hooked) == values(edited) != values(plain)
    else:
        assert hooked.weights != plain.weights
    (before, _), (after, why) = rehearsed(tmp_path / "train.py", None, treatment.intervention)
    assert before == list(plain.losses[:STEPS])
    if name in NOT_ON_STEPS:
        assert NOT_ON_STEPS[name] in why
    elif name in OTHER_NUMBERS:
        assert all(map(math.isfinite, after)) and after != before
    else:
        assert after == list(hooked.losses[:STEPS]) != before, why


def values(trace):
    return [m.value for m in trace.metrics]


@pytest.mark.parametrize("name", ["rate-divided-by-10", "rate-times-10", "adam"])
def test_standard_remedies_train_identically(name, tmp_path):
    """With the rate as a number it is an edit, with one that is read an intervention."""
    read = PROGRAM.replace("lr=0.3", "lr=float('0.3')").replace(
        "(model.parameters(), ", "(model.parameters(), *(), "
    )
    edit, hook = (
        next(p for p in standard([Source(tmp_path / "train.py", text)]) if p.remedy == name)
        for text in (PROGRAM, read)
    )
    assert isinstance(edit, Patch)
    assert isinstance(hook, Treatment)
    edited, hooked = run(tmp_path, edit.after), run(tmp_path, read, hook.intervention)
    assert (hooked.weights, hooked.losses) == (edited.weights, edited.losses)
    assert hooked.weights != run(tmp_path, PROGRAM).weights


def test_every_remedy_with_both_forms_is_compared():
    assert {r.name for r in all_remedies() if r.hooks} == {case[0] for case in CASES}
    assert {r.name for r in all_remedies() if r.beyond_step} == set(NOT_ON_STEPS)
