"""Recipes and real programs: complete cards, programs that can be re-seeded, no trace of the debugger."""

import ast
import re

import pytest

from bench.faultbench import programs, score
from bench.faultbench.source import Source

RECIPES = programs.recipes()
CASES = programs.cases()


def test_there_are_enough():
    assert len(RECIPES) >= 40
    assert len({r.kind for r in RECIPES.values()}) >= 4
    assert len(CASES) >= 80


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_recipe(name):
    recipe = RECIPES[name]
    assert not re.search(r"netwright|faultbench|\bNW\d", recipe.text, re.IGNORECASE)
    ast.parse(recipe.text)
    metric = recipe.metric
    assert metric.better in {"higher", "lower"}
    assert metric.reach != metric.trivial
    assert (metric.reach > metric.trivial) == (metric.better == "higher")
    assert programs.healthy(recipe, 1).text != programs.healthy(recipe, 0).text == recipe.text
    assert len(programs.healthy(recipe, 1).text.splitlines()) == len(recipe.text.splitlines())
    for folder in re.findall(r"""["']data/(\w+)""", recipe.text):
        assert folder in recipe.data, "the card names what the program reads"
    assert Source(recipe.text).expression_statements("backward") or "torch.autograd" in recipe.text


@pytest.mark.parametrize("name", sorted(CASES))
def test_case(name):
    case = CASES[name]
    assert case.faulty != case.fixed
    assert case.faults, "what is wrong is known"
    for fault in case.faults:
        assert fault in score.WORDS
    for fault, lines in case.lines.items():
        assert fault in case.faults
        assert all(1 <= line <= len(case.faulty.splitlines()) for line in lines)
    for which in ("faulty", "fixed"):
        program = programs.real(case, which, 2)
        ast.parse(program.text)
        assert not re.search(r"netwright|faultbench|\bNW\d", program.text, re.IGNORECASE)


@pytest.mark.parametrize(
    ("printed", "value"),
    [
        ("accuracy 0.5\naccuracy 0.75\n", 0.75),
        ("accuracy nan", None),
        ("nothing", None),
        ("accuracy 0.5,", 0.5),
    ],
)
def test_reading_a_metric(printed, value):
    read = programs.Metric(name="a", pattern=r"accuracy (\S+)", better="higher", trivial=0.1, reach=0.9).read(
        printed
    )
    assert read == value or (value is None and (read is None or read != read))


def test_no_number_counts_as_the_trivial_predictor():
    metric = programs.Metric(name="a", pattern="", better="higher", trivial=0.1, reach=0.9)
    assert metric.loss(0.9, None) == pytest.approx(0.8)
    assert metric.loss(0.9, float("nan")) == pytest.approx(0.8)
    lower = programs.Metric(name="a", pattern="", better="lower", trivial=5.0, reach=1.0)
    assert lower.loss(1.0, float("inf")) == pytest.approx(4.0)
    assert lower.loss(1.0, 0.5) == pytest.approx(-0.5)
