"""Re-runs for the search: how long each is, what is not run twice, and examinations of the mended program beside them."""

import time
from pathlib import Path

import pytest

from handmade import finding, report
from netwright.remedies import Patch, Source, Treatment
from netwright.rerun import Command, Intervention, Trace
from netwright.rerun.cache import state_of
from netwright.surgery import examination, trials
from netwright.surgery.examination import Mended
from netwright.surgery.trials import Trials


@pytest.fixture
def started(tmp_path, monkeypatch):
    """Makes trials whose re-runs give what a function says of each plan; with every plan that was run, and how many at once."""
    seen = []

    def make(gives):
        def rerun(command, plans, *, at_once, **_):
            seen.extend((plan, at_once) for plan in plans)
            return [gives(plan) for plan in plans]

        monkeypatch.setattr(trials, "rerun", rerun)
        monkeypatch.setattr(trials, "workers", lambda most: 2)
        command = Command(target="train.py", folder=tmp_path, environment={})
        return Trials(command, together=(), sets=3, budget=100, seeds=5)

    return make, seen


def test_the_shorter_length_is_a_quarter_and_costs_what_comes_before_the_training_as_well(started):
    make, seen = started
    made = make(lambda plan: Trace(ended="finished", steps=400, wall_s=10.0, before_s=2.0))
    assert made.steps is None
    assert (made.rung.steps, made.rung.cost) == (100, pytest.approx(0.4))
    made.rung.run([((), 0)])
    assert [plan.steps for plan, _ in seen] == [None, 100]


@pytest.mark.parametrize("steps", [0, 7])
def test_a_quarter_of_next_to_nothing_is_no_length(started, steps):
    make, _ = started
    assert make(lambda plan: Trace(ended="finished", steps=steps, wall_s=1.0)).rung is None


def test_what_does_not_fit_is_shortened_once_and_for_all(started):
    make, seen = started
    made = make(lambda plan: Trace(ended="finished" if plan.steps else "seconds", steps=400, wall_s=10.0))
    assert made.steps is not None and 0 < made.steps < 400
    made.run([((), 0)])
    assert seen[-1][0].steps == made.steps
    assert made.rung is None


def test_a_crash_is_not_waited_for_twice_and_a_run_cut_off_is_tried_again(started):
    make, seen = started
    made = make(lambda plan: Trace(ended="crashed" if plan.seed == 0 else "killed"))
    count = len(seen)
    assert made.run([((), 0), ((), 1)])[0].ended == "crashed"
    assert len(seen) == count + 1
    made.run([((), 1)])
    assert len(seen) == count + 2


def test_what_is_done_aside_takes_nothing_of_the_budget(started):
    make, _ = started
    made = make(lambda plan: Trace(ended="finished", steps=400, wall_s=10.0))
    until = made.until
    with made.aside():
        time.sleep(0.05)
    assert made.until >= until + 0.05


def test_what_runs_beside_has_a_core_of_its_own(started):
    make, seen = started
    made = make(lambda plan: Trace(ended="finished", steps=400, wall_s=10.0))
    made.run([((), 1)])
    made.beside = 1
    made.run([((), 2)])
    assert [at_once for _, at_once in seen[-2:]] == [2, 1]


@pytest.fixture
def mended(tmp_path, monkeypatch):
    """A program, a patch for it, and examinations that are told what they find; with the text that each was given."""
    path = tmp_path / "train.py"
    path.write_text("a = 1\nb = 2\n")
    source = Source(path)
    patch = Patch(
        remedy="r",
        title="t",
        codes=(),
        source=source,
        changes=(source.replace(source.statement(1), "a = 0"),),
    )
    found, texts = {"report": report()}, []

    class Fake:
        under_way = True

        def __init__(self, command, budget):
            texts.append((command.folder / command.target).read_text())

        def result(self):
            return found["report"]

        def stop(self):
            self.under_way = False

    monkeypatch.setattr(examination, "Examination", Fake)
    return Mended(Command(target="train.py", folder=tmp_path, environment={})), patch, found, texts


def test_the_mended_program_is_examined_once(mended):
    made, patch, found, texts = mended
    assert made.healthy((patch,))
    made.begin((patch,))
    assert not made.under_way
    path = Path(made.command.folder) / "train.py"
    assert made.left((patch,), {str(path): state_of(str(path))}) == ()
    assert texts == ["a = 0\nb = 2\n"]
    assert path.read_text() == "a = 1\nb = 2\n"
    found["report"] = report(finding("NW302"))
    again = Mended(made.command)
    assert again.healthy((patch,))  # kept from before
    assert len(texts) == 1


def test_what_is_still_found_is_no_health(mended):
    made, patch, found, _ = mended
    found["report"] = report(finding("NW302"))
    made.begin((patch,))
    assert made.under_way
    assert not made.healthy((patch,))
    assert [f.code for f in made.left((patch,), {})] == ["NW302"]


def test_without_a_patch_there_is_no_mended_program(mended):
    made, patch, _, texts = mended
    treated = Treatment(remedy="r", title="t", codes=(), intervention=Intervention(name="argument"))
    assert not made.healthy((patch, treated))
    assert made.left((patch, treated), {}) is None
    assert texts == []
