"""Every fault operator: it can be planted somewhere, the result is a program, and the fault's lines are known."""

import ast
import functools

import pytest

from bench.faultbench import programs
from bench.faultbench.operators import Seen, operators
from bench.faultbench.source import DoesNotApply
from netwright.catalogue import CODES

NAMES = sorted(operators())


@functools.cache
def where(name):
    """All recipes that the operator applies to, with what came out."""
    found = {}
    for recipe in programs.recipes().values():
        try:
            found[recipe.name] = programs.plant(operators()[name], recipe)
        except DoesNotApply:
            continue
    return found


@pytest.mark.parametrize("name", NAMES)
def test_it_applies_and_names_its_lines(name):
    operator = operators()[name]
    assert operator.title, "the first line of the docstring says what a person did wrong"
    assert operator.codes and set(operator.codes) <= set(CODES)
    planted = where(name)
    assert planted, "no recipe has a place for it"
    for recipe, mutant in planted.items():
        healthy = programs.recipes()[recipe].text
        assert mutant.text != healthy
        assert ast.dump(ast.parse(mutant.text)) != ast.dump(ast.parse(healthy)), "only the layout was changed"
        assert mutant.lines and mutant.lines[0] >= 1 and mutant.lines[-1] <= len(mutant.text.splitlines()) + 1


def test_there_are_enough():
    seen = [operator.seen for operator in operators().values()]
    assert len(seen) >= 50
    assert seen.count(Seen.START) >= 40


def test_choosing_recipes_is_a_fixed_draw_over_many_kinds(monkeypatch):
    monkeypatch.setattr(programs, "available", lambda data: True)
    chosen = programs.pairs(3, only=["zero-grad-missing"])
    assert [r.name for _, r in chosen] == [r.name for _, r in programs.pairs(5, only=["zero-grad-missing"])][
        :3
    ]
    assert len({r.kind for _, r in chosen}) == 3


def test_planting_twice_gives_the_same_program():
    name = "softmax-before-cross-entropy"
    recipe = programs.recipes()[next(iter(where(name)))]
    assert programs.plant(operators()[name], recipe) == programs.plant(operators()[name], recipe)
