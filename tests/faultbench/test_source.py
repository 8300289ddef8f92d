"""Edits of a program's text by its syntax tree: what is untouched keeps its bytes, and the fault's lines are known."""

import ast

import pytest

from bench.faultbench.seeds import reseeded
from bench.faultbench.source import DoesNotApply, Source, called

PROGRAM = """\
import torch
from torch import nn

SEED = 0
torch.manual_seed(SEED)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.out = nn.Linear(4, 2)  # größer

    def forward(self, x):
        return self.out(torch.relu(x))


model = Net()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(
    model.parameters(),
    lr=0.1,
)
for i, (xb, yb) in enumerate(loader):
    optimizer.zero_grad()
    loss = criterion(model(xb), yb)
    loss.backward()
    optimizer.step()
"""


def lines_of(mutant, *parts):
    lines = mutant.text.splitlines()
    return [number for number, line in enumerate(lines, 1) if any(part in line for part in parts)]


def test_what_is_not_edited_keeps_its_bytes():
    source = Source(PROGRAM)
    source.replace(source.calls("relu")[0], "x")
    mutant = source.mutant()
    before, after = PROGRAM.splitlines(), mutant.text.splitlines()
    assert [at for at, (a, b) in enumerate(zip(before, after, strict=True), 1) if a != b] == [14]
    assert mutant.lines == (14,)
    assert "# größer" in mutant.text


def test_edits_before_do_not_move_the_line_of_a_fault():
    source = Source(PROGRAM)
    source.imported("import copy")
    source.wrap(source.output(), "torch.softmax({}, dim=1)")
    source.after(source.backward(), "if True:", "    pass")
    mutant = source.mutant()
    assert list(mutant.lines) == lines_of(mutant, "softmax", "if True:", "    pass")
    assert mutant.text.startswith("import copy\nimport torch")


def test_a_deleted_statement_leaves_its_neighbours_as_the_place():
    source = Source(PROGRAM)
    source.delete(source.expression_statements("zero_grad")[0])
    mutant = source.mutant()
    assert "zero_grad" not in mutant.text
    assert set(mutant.lines) == set(lines_of(mutant, "for i", "loss = criterion"))


def test_the_only_statement_of_a_block_becomes_pass():
    source = Source("for x in loader:\n    loss.backward()\n")
    source.delete(source.backward())
    assert source.mutant().text == "for x in loader:\n    pass\n"


def test_arguments_are_set_whether_they_are_there_or_not():
    source = Source(PROGRAM)
    call = source.calls("SGD")[0]
    source.argument(call, "lr", "1.0")
    source.argument(source.calls("CrossEntropyLoss")[0], "reduction", '"sum"')
    source.argument(source.calls("Linear")[0], "bias", "False")
    text = source.mutant().text
    assert (
        "lr=1.0," in text
        and 'CrossEntropyLoss(reduction="sum")' in text
        and "nn.Linear(4, 2, bias=False)" in text
    )
    trailing = Source(PROGRAM)
    trailing.argument(trailing.calls("SGD")[0], "momentum", "0.9")
    assert called(ast.parse(trailing.mutant().text).body[-2].value) == "SGD"


def test_parts_of_a_training_program_are_found():
    source = Source(PROGRAM)
    assert source.loss_name() == "loss"
    batch = source.batch()
    assert (batch.inputs, batch.targets) == ("xb", "yb")
    assert [source.code(call) for call in source.losses(("cross_entropy",), ("CrossEntropyLoss",))] == [
        "criterion(model(xb), yb)"
    ]
    assert source.network().name == "Net"
    assert source.code(source.models()[0]) == "model = Net()"


def test_nothing_to_change_does_not_apply():
    source = Source(PROGRAM)
    source.mark(source.backward())
    with pytest.raises(DoesNotApply):
        source.mutant()


def test_overlapping_edits_are_refused():
    source = Source(PROGRAM)
    source.replace(source.output(), "x")
    source.replace(source.calls("relu")[0], "x")
    with pytest.raises(DoesNotApply, match="overlap"):
        source.mutant()


@pytest.mark.parametrize(
    "line",
    [
        "torch.manual_seed(0)",
        "SEED = 0",
        "seed: int = 0",
        'parser.add_argument("--seed", type=int, default=0)',
        "set_seed(0)",
        "config = Config(seed=0)",
    ],
)
def test_the_seed_of_a_program_is_changed_where_people_write_it(line):
    text = f"import torch\n{line}\n"
    assert reseeded(text, 0) == text
    assert reseeded(text, 7).splitlines()[1] == line[::-1].replace("0", "7", 1)[::-1]


def test_a_program_without_a_seed_is_refused():
    with pytest.raises(DoesNotApply, match="seed"):
        reseeded("x = 0\n", 1)
