"""The test of harm, verdicts, rates: by hand-made numbers."""

import json

import pytest
from click.testing import CliRunner

from bench.faultbench import page, programs, runner, score
from bench.faultbench.__main__ import main
from bench.faultbench.bite import bite
from bench.faultbench.verdict import Said, Verdict, from_peer, from_report
from netwright.catalogue import CODES

METRIC = programs.Metric(name="accuracy", pattern="", better="higher", trivial=0.1, reach=0.9)


@pytest.mark.parametrize(
    ("faulty", "bites"),
    [
        ([0.5, 0.6, 0.1], True),
        ([None, float("nan"), 0.1], True),
        ([0.91, 0.5, 0.5], False),  # one seed is as good as a healthy one
        ([0.899, 0.899, 0.899], False),  # worse, but by next to nothing
        ([0.95, 0.96, 0.97], False),
    ],
)
def test_a_fault_bites_when_all_seeds_are_worse_by_a_real_amount(faulty, bites):
    assert bite(METRIC, [0.90, 0.91, 0.92], faulty).bites is bites


def test_lower_is_better_for_losses():
    metric = programs.Metric(name="loss", pattern="", better="lower", trivial=2.3, reach=0.3)
    assert bite(metric, [0.30, 0.29, 0.28], [1.0, 2.0, 0.9]).bites
    assert not bite(metric, [0.30, 0.29, 0.28], [0.1, 0.1, 0.1]).bites


def test_codes_are_real_and_equivalence_holds_both_ways():
    codes = {c for same in score.EQUIVALENT for c in same} | {
        c for codes in score.WORDS.values() for c in codes
    }
    assert codes <= set(CODES)
    assert "NW401" in score.with_equivalents(["NW402"]) and "NW402" in score.with_equivalents(["NW401"])
    assert score.with_equivalents(["NW302"]) == {"NW302"}


def verdict(*findings):
    return Verdict(
        said=tuple(Said(codes=(c,), severity="error", lines=(line,)) for c, line in findings), seconds=2.0
    )


def judged(found, truth=("NW302",), lines=(16,)):
    names = dict(id="planted/x/y/0", operator="x", family="loss", kind="image", seen="start")
    return score.judge(found, truth=truth, lines=lines, counts=True, why="bites", **names)


def test_rank_line_and_extra_findings():
    first = judged(verdict(("NW302", 16), ("NW101", 3)))
    assert (first.detected, first.rank, first.line, first.extra) == (True, 1, True, 1)
    second = judged(verdict(("NW101", 16), ("NW302", 5)))
    assert (second.rank, second.line) == (2, False)
    missed = judged(verdict())
    assert (missed.detected, missed.rank, missed.line) == (False, None, None)


def test_a_wrong_finding_on_the_right_line_is_not_the_right_line():
    assert judged(verdict(("NW101", 16))).line is None


def test_rates_have_intervals():
    summary = score.summary([judged(verdict(("NW302", 16)))] * 9 + [judged(verdict())])
    assert summary["detection"]["rate"] == 0.9
    # Wilson's interval for 9 of 10, from the formula.
    assert summary["detection"]["low"] == pytest.approx(0.5958, abs=1e-3)
    assert summary["detection"]["high"] == pytest.approx(0.9821, abs=1e-3)
    assert score.summary([])["top1"]["rate"] is None


def test_alarms_are_counted_per_program():
    alarms = score.alarms([("healthy/a/0", verdict()), ("healthy/b/0", verdict(("NW101", 1), ("NW102", 1)))])
    assert (alarms["alarms"], alarms["per_program"], alarms["programs_with_any"]["hits"]) == (2, 1.0, 1)
    assert [entry["id"] for entry in alarms["list"]] == ["healthy/b/0"]


def test_a_report_is_read_with_consequences_after_their_cause_and_without_information():
    where = {"file": "/tmp/p.py", "line": 3}
    finding = dict(
        code="NW302", severity="error", message="", where=where, also=[{"file": "/elsewhere.py", "line": 9}]
    )
    below = dict(code="NW301", severity="warning", message="", where={"line": None}, also=[], consequences=[])
    info = dict(code="NW001", severity="info", message="", where=where, also=[], consequences=[])
    read = from_report(
        dict(
            findings=[{**finding, "consequences": [below]}, info], seconds=1.0, ended="ok", script="/tmp/p.py"
        )
    )
    assert [s.codes for s in read.said] == [("NW302",), ("NW301",)]
    assert read.said[0].lines == (3,)


def test_another_tool_is_scored_through_names_of_its_own():
    read = from_peer(
        dict(
            findings=[dict(cause="double softmax", line=16), dict(cause="hint", severity="info")], seconds=9.0
        ),
        {"double softmax": ["NW302", "NW303"]},
    )
    assert judged(read).rank == 1 and judged(read).line and judged(read).extra == 0


def test_scoring_a_file_of_verdicts(tmp_path, monkeypatch):
    operator, recipe = programs.pairs(1, only=["softmax-before-cross-entropy"])[0]
    identity = programs.planted(operator, recipe, 0).id
    line = programs.plant(operator, recipe).lines[0]
    answers = tmp_path / "verdicts.json"
    verdicts = {
        identity: {"findings": [{"cause": "NW302", "line": line}], "seconds": 1},
        f"healthy/{recipe.name}/0": {"findings": [{"cause": "NW101"}]},
    }
    answers.write_text(json.dumps({"tool": "peer", "programs": verdicts}))
    done = CliRunner().invoke(main, ["score", str(answers), "--per-operator", "1"])
    assert done.exit_code == 0, done.output
    assert "How often `peer` is right" in done.output
    assert f"check healthy/{recipe.name}/0`: NW101 warning" in done.output


def test_names_that_are_none_are_refused_with_a_sentence():
    for name, said in [
        ("planted/nothing/mnist_lenet/0", "nothing here is named nothing"),
        ("x", "is no program"),
    ]:
        done = CliRunner().invoke(main, ["show", name])
        assert done.exit_code == 2 and said in done.output


def test_page_of_nothing_can_be_drawn():
    plan = runner.Plan(
        per_operator=1,
        healthy_seeds=(0,),
        train=False,
        operators=("no such",),
        recipes=("no such",),
        cases=(),
    )
    text = page.render(runner.run(plan, lambda program: None))
    assert text.count("None.") == 3
