"""Examinations that are known from before: found again as long as nothing has changed."""

import pytest

from handmade import finding, report
from netwright.report.json import to_json
from netwright.rerun import Command
from netwright.rerun.cache import state_of
from netwright.surgery import examined
from netwright.surgery.examination import examine


@pytest.fixture
def known(tmp_path):
    """A program that reads a file, its command, and what was found in it."""
    (tmp_path / "train.py").write_text("print(open('data.csv').read())\n")
    (tmp_path / "data.csv").write_text("1,2\n")
    command = Command(target="train.py", folder=tmp_path, environment={"A": "b"})
    found = report(finding("NW302"))
    files = {str(p): state_of(str(p)) for p in tmp_path.iterdir()}
    examined.keep(command, found, files, budget=60)
    return command, found


def test_the_same_program_is_not_examined_again(known):
    command, found = known
    assert to_json(examine(command, budget=60)) == to_json(found)
    assert "*" in (command.folder / ".netwright" / ".gitignore").read_text()


@pytest.mark.parametrize("name", ["train.py", "data.csv"])
def test_a_file_that_it_reads_has_changed(known, name):
    command, _ = known
    (command.folder / name).write_text("print(3)\n")
    assert examined.recall(command, budget=60) is None


@pytest.mark.parametrize("changed", [{"budget": 30}, {"budget": 60, "changed": {"train.py": "print(4)\n"}}])
def test_another_question_has_another_answer(known, changed):
    command, _ = known
    assert examined.recall(command, **changed) is None


def test_the_mended_program_is_known_by_its_text(known):
    command, _ = known
    files = {"train.py": state_of(str(command.folder / "train.py"))}
    files = {str(command.folder / k): v for k, v in files.items()}
    mended = report()
    examined.keep(command, mended, files, budget=20, changed={"train.py": "print(4)\n"})
    assert examined.recall(command, budget=20, changed={"train.py": "print(5)\n"}) is None
    again = examined.recall(command, budget=20, changed={"train.py": "print(4)\n"})
    assert again is not None and again.verdict == mended.verdict


def test_without_files_nothing_would_tell_that_it_has_changed(tmp_path):
    command = Command(target="train.py", folder=tmp_path, environment={})
    examined.keep(command, report(), {}, budget=60)
    assert examined.recall(command, budget=60) is None


def test_what_cannot_be_read_is_not_known(known):
    command, _ = known
    for path in (command.folder / examined.FOLDER).iterdir():
        path.write_text('{"files": {}, "report": "nothing"}')
    assert examined.recall(command, budget=60) is None
