"""A small part of the benchmark, end to end: training, the test of harm, checks as a user would run them, scores, the page."""

import json

import pytest

from bench.faultbench import execute, page, programs, runner
from bench.faultbench.operators import operators
from bench.faultbench.score import with_equivalents

HEALTHY = ["digits_mlp", "diabetes_regression", "banknote_sigmoid_bce"]
PLANTED = [
    ("softmax-before-cross-entropy", "digits_mlp"),
    ("zero-grad-missing", "digits_mlp"),
    ("inputs-not-normalized", "diabetes_regression"),
    ("weights-all-zero", "digits_mlp"),
    ("frozen-by-accident", "digits_mlp"),
]
REAL = ["so-31880720", "pat-softmax-before-ce"]


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Nothing that a user measured is read or written."""
    folder = tmp_path_factory.mktemp("faultbench")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(execute, "CACHE", folder / "cache")
        patch.setattr(runner, "BITES", folder / "bites.json")
        yield folder


@pytest.mark.parametrize("name", [n for n in HEALTHY if programs.available(programs.recipes()[n].data)])
def test_healthy_recipes_are_silent(name, kept):
    verdict = runner.netwright_checker()(programs.healthy(programs.recipes()[name], 0))
    assert verdict.ended == "ok"
    assert not verdict.said and not verdict.broken


@pytest.mark.parametrize(("operator", "recipe"), PLANTED)
def test_planted_faults_are_named_on_their_line(operator, recipe, kept):
    operator, recipe = operators()[operator], programs.recipes()[recipe]
    verdict = runner.netwright_checker()(programs.planted(operator, recipe, 0))
    codes = with_equivalents(operator.codes)
    assert verdict.rank(codes) == 1, verdict
    assert verdict.on_line(codes, frozenset(programs.plant(operator, recipe).lines)), verdict


@pytest.mark.parametrize("case", REAL)
def test_real_faults_are_detected(case, kept):
    case = programs.cases()[case]
    checker = runner.netwright_checker()
    assert checker(programs.real(case, "faulty", 0)).said


def test_a_run_measures_judges_and_draws(kept):
    plan = runner.Plan(
        per_operator=1,
        healthy_seeds=(0,),
        train=True,
        operators=("weights-all-zero",),
        recipes=("digits_mlp",),
        cases=(),
    )
    results = runner.run(plan, runner.netwright_checker())
    assert json.loads(json.dumps(results))["healthy"] == results["healthy"]
    (planted,) = results["planted"]
    assert planted["counts"] and planted["why"].startswith("bites") and planted["rank"] == 1
    assert results["healthy"]["alarms"] == 0
    assert min(results["recipes"]["digits_mlp"]["metrics"]) >= programs.recipes()["digits_mlp"].metric.reach
    assert "| `weights-all-zero` (NW201) | 1 | 1.00" in page.render(results)
    assert json.loads(runner.BITES.read_text())["planted"]["weights-all-zero/digits_mlp"]["state"] == "bites"


def test_a_program_that_crashes_or_prints_nothing_is_a_result(kept):
    metric = programs.Metric(name="a", pattern=r"accuracy (\S+)", better="higher")
    crash = programs.Program(id="x", name="p.py", text="raise RuntimeError('no')\n", data=(), metric=metric)
    assert execute.train(crash).ended == "crashed" and "RuntimeError: no" in execute.train(crash).error
    silent = programs.Program(id="x", name="p.py", text="print('done')\n", data=(), metric=metric)
    assert execute.train(silent) == execute.train(silent)  # the second is the kept one
    assert execute.train(silent).metric is None and execute.train(silent).ended == "ok"
    assert execute.check(silent, fingerprint="test")["findings"] == []
