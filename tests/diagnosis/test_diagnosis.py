"""What follows from findings and trials: order, kinds, what is ruled out, what stays open, what to measure next."""

from handmade import finding, where
from netwright.diagnosis import Edit, Left, Proof, Proved, diagnose, ranked
from netwright.rule import Kind, Severity

BUG = finding("NW302", where=where(1))
DATA = finding("NW101", kind=Kind.DATA, where=where(2))
RATE = finding("NW501", kind=Kind.HYPERPARAMETER, severity=Severity.WARNING, where=where(3))
HINT = finding("NW001", severity=Severity.INFO, where=where(4))
EVERY = frozenset(Kind)


def edit(of, proved, name="remedy", **given):
    return Edit(name=name, title=name, codes=(of.code,), where=of.where, proved=proved, **given)


def proof(*edits, **given):
    return Proof(**{"yardstick": "accuracy", "edits": edits, "budget_s": 100, **given})


def codes(found):
    return [f.code for f in found]


def test_nothing_is_wrong_with_what_is_only_worth_knowing():
    assert diagnose([HINT]) is None
    assert diagnose([]) is None


def test_without_trials_the_order_stays_and_nothing_is_proven():
    made = diagnose([BUG, DATA, RATE, HINT])
    assert codes(made.causes) == ["NW302", "NW101", "NW501"]
    assert {c.proved for c in made.causes} == {Proved.NOT_TRIED}
    assert (made.kind, made.others) == (Kind.BUG, (Kind.DATA, Kind.HYPERPARAMETER))
    assert made.unexplained == ()


def test_what_is_proven_comes_first_and_what_did_not_help_last():
    known = proof(edit(BUG, Proved.NO_HELP), edit(RATE, Proved.PROVEN, alone=0.9))
    found = ranked([BUG, DATA, RATE, HINT], known)
    assert codes(found) == ["NW501", "NW101", "NW302", "NW001"]
    made = diagnose(found, proof=known)
    assert codes(made.causes) == ["NW501", "NW101", "NW302"]
    assert made.causes[0].alone == 0.9
    assert made.causes[1].why == "it was not found when the remedies were tried"
    assert (made.kind, made.others) == (Kind.HYPERPARAMETER, (Kind.DATA,))  # the bug makes no difference


def test_a_cause_has_the_proof_of_what_follows_from_it():
    top = BUG.under([DATA])
    made = diagnose([top], proof=proof(edit(DATA, Proved.PROVEN)))
    assert made.causes[0].proved is Proved.PROVEN
    own = diagnose([top], proof=proof(edit(BUG, Proved.NO_HELP), edit(DATA, Proved.PROVEN)))
    assert own.causes[0].proved is Proved.NO_HELP


def test_findings_of_one_rule_are_told_apart_by_their_lines():
    other = finding("NW302", where=where(9))
    made = diagnose([BUG, other], proof=proof(edit(other, Proved.PROVEN)))
    assert [c.proved for c in made.causes] == [Proved.NOT_TRIED, Proved.PROVEN][::-1]
    assert made.causes[0].where.line == 9


def test_a_setting_that_no_rule_names_is_a_cause_when_its_change_helps():
    adam = Edit(name="adam", title="Adam", proved=Proved.PROVEN, alone=0.9)
    idle = Edit(name="clip", title="Clip", proved=Proved.NO_HELP)
    made = diagnose([BUG], proof=proof(edit(BUG, Proved.NO_HELP), adam, idle))
    assert [(c.code, c.name, c.kind) for c in made.causes] == [
        ("", "adam", Kind.HYPERPARAMETER),
        ("NW302", BUG.name, Kind.BUG),
    ]
    assert made.kind is Kind.HYPERPARAMETER


