"""The files of a run against the commit that they stood on."""

import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from netwright.cli import main
from netwright.runs import Record, Run
from netwright.runs import since as asking
from netwright.runs.code import digest, git_state
from netwright.runs.since import since_commit

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="no git here")


def git(folder, *arguments):
    who = ("-c", "user.email=a@b.c", "-c", "user.name=n", "-c", "core.autocrlf=false")
    subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path):
    root = tmp_path / "repo"
    (root / "job").mkdir(parents=True)
    (root / "job" / "train.py").write_text("a = 1\nb = 2\n")
    (root / "net.py").write_text("c = 3\n")
    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "commit", "-qm", "one")
    return root


def run_of(root, files, name="r", **code):
    folder = root / "job"
    state = {**git_state(folder), **code}
    record = Record.create(
        folder / ".netwright" / "runs" / name,
        {"command": {"target": "train.py", "folder": str(folder)}, "code": state},
    )
    for path, text in files.items():
        record.source(path, digest(text.encode()), text.encode())
    record.end("finished")
    record.close()
    return Run(record.folder)


UNCHANGED = {"train.py": "a = 1\nb = 2\n"}


def test_files_as_they_are_in_the_commit(repository):
    run = run_of(repository, {**UNCHANGED, str(repository / "net.py"): "c = 3\r\n"})
    found = since_commit(run)
    assert found.clean
    assert found.words() == f"2 files, as in commit {run.meta['code']['commit'][:7]}"
    assert found.diff == ""


def test_what_has_changed_and_what_is_new(repository, tmp_path):
    files = {
        "train.py": "a = 1\nb = 20\nd = 4\n",
        str(repository / "net.py"): "c = 3\n",
        "new.py": "e = 5\n",
        str(tmp_path / "elsewhere.py"): "f = 6\n",
    }
    run = run_of(repository, files)
    # What happens afterwards, in the working folder or in later commits, changes nothing.
    (repository / "job" / "train.py").write_text("rewritten\n")
    git(repository, "commit", "-qam", "two")
    found = since_commit(run)
    assert (found.files, found.changed, found.new) == (3, ("job/train.py",), ("job/new.py",))
    assert found.outside == (str(tmp_path / "elsewhere.py"),)
    assert (found.added, found.removed) == (3, 1)
    for line in ("-b = 2\n", "+b = 20\n", "+d = 4\n", "--- a/job/train.py\n", "+e = 5\n"):
        assert line in found.diff
    assert found.words().startswith("3 files, 1 changed, 1 new since commit ")
    assert found.words().endswith("(+3 -1); 1 outside of the repository")
    called = CliRunner().invoke(main, ["runs", "show", "r", "--diff", "--from", str(repository / "job")])
    assert "+b = 20" in called.output
    called = CliRunner().invoke(main, ["runs", "show", "r", "--from", str(repository / "job")])
    assert "+b = 20" not in called.output
    assert "1 changed, 1 new since commit" in called.output


def test_a_file_of_which_only_the_digest_was_kept(repository, monkeypatch):
    monkeypatch.setattr("netwright.runs.record._LARGEST_SOURCE", 3)
    assert since_commit(run_of(repository, UNCHANGED, "a")).clean
    found = since_commit(run_of(repository, {"train.py": "a = 2\n"}, "b"))
    assert found.changed == ("job/train.py",)
    assert "too long" in found.diff


def test_a_repository_that_was_moved(repository):
    run = run_of(repository, {"train.py": "a = 2\nb = 2\n"})
    moved = repository.rename(repository.parent / "moved")
    found = since_commit(Run(moved / run.folder.relative_to(repository)))
    assert found.changed == ("job/train.py",)
    assert (found.added, found.removed) == (1, 1)


def test_what_cannot_be_told_is_said(repository, tmp_path, monkeypatch):
    run = run_of(repository, UNCHANGED)
    commit = run.meta["code"]["commit"][:7]
    kept = Run(shutil.copytree(run.folder, tmp_path / "kept" / "runs" / "r"))
    other = since_commit(run_of(repository, UNCHANGED, "s", commit="0" * 40))
    assert other.words() == f"commit 0000000; the repository {repository} has no such commit any more"
    monkeypatch.setenv("PATH", "")
    assert "git is not installed" in since_commit(run).words()
    monkeypatch.undo()
    shutil.rmtree(repository)
    monkeypatch.setattr(asking.Path, "exists", lambda path: path.is_relative_to(tmp_path) and path.is_dir())
    found = since_commit(kept)
    assert found.words() == f"commit {commit}; its repository is gone: {repository}"
    assert not found.clean


def test_outside_of_any_repository(tmp_path):
    folder = tmp_path / "job"
    folder.mkdir()
    record = Record.create(
        folder / ".netwright" / "runs" / "r", {"command": {"folder": str(folder)}, "code": {}}
    )
    record.close()
    found = since_commit(Run(record.folder))
    assert found.words() == "no git repository"
    assert not found.clean
    assert Path(folder).is_dir()
