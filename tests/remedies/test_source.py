"""Changes of a source leave every other character as it was."""

from pathlib import Path

import libcst as cst
import pytest

from netwright.remedies.source import Refused, Source, called

PROGRAM = """\
# Übung: a comment with letters outside ASCII
import torch  # the library


def train(model,   opt):
    if True:
        step( 3 )
    loss = f(model(x), dim = 1, )   # keep these spaces
    for i in range(3): loss.backward()
    return loss
"""


def source(text=PROGRAM):
    return Source(Path("train.py"), text)


def call(s, name):
    return next(c for c in s.every(cst.Call) if s.code(c.func) == name)


def test_what_is_replaced_is_all_that_changes():
    s = source()
    after = s.changed([s.replace(call(s, "model"), "x")])
    assert after == PROGRAM.replace("model(x)", "x")


def test_positions_count_characters_and_not_bytes():
    s = source("é = 'ü'; loss = f('é')\n")
    assert s.code(call(s, "f")) == "f('é')"


def test_lines_around_a_statement_are_indented_as_it_is():
    s = source()
    statement = s.statement_of(call(s, "f"))
    after = s.changed([s.before(statement, "a()"), s.after(statement, "b()")])
    assert after.splitlines()[7:10] == [
        "    a()",
        "    loss = f(model(x), dim = 1, )   # keep these spaces",
        "    b()",
    ]


def test_the_only_statement_of_a_block_gives_way_to_pass():
    s = source()
    assert s.changed([s.delete(s.statement_of(call(s, "step")))]) == PROGRAM.replace("step( 3 )", "pass")


def test_a_statement_goes_with_its_line():
    s = source()
    gone = "    loss = f(model(x), dim = 1, )   # keep these spaces\n"
    assert s.changed([s.delete(s.statement_of(call(s, "f")))]) == PROGRAM.replace(gone, "")


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_line_ends_stay(ending):
    text = ending.join(["a = 1", "b = 2", ""])
    s = source(text)
    after = s.changed([s.after(s.statement(1), "c = 3")])
    assert after == ending.join(["a = 1", "c = 3", "b = 2", ""])


def test_a_line_after_the_last_one_of_a_file_without_a_line_end():
    s = source("a = 1")
    assert s.changed([s.after(s.statement(1), "b = 2")]) == "a = 1\nb = 2\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("f()", "f(lr=1)"),
        ("f(a)", "f(a, lr=1)"),
        ("f(a, lr=0.5)", "f(a, lr=1)"),
        ("f(a, 0.5)", "f(a, 1)"),
        ("f(a, b, )", "f(a, 1, )"),
        ("f(\n    a,\n)", "f(\n    a, lr=1\n)"),
        ("f(*a)", "f(*a, lr=1)"),
        ("f(g(1), **k)", "f(g(1), **k, lr=1)"),
    ],
)
def test_an_argument_is_set_or_added(before, after):
    s = source(before + "\n")
    assert s.changed([s.set_argument(call(s, "f"), "lr", "1", position=1)]) == after + "\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [("f(a, b, c)", "f(b, c)"), ("f(b, a)", "f(b)"), ("f(a)", "f()"), ("f(b, a, )", "f(b, )")],
)
def test_an_argument_is_dropped_with_its_comma(before, after):
    s = source(before + "\n")
    owner = call(s, "f")
    (argument,) = [a for a in owner.args if s.code(a.value) == "a"]
    assert s.changed([s.drop_argument(owner, argument)]) == after + "\n"


def test_a_change_that_gives_no_program_is_refused():
    s = source()
    with pytest.raises(Refused):
        s.changed([s.replace(call(s, "f"), ")")])


def test_changes_that_meet_are_refused():
    s = source()
    with pytest.raises(Refused):
        s.changed([s.replace(call(s, "f"), "g(x)"), s.replace(call(s, "model"), "y")])


def test_calls_on_a_line_in_the_middle_of_a_statement():
    s = source("a = f(\n    g(1),\n    h(2),\n)\n")
    assert [s.code(c) for c in called(s, 3)] == ["h(2)"]


def test_what_is_no_python_is_refused():
    with pytest.raises(Refused):
        source("def f(:\n")
