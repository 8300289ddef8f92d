"""Re-runs for the search: how long each is, what is not run twice, and examinations of the mended program beside them."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from handmade import finding, report
from netwright.evidence import Where
from netwright.registry import find_rule
from netwright.remedies import Patch, Source, Treatment
from netwright.rerun import Command, Intervention, Trace
from netwright.rerun.cache import state_of
from netwright.surgery import examination, trials
from netwright.surgery.examination import Mended
from netwright.surgery.operation import operate
from netwright.surgery.proof import proof_of
from netwright.surgery.trials import Trials, cut_short, unfinished
from netwright.trial import Attempt, Cure
from netwright.trial.yardstick import Yardstick


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


def test_a_smaller_set_is_examined_in_place_of_one_that_is_under_way(mended):
    made, patch, found, texts = mended
    second = replace(patch, changes=(patch.source.replace(patch.source.statement(2), "b = 0"),))
    made.begin((patch, second))
    found["report"] = report(finding("NW302"))
    assert [f.code for f in made.left((patch,), {})] == ["NW302"]
    assert texts == ["a = 0\nb = 0\n", "a = 0\nb = 2\n"]
    assert not made.under_way


def test_without_a_patch_there_is_no_mended_program(mended):
    made, patch, _, texts = mended
    treated = Treatment(remedy="r", title="t", codes=(), intervention=Intervention(name="argument"))
    assert not made.healthy((patch, treated))
    assert made.left((patch, treated), {}) is None
    assert texts == []


def _cure(control, *attempts, yardstick=None):
    tried = tuple(Attempt(patches=(p,), trace=t, value=None, gain=0.0) for p, t in attempts)
    return Cure(
        yardstick=yardstick,
        control=Attempt(patches=(), trace=control, value=None, gain=0.0),
        attempts=tried,
    )


def _patch():
    source = Source(Path("train.py"), "a = 1\n")
    change = source.replace(source.statement(1), "a = 2")
    return Patch(
        remedy="other", title="t", codes=("NW305",), source=source, changes=(change,), bends_loss=True
    )


CUT = Trace(ended="steps", steps=20, wall_s=9.0)
JUDGED = ("test accuracy 0.7",)


def test_a_budget_that_ended_before_the_evaluation_names_one_that_would_do(started):
    make, seen = started
    whole = Trace(ended="finished", steps=400, wall_s=30.0, tail=JUDGED)
    made = make(lambda plan: CUT if plan.steps else whole)
    said = cut_short(made, _cure(CUT), [_patch()])
    assert "before the program's own evaluation" in said and "after 20 steps" in said
    # 14 re-runs two at a time and one to begin with, 30 s each with a third to spare and a second to end in.
    assert made.needs(30.0) == 340 and "takes 30 s, so --budget 340 would do" in said
    assert seen[-1][0].steps is None


@pytest.mark.parametrize(
    ("control", "whole", "said"),
    [
        (CUT, Trace(ended="killed", wall_s=40.0), "takes more than 40 s, so more than --budget 440"),
        (CUT, Trace(ended="killed", wall_s=2.0), "takes more than 9 s, so more than --budget 110"),
        (CUT, Trace(ended="finished", wall_s=30.0), ""),  # it tells nothing at its end either
        (CUT, Trace(ended="crashed", wall_s=30.0), ""),
        (Trace(ended="finished", wall_s=30.0), None, ""),
        (Trace(ended="crashed", wall_s=30.0), None, ""),
    ],
)
def test_what_a_longer_budget_would_not_change_or_is_not_known(started, control, whole, said):
    make, _ = started
    made = make(lambda plan: whole or control)
    found = cut_short(made, _cure(control), [_patch()])
    assert said in found and bool(said) == bool(found)


def test_a_re_run_that_the_budget_ended_says_nothing_of_its_remedy(started):
    make, seen = started
    patch, control = _patch(), Trace(ended="finished", steps=400, wall_s=10.0, tail=JUDGED)
    made = make(lambda plan: control)
    ran, yardstick = len(seen), Yardstick(name="accuracy", as_printed=True)
    ended = _cure(control, (patch, Trace(ended="killed")), yardstick=yardstick)
    assert unfinished(ended, patch)
    said = cut_short(made, ended, [patch])
    assert "the re-runs with other did" in said and "takes 10 s, so --budget 120 would do" in said
    for last in ("finished", "crashed"):
        known = _cure(
            control, (patch, Trace(ended="killed")), (patch, Trace(ended=last)), yardstick=yardstick
        )
        assert not unfinished(known, patch) and not cut_short(made, known, [patch])
    # Stopped at the same step as the others, and before its evaluation.
    assert unfinished(_cure(control, (patch, CUT), yardstick=yardstick), patch)
    judged = replace(CUT, tail=JUDGED)
    assert not unfinished(_cure(control, (patch, judged), yardstick=yardstick), patch)
    assert not unfinished(_cure(control, yardstick=yardstick), patch)
    assert len(seen) == ran


def test_an_operation_that_is_cut_short_tells_it_in_its_proof(tmp_path, monkeypatch):
    script = tmp_path / "train.py"
    script.write_text("loss = F.cross_entropy(net(x), y)\nprint('test accuracy', 0.7)\n")
    found = find_rule("NW305").found(
        "",
        where=Where(file=str(script), line=1),
        expected="",
        fix="",
        remedies=("loss-for-independent-labels",),
        labels_per_sample=1.7,
    )
    whole = iter(
        [Trace(ended="seconds", steps=20, wall_s=9.0), Trace(ended="finished", wall_s=30.0, tail=JUDGED)]
    )
    monkeypatch.setattr(
        trials, "rerun", lambda command, plans, **_: [CUT if p.steps else next(whole) for p in plans]
    )
    monkeypatch.setattr(trials, "workers", lambda most: 2)
    command = Command(target="train.py", folder=tmp_path, environment={})
    done = operate(command, report(found), budget=100.0, quiet=True)
    assert [p.remedy for p in done.tried] == ["loss-for-independent-labels"]
    assert done.cut_short.endswith("--budget 340 would do")
    assert proof_of(done).why == done.cut_short


def test_what_re_runs_are_forked_from_takes_none_of_their_time(tmp_path, monkeypatch):
    """The first began late and was cut; the same again is not."""
    now = [0.0]
    monkeypatch.setattr(trials.time, "monotonic", lambda: now[0])
    ran = []

    def rerun(command, plans, **_):
        ran.append(plans)
        now[0] += 12.0 if len(ran) == 1 else 4.0
        first = Trace(ended="seconds", steps=20, wall_s=2.0)
        return [first if len(ran) == 1 else Trace(ended="finished", steps=400, wall_s=4.0)]

    monkeypatch.setattr(trials, "rerun", rerun)
    monkeypatch.setattr(trials, "workers", lambda most: 2)
    command = Command(target="train.py", folder=tmp_path, environment={})
    made = Trials(command, together=(), sets=3, budget=100, seeds=5)
    assert (made.steps, made.start_s, len(ran)) == (None, 10.0, 2)
    assert made.needs(4.0) == 70  # 8 rounds of 6.4 s, and 10 s to begin with
