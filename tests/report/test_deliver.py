import io
import json

import pytest

from handmade import finding, report
from netwright.options import RunOptions
from netwright.report import deliver, exit_code, new_run_dir
from netwright.rule import Severity


def test_writes_the_run_and_what_was_asked_for(tmp_path):
    run_dir = new_run_dir(tmp_path)
    options = RunOptions(
        target="a.py", run_dir=run_dir, json_path=tmp_path / "x" / "r.json", html_path=tmp_path / "r.html"
    )
    stream = io.StringIO()
    deliver(report(finding()), options, stream=stream)
    assert json.loads(options.json_path.read_text())["verdict"] == "sick"
    assert (run_dir / "report.html").read_text() == options.html_path.read_text()
    assert {p.name for p in run_dir.iterdir()} == {"report.html", "report.json", "pictures.json"}
    assert (tmp_path / ".netwright" / ".gitignore").read_text() == "*\n"
    assert "r.html" in stream.getvalue()


def test_writes_nothing_unasked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    deliver(report(), RunOptions(target="a.py"), stream=io.StringIO())
    assert list(tmp_path.iterdir()) == []


def test_run_dirs_are_distinct(tmp_path):
    first = new_run_dir(tmp_path)
    first.mkdir(parents=True)
    assert new_run_dir(tmp_path) != first


@pytest.mark.parametrize(
    ("severity", "fail_on", "script", "code"),
    [
        (Severity.ERROR, "error", 0, 4),
        (Severity.WARNING, "error", 0, 0),
        (Severity.WARNING, "warning", 0, 4),
        (Severity.ERROR, "warning", 0, 4),
        (Severity.INFO, "warning", 0, 0),
        (Severity.ERROR, None, 0, 0),
        (Severity.ERROR, "error", 3, 3),
    ],
)
def test_exit_codes(severity, fail_on, script, code):
    options = RunOptions(target="a.py", fail_on=fail_on)
    assert exit_code(report(finding(severity=severity)), script, options) == code


def test_consequences_count(tmp_path):
    made = report(finding(severity=Severity.WARNING, consequences=(finding("NW301"),)))
    assert exit_code(made, 0, RunOptions(target="a.py", fail_on="error")) == 4
