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


@pytest.fixture
def small_files():
    """No file may be longer than 2,000 bytes: what is written beyond fails as on a disk that is full."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_no_half_of_a_file(tmp_path, small_files):
    run_dir = new_run_dir(tmp_path)
    wanted, page = tmp_path / "r.json", tmp_path / "r.html"
    wanted.write_text("the report of last time")
    stream = io.StringIO()
    options = RunOptions(target="a.py", run_dir=run_dir, json_path=wanted, html_path=page)
    deliver(report(finding(message="x" * 3000)), options, stream=stream)
    assert not list(run_dir.iterdir())
    assert wanted.read_text() == "the report of last time"
    assert sorted(p.name for p in tmp_path.iterdir()) == [".netwright", "r.json"]
    (line,) = [x for x in stream.getvalue().splitlines() if x.startswith("netwright: the report")]
    assert line.count("File too large") == 1
    for name in (str(wanted), f"{run_dir / 'report.json'}, pictures.json", str(page), "report.html"):
        assert name in line
    assert "Report  " not in stream.getvalue()


def test_a_folder_that_cannot_be_written_to(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    stream = io.StringIO()
    options = RunOptions(
        target="a.py", json_path=tmp_path / "file" / "r.json", html_path=tmp_path / "page.html"
    )
    deliver(report(finding()), options, stream=stream)
    assert f"could not be written to {tmp_path / 'file' / 'r.json'}: " in stream.getvalue()
    assert (tmp_path / "page.html").stat().st_size > 1000
    assert "page.html" in stream.getvalue()


def test_files_stay_what_they_are(tmp_path):
    wanted, link = tmp_path / "real.json", tmp_path / "link.json"
    wanted.write_text("old")
    wanted.chmod(0o640)
    link.symlink_to(wanted)
    deliver(report(), RunOptions(target="a.py", json_path=link), stream=io.StringIO())
    assert link.is_symlink()
    assert json.loads(wanted.read_text())["verdict"] == "healthy"
    assert wanted.stat().st_mode & 0o777 == 0o640


def test_no_secret_of_the_command_line_is_written(tmp_path):
    argv = ("--api-key", "sk-0123456789")
    stream = io.StringIO()
    options = RunOptions(target="a.py", argv=argv, run_dir=new_run_dir(tmp_path), html_path=tmp_path / "p")
    made = report(finding(message="the key sk-0123456789 is refused"))
    deliver(made, options, stream=stream)
    texts = [p.read_text() for p in [*options.run_dir.iterdir(), tmp_path / "p"]] + [stream.getvalue()]
    assert not any("sk-0123456789" in text for text in texts)
    assert "the key *** is refused" in stream.getvalue()
    assert "sk-0123456789" in made.findings[0].message  # what is handed on is as it was


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