def test_a_kind_is_ruled_out_only_where_its_rules_judged_and_nothing_was_found():
    assert diagnose([BUG], judged=EVERY).excluded == (Kind.DATA, Kind.HYPERPARAMETER)
    assert diagnose([BUG], judged={Kind.DATA}).excluded == (Kind.DATA,)
    hint = finding("NW116", kind=Kind.DATA, severity=Severity.INFO)
    assert diagnose([BUG, hint], judged=EVERY).excluded == (Kind.HYPERPARAMETER,)


def test_after_a_proof_a_kind_is_ruled_out_only_where_the_mended_program_has_none_of_it():
    healed = edit(BUG, Proved.PROVEN)
    left = Left(code="NW501", name="x", kind=Kind.HYPERPARAMETER)
    assert diagnose([BUG], proof=proof(healed), judged=EVERY).excluded == ()  # it was not examined again
    assert diagnose([BUG], proof=proof(healed, left=(left,)), judged=EVERY).excluded == (Kind.DATA,)
    clean = diagnose([BUG], proof=proof(healed, left=()), judged=EVERY)
    assert clean.excluded == (Kind.DATA, Kind.HYPERPARAMETER)


def following(*findings, known=None, done=(), hopeless=(), command="train.py --epochs 3"):
    made = diagnose(findings, proof=known, done=done, hopeless=hopeless, command=command).next
    return made.command if made is not None else None


def test_of_two_kinds_the_cheapest_experiment_that_tells_them_apart_is_next():
    assert following(BUG, DATA) == "netwright check --only overfit-batch train.py --epochs 3"
    assert following(BUG, RATE) == "netwright check --only range-test train.py --epochs 3"
    assert following(BUG, DATA, done=["overfit-batch"]).startswith("netwright check --only simple-models")
    assert following(BUG, DATA, done=["overfit-batch"], hopeless=["simple-models"]).startswith(
        "netwright fix"
    )


def test_of_one_kind_trials_tell_which_cause_it_is():
    assert following(BUG, finding("NW408")) == "netwright fix train.py --epochs 3"
    assert following(BUG) == "netwright fix train.py --epochs 3"


def test_a_program_that_cannot_be_started_anew_gets_no_command():
    assert following(BUG, command="") is None


def test_nothing_is_left_to_measure_when_the_mended_program_is_clean():
    assert following(BUG, known=proof(edit(BUG, Proved.PROVEN), left=())) is None


def test_what_the_mended_program_still_has_is_open():
    left = Left(code="NW501", name="rate", kind=Kind.HYPERPARAMETER, where=where(3))
    known = proof(edit(BUG, Proved.PROVEN), left=(left,))
    made = diagnose([BUG], proof=known, command="train.py")
    assert made.unexplained == ("NW501 rate at train.py:3 is still found in the mended program",)
    assert made.next.command == "netwright fix --write train.py"


def test_a_gain_that_is_not_proven_wants_more_seeds_and_more_time():
    helped = edit(BUG, Proved.HELPED)
    assert following(BUG, known=proof(helped)) == "netwright fix --budget 300 train.py --epochs 3"
    tried = proof(helped, before=(0.1,) * 5, after=(0.2,) * 5)
    assert following(BUG, known=tried) == "netwright fix --seeds 10 --budget 300 train.py --epochs 3"


def test_where_nothing_helped_that_is_said_and_something_else_measured():
    known = proof(edit(BUG, Proved.NO_HELP), edit(DATA, Proved.NO_HELP))
    made = diagnose([BUG, DATA], proof=known, command="train.py", done=["overfit-batch", "simple-models"])
    assert "nothing that was tried made it better" in made.unexplained[0]
    assert made.next.command == "netwright check --only seeds train.py"
    assert (made.kind, made.others) == (Kind.BUG, (Kind.DATA,))
    assert following(BUG, known=proof(edit(BUG, Proved.NO_HELP)), done=["seeds", "learning-curve"]) is None


def test_where_nothing_could_be_judged_the_reason_stands():
    made = diagnose([BUG], proof=proof(edit(BUG, Proved.NOT_TRIED), yardstick="", why="no metric"))
    assert made.unexplained == ("no metric",)
    assert made.next is None
