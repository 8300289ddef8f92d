"""An operation as the record that the report shows, and where it is kept."""

import io
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from handmade import finding, report
from netwright.diagnosis import Edit, Proved, Rehearsed, diagnose
from netwright.evidence import Where
from netwright.remedies import Patch, Source, Treatment
from netwright.rerun import Command, Intervention, Metric, Trace
from netwright.rerun.cache import state_of
from netwright.surgery import proof as proofs
from netwright.surgery.operation import Operation, by_rehearsal
from netwright.surgery.words import show
from netwright.trial import Attempt, Cure, Without
from netwright.trial.yardstick import Yardstick

SOURCE = Source(Path("/project/train.py"), "a = 1\nb = 2\nc = 3\nd = 4\n")


def place(line):
    return Where(file="/project/train.py", line=line)


FOUND = [finding(code, where=place(i)) for i, code in enumerate(("NW302", "NW408", "NW501", "NW999"), 1)]


def patch(line, *, codes=None):
    change = SOURCE.replace(SOURCE.statement(line), "x = 0")
    code = codes if codes is not None else (FOUND[line - 1].code,)
    return Patch(
        remedy=f"r{line}", title="t", codes=code, source=SOURCE, changes=(change,), where=place(line)
    )


A, B, C, S = patch(1), patch(2), patch(3), patch(4, codes=())


def attempt(value, *patches, files=None):
    return Attempt(
        patches=patches, trace=Trace(ended="finished", files=files or {}), value=value, gain=value - 0.1
    )


def command(folder):
    return Command(target="train.py", folder=folder, environment=dict(os.environ))


def operation(folder, cure, **given):
    return Operation(
        command=command(folder),
        report=report(*FOUND),
        nominated=[[A], [B], [C]],
        standard=[S],
        refused=[Edit(name="r9", title="t", codes=("NW302",), where=place(1), why="it does not hold")],
        budget_s=60,
        cure=cure,
        **given,
    )


def healed(**given):
    return Cure(
        yardstick=Yardstick(name="accuracy"),
        control=attempt(0.1),
        attempts=(
            attempt(0.9, A, B, C),
            attempt(0.6, A),
            attempt(0.1, B),
            attempt(0.1, C),
            attempt(0.95, A, B),
            attempt(0.5, A, B, S),
        ),
        patches=(A, B),
        not_needed=(C,),
        before=(0.1,) * 5,
        after=(0.9,) * 5,
        p=1 / 32,
        luck=0.0,
        **given,
    )


def test_each_remedy_has_what_it_does_alone_and_what_the_others_do_without_it(tmp_path):
    made = proofs.proof_of(operation(tmp_path, healed(), left=()))
    known = {e.name: e for e in made.edits}
    assert [known[n].proved for n in ("r1", "r2", "r3", "r4")] == [
        Proved.PROVEN,
        Proved.PROVEN,
        Proved.NO_HELP,
        Proved.NO_HELP,
    ]
    assert (known["r1"].alone, known["r1"].without) == (0.6, 0.1)
    assert (known["r2"].alone, known["r2"].without) == (0.1, 0.6)
    assert known["r3"].alone == 0.1
    assert known["r9"].why == "it does not hold"
    assert [e.why for e in made.edits if e.codes == ("NW999",)] == ["netwright has no remedy for it"]
    assert (made.control, made.together, made.better, made.left) == (0.1, 0.95, 5, ())
    assert made.proven


def test_a_remedy_that_changes_nothing_is_none_that_did_not_help(tmp_path):
    cure = healed()
    cure = replace(
        cure,
        attempts=tuple(replace(a, void=a.patches == (C,)) for a in cure.attempts),
        dropped=(replace(attempt(0.1, S), void=True, steps=3, beside=0.1),),
        not_needed=(),
    )
    done = operation(tmp_path, cure, left=())
    made = proofs.proof_of(done)
    known = {e.name: e for e in made.edits}
    assert (known["r3"].proved, known["r4"].proved) == (Proved.NOT_TRIED, Proved.NOT_TRIED)
    assert known["r3"].why == "with r3 the re-run is the same to the last bit, so it does nothing here"
    show(done, made, console=Console(file=(out := io.StringIO()), width=250))
    assert out.getvalue().count("the same run to the last bit") == 2
    assert f"not tried: {known['r3'].why}" in out.getvalue()


