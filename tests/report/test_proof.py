"""A proof in the report: the first sentence, the terminal, the page, and saved and read again."""

import io
import json
from dataclasses import replace

import jsonschema
import pytest

from handmade import evidence, finding, report, where
from netwright.diagnosis import Edit, Left, Proof, Proved
from netwright.engine import Checked, State
from netwright.evidence import Program
from netwright.report.build import diagnosed
from netwright.report.html import to_html
from netwright.report.json import from_json, pictures_to_json, schema, to_json
from netwright.report.terminal import show
from netwright.report.words import headline
from netwright.rule import Kind, Severity

FIRST, SECOND = finding("NW302", where=where(24)), finding("NW408", where=where(35))
RATE = finding("NW501", kind=Kind.HYPERPARAMETER, severity=Severity.WARNING, where=where(40))


def edit(of, proved, **given):
    name = f"mend-{of.code.lower()}"
    return Edit(name=name, title=name, codes=(of.code,), where=of.where, proved=proved, **given)


PROVEN = Proof(
    yardstick="accuracy",
    edits=(
        edit(FIRST, Proved.PROVEN, alone=0.64, without=0.11),
        edit(SECOND, Proved.PROVEN, alone=0.11, without=0.64),
        edit(RATE, Proved.NO_HELP, alone=0.12),
        Edit(name="adam", title="Adam", proved=Proved.NO_HELP),
    ),
    control=0.1,
    together=0.97,
    before=(0.1, 0.12, 0.11, 0.1, None),
    after=(0.96, 0.97, 0.98, 0.97, 0.97),
    better=5,
    p=1 / 32,
    luck=0.01,
    left=(),
)


def made(*findings, **changes):
    program = replace(evidence()[Program], command="train.py --epochs 3")
    return report(*findings, program=program, **changes)


def said(made, **options):
    stream = io.StringIO()
    show(made, stream=stream, **options)
    return " ".join(stream.getvalue().split())


def judged(made, *codes):
    """The same report with these rules passed."""
    more = tuple(Checked(code=c, name="x", state=State.PASSED) for c in codes)
    return replace(made, checked=more)


def test_the_first_sentence_counts_what_is_proven_and_says_which_kind_it_is_not():
    proven = diagnosed(judged(made(FIRST, SECOND), "NW101", "NW501"), PROVEN)
    assert headline(proven) == (
        "train.py does not train as it should because of 2 bugs in the program, proven by training without them (not data, not hyper-parameters)"
    )
    unproven = diagnosed(judged(made(FIRST, SECOND), "NW101", "NW501"))
    assert headline(unproven).endswith(
        "because of 2 bugs in the program (nothing was found in the data or in the settings)"
    )
    assert "(" not in headline(diagnosed(judged(made(FIRST), "NW302")))


def test_settings_that_make_up_for_a_fault_are_not_called_the_cause():
    settings = tuple(Edit(name=n, title=n, proved=Proved.PROVEN) for n in ("adam", "clip-at-1"))
    refused = edit(FIRST, Proved.NOT_TRIED, why="it does not hold")
    still = Left(code=FIRST.code, name=FIRST.name, kind=FIRST.kind)
    known = replace(PROVEN, edits=(*settings, refused), left=(still,))
    assert headline(diagnosed(made(FIRST), known)) == (
        "train.py does not train as it should: 2 other settings make it better, proven by training with them, and 1 bug in the program is still there"
    )
    # What a symptom was is gone with them, or what is left was tried as well.
    for left, first in (((), refused), ((still,), edit(FIRST, Proved.PROVEN))):
        gone = replace(known, edits=(*settings, first), left=left)
        assert "because of" in headline(diagnosed(made(FIRST), gone))


def test_a_crash_whose_remedy_is_proven_is_told_by_its_proof():
    crash = finding("NW901", where=where(9))
    assert "stops with an error" in headline(made(crash))
    known = Proof(yardstick="accuracy", edits=(edit(crash, Proved.PROVEN),))
    assert headline(diagnosed(made(crash), known)).endswith(
        "1 bug in the program, proven by training without it"
    )


