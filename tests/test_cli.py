import json
import sys
import types
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from handmade import finding, report
from netwright.cli import main
from netwright.options import RunOptions
from netwright.report.json import pictures_to_json, to_json


def called(*arguments, expect=0):
    result = CliRunner().invoke(main, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == expect, result.output
    return result.output


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """Options that reached the doctor, and a folder with a script."""
    seen: list[RunOptions] = []

    def run(options: RunOptions, *, proofs) -> int:
        seen.append(options)
        return 7

    monkeypatch.setitem(sys.modules, "netwright.doctor", types.SimpleNamespace(run=run))
    monkeypatch.setattr("netwright.doctor", types.SimpleNamespace(run=run), raising=False)
    monkeypatch.chdir(tmp_path)
    Path("train.py").touch()
    return seen


def test_the_flags_are_these():
    flags = {
        name: sorted(
            o
            for p in c.params
            if isinstance(p, click.Option) and not p.hidden
            for o in (*p.opts, *p.secondary_opts)
        )
        for name, c in main.commands.items()
    }
    tried = ["--experiments", "--no-experiments", "--only", "--budget", "--look-at"]
    watched = [
        "--watch",
        "--no-watch",
        "--watch-budget",
        "--budget",
        "--watch-every",
        "--watch-rank",
        "--watch-histograms",
        "--on-error",
    ]
    for name, more in (("run", watched), ("check", tried)):
        assert flags[name] == sorted(
            [
                *more,
                "-m",
                "--json",
                "--html",
                "--fail-on",
                "--select",
                "--ignore",
                "-v",
                "--verbose",
                "-q",
                "--quiet",
                "--no-report",
                "--no-record",
                "--steps",
                "--wait-evaluation",
                "--prove",
            ]
        )
    assert set(flags) == {"run", "check", "fix", "explain", "report", "rules", "runs", "demo"}


@pytest.mark.parametrize(
    ("given", "experiments", "budget"),
    [
        ([], ("all",), 60.0),
        (["--no-experiments"], (), 60.0),
        (["--budget", "30"], ("all",), 30.0),
        (["--experiments", "--only", "range-test"], ("range-test",), 60.0),
        (["--only", "range-test", "--only", "gradient-check"], ("range-test", "gradient-check"), 60.0),
    ],
)
def test_experiments_are_chosen_by_name(asked, given, experiments, budget):
    called("check", *given, "train.py", expect=7)
    (options,) = asked
    assert (options.experiments, options.budget) == (experiments, budget)


def test_what_follows_the_script_is_the_scripts(asked):
    arguments = ["--epochs", "5", "-v", "--json", "x", "--help", "--", "-m", "--unknown=1"]
    called("run", "--select", "NW302", "train.py", *arguments, expect=7)
    (options,) = asked
    assert options.target == "train.py"
    assert options.argv == tuple(arguments)
    assert options.select == ("NW302",)
    assert options.json_path is None
    assert not options.verbose
    assert not options.stop_after_preflight
    assert options.run_dir is not None
    assert options.run_dir.parts[-3:-1] == (".netwright", "runs")


def test_every_option_arrives(asked):
    given = "-m -v -q --no-report --no-record --json a.json --html b.html --fail-on warning --ignore NW3 --ignore nw302 --steps 3 --wait-evaluation 0.5"
    called("check", *given.split(), "package.train", "--lr=1", expect=7)
    assert asked == [
        RunOptions(
            target="package.train",
            is_module=True,
            argv=("--lr=1",),
            stop_after_preflight=True,
            json_path=Path("a.json"),
            html_path=Path("b.html"),
            fail_on="warning",
            ignore=("NW3", "nw302"),
            verbose=True,
            quiet=True,
            run_dir=None,
            record=False,
            wait_evaluation=0.5,
            steps=3,
            experiments=("all",),
        )
    ]


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ("train.py --prove 9", None),
        ("--prove train.py --prove 5", 300.0),
        ("--prove 120 train.py", 120.0),
        ("--prove=120 train.py", 120.0),
        ("-q --json a.json --prove --steps 3 train.py", 300.0),
        ("--json --prove train.py", None),
        ("--only range-test --no-experiments --prove -- train.py", 300.0),
    ],
)
def test_a_proof_is_asked_for_with_or_without_its_seconds(asked, monkeypatch, given, seconds):
    proofs = []
    monkeypatch.setattr("netwright.cli._proofs", lambda seconds, quiet: proofs.append(seconds))
    called("check", *given.split(), expect=7)
    assert proofs == [seconds]
    assert asked[0].target == "train.py"