def test_the_accuracy_stands_beside_the_balanced_one(tmp_path):
    def scored(made, accuracy):
        metric = Metric(step=1, name="accuracy", value=accuracy, samples=9, recall=made.value)
        return replace(made, trace=replace(made.trace, metrics=(metric,)))

    cure = healed()
    cure = replace(
        cure,
        yardstick=Yardstick(name="balanced accuracy"),
        control=scored(cure.control, 0.97),
        attempts=tuple(scored(a, 0.96) for a in cure.attempts),
    )
    done = operation(tmp_path, cure, left=())
    show(done, proofs.proof_of(done), console=Console(file=(out := io.StringIO()), width=250))
    rows = [line.split() for line in out.getvalue().splitlines()]
    assert ["as", "it", "is", "0.1", "(accuracy", "0.97)"] in rows
    assert ["r1", "0.6", "(accuracy", "0.96)"] in rows


def test_what_each_remedy_is_worth_over_the_seeds_is_said(tmp_path):
    without = (
        Without(patch=C, after=(0.9,) * 5, gains=(0.8,) * 5, needed=False),
        Without(patch=B, after=(0.2, 0.1), gains=(0.1, 0.0), needed=True),
        Without(patch=A, after=(0.2,), gains=(0.1,)),
    )
    done = operation(tmp_path, healed(without=without), left=())
    made = proofs.proof_of(done)
    assert [e.proved for e in made.edits if e.name in ("r1", "r2")] == [Proved.PROVEN] * 2
    (a,) = (e for e in made.edits if e.name == "r1")
    assert a.why == "there was no time to see whether it is as good without"
    show(done, made, console=Console(file=(out := io.StringIO()), width=250))
    said = out.getvalue()
    assert f"with the others only; {a.why}" in said
    assert "r3 (NW501): as good without it over 5 seeds" in said
    assert "r2: 0.15 without it (median over 2 seeds, better than as it is in 1)" in said
    assert "r1: there was no time to see over the seeds whether it is as good without" in said


def test_what_was_rehearsed_is_said_of_a_cause_that_was_not_tried(tmp_path):
    whole = operation(tmp_path, healed(), left=())
    found = [
        Rehearsed(remedy="r", codes=(f.code,), where=f.where, measure="loss", steps=40, batches=1, begins=2.0)
        for f in FOUND
    ]
    whole.report = replace(whole.report, rehearsed=tuple(found))
    console = Console(file=io.StringIO(), width=300)
    show(whole, proofs.proof_of(whole), console=console)
    lines = [line for line in console.file.getvalue().splitlines() if line.startswith("Rehearsed")]
    assert (
        len(lines) == 1 and "NW999 on copies of the weights, 40 steps on the recorded batch: loss" in lines[0]
    )


def test_standard_remedies_are_tried_in_the_order_of_their_rehearsals():
    remedies = [replace(S, remedy=name) for name in ("slower", "faster", "adam", "clip", "decay")]
    gains = {"slower": 2.0, "faster": 1.5, "clip": 0.5}
    rehearsed = [
        Rehearsed(remedy=n, measure="loss", begins=2.0, without=2.0, treated=t) for n, t in gains.items()
    ]
    rehearsed += [
        Rehearsed(remedy="adam", why="no time"),
        replace(rehearsed[0], remedy="decay", codes=("NW302",)),
    ]
    made = by_rehearsal(remedies, replace(report(*FOUND), rehearsed=tuple(rehearsed)))
    assert [p.remedy for p in made] == ["clip", "faster", "adam", "slower", "decay"]
    assert by_rehearsal(remedies, report(*FOUND)) == remedies


