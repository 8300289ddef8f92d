"""Reading is quick and needs no framework. Time is the processor's, so that a busy machine does not matter."""

import json
import subprocess
import sys

import pytest

from handmade import finding, report
from netwright.evidence.history import Sample
from netwright.report.json import to_json
from netwright.runs import Record

HEAVY = ("torch", "numpy", "sklearn", "pandas")
AFTER = (
    "import sys, json, time; "
    f"print('\\n' + json.dumps([[m for m in {HEAVY!r} if m in sys.modules], time.process_time()]))"
)


def python(code: str) -> tuple[list[str], float]:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy, seconds = json.loads(done.stdout.splitlines()[-1])
    return heavy, seconds


def quickest(code: str, tries: int = 3) -> tuple[list[str], float]:
    runs = [python(code) for _ in range(tries)]
    return runs[0][0], min(seconds for _, seconds in runs)


def test_import_is_quick_and_loads_no_framework():
    heavy, seconds = quickest(f"import netwright; netwright.__version__; {AFTER}")
    assert heavy == []
    assert seconds < 0.1


def test_fix_leaves_torch_to_the_processes_that_it_starts():
    assert "torch" not in python(f"import netwright.surgery.door; {AFTER}")[0]


def test_dir_names_what_is_loaded_later():
    assert python(f"import netwright; assert {{'check', 'watch'}} <= set(dir(netwright)); {AFTER}")[0] == []


def test_an_unknown_name_is_an_attribute_error():
    assert python(f"import netwright; assert not hasattr(netwright, 'nothing'); {AFTER}")[0] == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["run", "--help"],
        ["explain", "NW302"],
        ["rules"],
        ["report"],
        ["runs"],
        ["runs", "show", "latest"],
    ],
    ids=" ".join,
)
def test_reading_needs_no_framework(arguments, tmp_path):
    if arguments == ["report"]:
        (tmp_path / "report.json").write_text(to_json(report(finding())))
        arguments = ["report", str(tmp_path), "--html", str(tmp_path / "page.html")]
    if arguments[0] == "runs":
        record = Record.create(tmp_path / ".netwright" / "runs" / "a", {})
        record.add(Sample(step=0, seconds=0.0, values={"loss/0": 1.0}))
        record.close()
        arguments = [*arguments, "--from", str(tmp_path)]
    heavy, seconds = quickest(
        f"from netwright.cli import main; main({arguments!r}, standalone_mode=False); {AFTER}"
    )
    assert heavy == []
    assert seconds < 0.5


def test_every_rule_loads_without_a_framework():
    assert python(f"from netwright.registry import all_rules; assert all_rules(); {AFTER}")[0] == []
