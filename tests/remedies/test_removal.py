"""Statements that are taken out, and what goes with them: loops, conditions and blocks that would be empty, where their heads do nothing."""

from pathlib import Path
from textwrap import dedent

import pytest

from netwright.remedies import Refused, Source
from netwright.remedies._removal import removed


def without(text, *marks):
    """A program without the statements on the lines with these marks."""
    text = dedent(text)
    source = Source(Path("train.py"), text)
    lines = [i for i, line in enumerate(text.splitlines(), 1) if any(m in line for m in marks)]
    return source.changed(removed(source, *(source.statement(i) for i in lines)))


HEADS = [
    "for layer in (a, b):",
    "for layer in model.modules():",
    "for i, (name, p) in enumerate(model.named_parameters()):",
    "for i in range(len(net)):",
    "for layer in layers[:-1]:",
    "for layer in self.blocks:",
    "if isinstance(net, Net) and net.bias is not None:",
    "with torch.no_grad():",
]
MADE = "layers = [a, b]\nself.blocks = nn.ModuleList(layers)\n"


@pytest.mark.parametrize("head", HEADS)
def test_a_block_that_would_be_empty_goes(head):
    assert without(f"{MADE}{head}\n    init(w)  # gone\nprint(net)\n", "# gone") == f"{MADE}print(net)\n"


def test_blocks_within_blocks_go_as_far_as_they_are_empty():
    text = """\
    for layer in net.modules():
        if isinstance(layer, nn.Linear):
            with torch.no_grad():
                layer.weight.fill_(1)  # gone
        count += 1
    """
    assert without(text, "# gone") == "for layer in net.modules():\n    count += 1\n"


@pytest.mark.parametrize(
    "head",
    [
        "for x in loader:",  # draws random numbers
        "for x in given:",  # a generator is used up
        "for x in zip(layers, stream):",
        "for x in (draw() for _ in range(3)):",
        "for x in [nn.Linear(2, 2)]:",
        "if torch.rand(1) < 0.5:",
        "if (n := count()):",
        "with open(path):",
        "with torch.no_grad() as mode:",
        "while busy():",
        "def init():",
    ],
)
def test_what_does_something_by_itself_stays(head):
    given = "given = (f(i) for i in range(3))\nloader = DataLoader(data)\nlayers = [a]\n"
    after = without(f"{given}{head}\n    init(w)  # gone\n", "# gone")
    assert after == f"{given}{head}\n    pass\n"


@pytest.mark.parametrize(
    ("behind", "stays"),
    [
        ("print(layer)", True),
        ("def f():\n    return layer", True),
        ("layer.weight", True),
        ("for layer in net.children():\n    print(layer)", False),
        ("found = [layer for layer in net.children()]", False),
        ("def f(layer):\n    return layer", False),
        ("print(net.layer, layer=2)", False),
        ("layer = 3", False),
    ],
)
def test_a_loop_stays_whose_last_value_is_read_behind_it(behind, stays):
    after = without(f"for layer in net.modules():\n    init(layer)  # gone\n{behind}\n", "# gone")
    assert after == ("for layer in net.modules():\n    pass\n" if stays else "") + f"{behind}\n"


def test_a_branch_among_others_keeps_its_place():
    text = "if a:\n    f()\nelif b:\n    g()  # gone\nelse:\n    h()\n"
    assert without(text, "# gone") == text.replace("g()  # gone", "pass")
    text = "for x in (1, 2):\n    f()  # gone\nelse:\n    g()\n"
    assert without(text, "# gone") == text.replace("f()  # gone", "pass")


def test_all_statements_of_a_block_go_together():
    text = "for m in net.modules():\n    a(m)  # gone\n    b(m)  # gone\nc()\n"
    assert without(text, "# gone") == "c()\n"
    text = "def init(m):\n    a(m)  # gone\n    b(m)  # gone\n"
    assert without(text, "# gone") == "def init(m):\n    pass\n"
    assert without(text, "a(m)") == "def init(m):\n    b(m)  # gone\n"


def test_a_statement_within_another_one_is_not_taken_out_twice():
    with pytest.raises(Refused):
        without("for x in loader:\n    f(x)  # gone\n    g(x)\n", "# gone", "for x")