def test_one_edit_that_two_findings_nominate_is_tried_for_both(tmp_path):
    twin = replace(A, codes=("NW408",), where=place(2))
    whole = operation(tmp_path, replace(healed(), patches=(A,)))
    whole.nominated = [[A], [twin]]
    assert [e.proved for e in proofs.proof_of(whole).edits[:2]] == [Proved.PROVEN] * 2


def test_a_remedy_at_hooks_says_what_to_change_by_hand(tmp_path):
    at_hooks = {"call": "optimizer", "argument": "lr", "factor": 0.1, "file": "/project/train.py", "line": 2}
    treated = Treatment(
        remedy="smaller",
        title="Smaller",
        codes=B.codes,
        where=B.where,
        intervention=Intervention(name="argument", settings=at_hooks),
        why="not a number",
    )
    cure = replace(
        healed(), attempts=(attempt(0.9, A, treated), attempt(0.6, A)), patches=(A, treated), not_needed=()
    )
    whole = operation(tmp_path, cure)
    whole.nominated = [[A], [treated]]
    made = proofs.proof_of(whole)
    known = {e.name: e for e in made.edits}
    assert known["smaller"].proved is Proved.PROVEN
    assert (known["smaller"].without, known["smaller"].where) == (0.6, place(2))
    assert known["smaller"].by_hand == "Smaller at train.py:2 (0.1 times lr)"
    assert known["smaller"].why == "not a number"
    assert known["r1"].by_hand == ""
    assert made.together == 0.9
    assert {e.codes for e in made.edits if e.why == "netwright has no remedy for it"} == {
        ("NW501",),
        ("NW999",),
    }


def test_what_could_not_be_tried_with_others_says_why(tmp_path):
    cure = replace(healed(), attempts=(attempt(0.6, A),), patches=(A,), refused=("r2: r1 is at its place",))
    known = {e.name: e for e in proofs.proof_of(operation(tmp_path, cure)).edits}
    assert (known["r2"].proved, known["r2"].why) == (Proved.NOT_TRIED, "r2: r1 is at its place")
    assert known["r3"].why == "its turn did not come"


def test_what_was_given_up_early_says_what_it_had_reached(tmp_path):
    early = replace(attempt(0.2, S), steps=25, beside=0.3)
    cure = replace(healed(), attempts=(attempt(0.6, A),), patches=(A,), dropped=(early,))
    known = {e.name: e for e in proofs.proof_of(operation(tmp_path, cure)).edits}
    assert (known["r4"].proved, known["r4"].alone) == (Proved.NO_HELP, None)
    assert known["r4"].why == "0.2 after 25 steps, and 0.3 as it is by then"


def test_a_proof_that_was_broken_off_says_why(tmp_path):
    broken = replace(healed(), before=(0.1, 0.1), after=(0.9, 0.1), p=0.5, futile=True)
    whole = operation(tmp_path, broken)
    made = proofs.proof_of(whole)
    assert (made.before, made.after, made.better) == ((0.1, 0.1), (0.9, 0.1), 1)
    assert "after 2 of 5 seeds" in made.why
    console = Console(file=io.StringIO(), width=200)
    show(whole, made, console=console)
    assert "after 2 of 5 seeds" in console.file.getvalue()


def test_a_gain_short_of_a_proof_is_called_help(tmp_path):
    made = proofs.proof_of(operation(tmp_path, replace(healed(), p=0.5)))
    assert [e.proved for e in made.cure] == [Proved.HELPED] * 2
    assert not made.proven


def test_seeds_that_did_not_run_are_none(tmp_path):
    late = replace(healed(), before=(None,) * 5, after=(None,) * 5, p=1.0, luck=None)
    made = proofs.proof_of(operation(tmp_path, late))
    assert (made.before, made.after, made.p) == ((), (), None)


@pytest.mark.parametrize(
    ("cure", "given", "why"),
    [
        (Cure(yardstick=None, control=attempt(0.1)), {}, "nothing that the program computes"),
        (Cure(yardstick=None, control=attempt(0.1)), {"cut_short": "the budget ended"}, "the budget ended"),
        (None, {"interrupted": True}, "interrupted"),
        (None, {}, "no remedy of netwright's holds"),
    ],
)
def test_where_nothing_was_judged_the_reason_stands(tmp_path, cure, given, why):
    made = proofs.proof_of(operation(tmp_path, cure, **given))
    assert made.yardstick == ""
    assert why in made.why
    assert {e.proved for e in made.edits} == {Proved.NOT_TRIED}