def test_the_terminal_ranks_by_proof_and_gives_its_numbers():
    text = said(diagnosed(made(RATE, FIRST, SECOND), PROVEN))
    assert text.index("1 NW302") < text.index("2 NW408") < text.index("3 NW501")
    for part in (
        "proof proven: accuracy 0.64 with mend-nw302 alone, 0.11 with the others only",
        "proof tried and not needed: as good without mend-nw501 (accuracy 0.12 with mend-nw501 alone)",
        "Proof same program, seeds and data, to their own end: accuracy 0.105 -> 0.97 with 1 and 2 (medians of 5 seeds, better in 5, p = 0.031; two seeds of the program as it is differ by 0.01)",
        "with its own seed: accuracy 0.1 as it is, 0.97 with 1 and 2; 0.64 with 1 alone; 0.11 with 2 alone",
        "No help adam",
        "Patch netwright fix --write train.py --epochs 3",
    ):
        assert part in text


def test_without_trials_the_terminal_says_how_to_prove_and_what_to_measure():
    text = said(made(FIRST, SECOND))
    assert "Proof not proven: netwright fix train.py --epochs 3 tells which of these causes it is" in text
    assert "Next" not in text
    text = said(made(FIRST, RATE))
    assert "Proof not proven: netwright fix train.py --epochs 3 tries the remedies" in text
    assert (
        "Next netwright check --only range-test train.py --epochs 3 tells which learning rates train" in text
    )
    assert "not proven" not in said(report(FIRST))  # not started by netwright: there is no command


def test_what_is_proven_without_an_edit_is_told_as_work_by_hand():
    hand = {"by_hand": "Weaker decay at train.py:35 (0.1 times weight_decay)", "why": "it is no number"}
    first, second, *_ = PROVEN.edits
    both = replace(PROVEN, edits=(first, replace(second, **hand)), left=None)
    line = "By hand Weaker decay at train.py:35 (0.1 times weight_decay): tried without an edit of the source (it is no number), so no patch has it"
    for made_of, patch in ((both, True), (replace(both, edits=both.edits[1:]), False)):
        whole = diagnosed(made(SECOND, *([FIRST] if patch else [])), made_of)
        assert ("Patch netwright fix --write train.py --epochs 3" in said(whole)) == patch
        assert line in said(whole)
        assert "proven by training without" in headline(whole)
        page = to_html(whole)
        assert ("netwright fix --write" in page) == patch
        assert hand["by_hand"] in page
        assert from_json(to_json(whole)).diagnosis == whole.diagnosis
    helped = diagnosed(made(SECOND), replace(both, edits=(replace(both.edits[1], proved=Proved.HELPED),)))
    assert "By hand" not in said(helped)


def test_a_gain_without_proof_is_not_called_one():
    helped = Proof(
        yardstick="accuracy", edits=(edit(FIRST, Proved.HELPED, alone=0.3),), control=0.1, together=0.3
    )
    mended = diagnosed(made(FIRST), helped)
    text = said(mended)
    assert "no time for more seeds: not proven" in text
    assert "Patch" not in text
    assert "proven by training" not in headline(mended)


def test_where_nothing_helped_the_terminal_says_so():
    idle = Proof(yardstick="accuracy", edits=(edit(FIRST, Proved.NO_HELP, alone=0.1),), control=0.1)
    text = said(diagnosed(made(FIRST), idle))
    assert "tried and did not help: accuracy 0.1 with mend-nw302 alone (0.1 as it is)" in text
    assert "Open nothing that was tried made it better" in text


@pytest.mark.parametrize("proof", [None, PROVEN, Proof(why="nothing tells")])
def test_saved_and_read_again_it_says_the_same(proof):
    left = Left(code="NW501", name="rate", kind=Kind.HYPERPARAMETER, where=where(3))
    whole = diagnosed(made(RATE, FIRST, SECOND), proof and replace(proof, left=(left,)))
    text = to_json(whole)
    jsonschema.validate(json.loads(text), schema(), jsonschema.Draft202012Validator)
    back = from_json(text, pictures_to_json(whole.pictures))
    assert back.diagnosis == whole.diagnosis
    assert said(back) == said(whole)
    assert to_html(back) == to_html(whole)


def test_a_report_from_before_there_was_a_diagnosis_can_be_read():
    data = json.loads(to_json(made(FIRST)))
    del data["diagnosis"]
    old = from_json(json.dumps(data))
    assert old.diagnosis is None
    assert "NW302" in said(old)
    assert "NW302" in to_html(old)


def test_the_page_shows_causes_numbers_and_pictures():
    page = to_html(diagnosed(made(RATE, FIRST, SECOND), PROVEN))
    assert 'href="#finding-1"' in page
    assert "mend-nw302" in page
    assert "accuracy with each change" in page
    assert "accuracy by seed" in page
    assert "netwright fix --write train.py --epochs 3" in page
    assert "accuracy by seed" not in to_html(made(FIRST))