def test_a_proof_needs_time(asked):
    assert "--prove" in called("run", "--prove", "3", "train.py", expect=2)


def test_no_such_script(asked):
    assert "there is no script trian.py; did you mean train.py?" in called("run", "trian.py", expect=2)
    assert "netwright run -m package.train" in called("run", "package.train", expect=2)
    assert "Missing argument 'SCRIPT'" in called("run", expect=2)
    assert asked == []


def test_no_such_rule(asked):
    assert "did you mean 'NW302'" in called("check", "--select", "NW3022", "train.py", expect=2)
    assert asked == []


def test_explain_by_code_and_by_name():
    by_code = called("explain", "nw302")
    assert by_code == called("explain", "softmax-before-cross-entropy")
    for part in ("NW302 softmax-before-cross-entropy", "What it measures", "How to fix", "--ignore NW302"):
        assert part in by_code


def test_explain_what_is_not_there():
    assert "is planned" in called("explain", "NW708", expect=2)
    assert "did you mean" in called("explain", "softmax-before-crossentropy", expect=2)


def test_rules_lists_them():
    assert "softmax-before-cross-entropy" in called("rules")


def test_report_prints_a_saved_run_and_writes_its_page(tmp_path):
    made = report(finding())
    (tmp_path / "report.json").write_text(to_json(made))
    (tmp_path / "pictures.json").write_text(pictures_to_json(made.pictures))
    assert called("report", tmp_path) == called("report", tmp_path / "report.json")
    page = tmp_path / "page.html"
    assert "NW302 rule-nw302" in called("report", tmp_path, "--html", page)
    assert "<svg" in page.read_text()


@pytest.mark.parametrize("text", ["{", json.dumps({"schema": "netwright.report/9"})])
def test_report_says_what_is_wrong_with_a_file(tmp_path, text):
    file = tmp_path / "report.json"
    file.write_text(text)
    assert str(file) in called("report", file, expect=2)


def test_report_of_a_folder_without_one(tmp_path):
    assert "there is no report.json" in called("report", tmp_path, expect=2)


def test_demo_brings_its_script_and_leaves_an_edited_one_alone(asked):
    called("demo", expect=7)
    script = Path("netwright_demo.py")
    assert "load_digits" in script.read_text()
    script.write_text("# mine")
    called("demo", expect=7)
    assert script.read_text() == "# mine"
    called("demo", "--fresh", expect=7)
    assert "load_digits" in script.read_text()
    assert [o.target for o in asked] == ["netwright_demo.py"] * 3


def test_the_budget_of_a_run_is_a_share(tmp_path):
    (tmp_path / "train.py").write_text("")
    refused = CliRunner().invoke(main, ["run", "--budget", "30", str(tmp_path / "train.py")])
    assert refused.exit_code == 2
    assert "30 is no share of the run time" in refused.output
    assert "netwright check --budget 30" in refused.output
    shares = []
    for option in ("--budget", "--watch-budget"):
        params = (
            main.commands["run"].make_context("run", [option, "0.05", "train.py", "--budget", "7"]).params
        )
        shares.append((params["watch_budget"], params["argv"]))
    assert shares == [(0.05, ("--budget", "7"))] * 2