def test_a_budget_that_was_too_short_to_tell_stands_in_place_of_a_proof(tmp_path):
    """A remedy whose re-runs it ended is none that did not help."""
    ended = replace(attempt(0.0, A), trace=Trace(ended="killed"), value=None)
    cure = replace(healed(), attempts=(ended, attempt(0.1, B)), patches=(), before=(), after=(), p=None)
    whole = operation(tmp_path, cure, cut_short="too short; --budget 70 would do")
    made = proofs.proof_of(whole)
    known = {e.name: e for e in made.edits}
    assert (known["r1"].proved, known["r1"].why) == (
        Proved.NOT_TRIED,
        "the budget ended before its re-run did",
    )
    assert known["r2"].proved is Proved.NO_HELP
    diagnosis = diagnose(FOUND, proof=made, command="train.py")
    assert diagnosis.unexplained == ("too short; --budget 70 would do",)
    assert diagnosis.next is None
    console = Console(file=io.StringIO(), width=300)
    show(whole, made, console=console)
    assert "--budget 70 would do" in console.file.getvalue()
    assert "nothing that was tried made it better" not in console.file.getvalue()


@pytest.fixture
def kept(tmp_path):
    """A folder with a program, what it reads, and a proof of it."""
    (tmp_path / "train.py").write_text("train")
    data = tmp_path / "data.csv"
    data.write_text("1,2")
    cure = replace(healed(), control=attempt(0.1, files={str(data): state_of(str(data))}))
    return tmp_path, proofs.keep(operation(tmp_path, cure))


def test_a_proof_is_found_again_by_the_same_program(kept):
    folder, made = kept
    assert proofs.recall(command(folder)) == made
    assert proofs.recall(replace(command(folder), target="./train.py")) == made
    assert (folder / ".netwright" / ".gitignore").read_text() == "*\n"


@pytest.mark.parametrize("changed", ["train.py", "data.csv"])
def test_a_proof_is_none_of_a_program_or_of_data_that_changed(kept, changed):
    folder, _ = kept
    (folder / changed).write_text("other")
    assert proofs.recall(command(folder)) is None


def test_a_proof_is_none_of_other_arguments_or_another_environment(kept):
    folder, _ = kept
    assert proofs.recall(replace(command(folder), argv=("--epochs", "3"))) is None
    assert proofs.recall(replace(command(folder), environment={**os.environ, "RATE": "3"})) is None
    passing = {**os.environ, "COLUMNS": "33"}
    assert proofs.recall(replace(command(folder), environment=passing)) is not None


def test_a_proof_that_cannot_be_read_is_none(kept):
    folder, _ = kept
    (file,) = (folder / ".netwright" / "proofs").iterdir()
    for text in ("{", "[]", json.dumps({"files": {}, "proof": {"edits": [{"odd": 1}]}})):
        file.write_text(text)
        assert proofs.recall(command(folder)) is None


def test_what_was_interrupted_is_not_kept(tmp_path):
    (tmp_path / "train.py").write_text("train")
    proofs.keep(operation(tmp_path, healed(), interrupted=True))
    assert proofs.recall(command(tmp_path)) is None


def test_trials_are_made_only_where_the_proof_does_not_cover_what_is_found(kept, monkeypatch):
    folder, made = kept
    ran = []

    def operate(command, report, *, budget, stream, quiet):
        ran.append(budget)
        return operation(folder, healed())

    monkeypatch.setattr(proofs, "operate", operate)
    given = {"budget": 30, "stream": None, "quiet": True}
    assert proofs.prove(command(folder), report(*FOUND), **given) == made
    assert ran == []
    proofs.prove(command(folder), report(*FOUND, finding("NW101", where=place(7))), **given)
    assert ran == [30]
