from handmade import checked, evidence, finding, report, rule, where
from netwright.engine import Judgement, NotApplicable, State
from netwright.evidence import Crash, Program
from netwright.report import build_report
from netwright.report.build import arrange
from netwright.rule import Kind, Severity


def codes(findings):
    return [f.code for f in findings]


def test_gravest_first_then_kind_then_confidence():
    found = [
        finding("NW501", severity=Severity.ERROR, kind=Kind.HYPERPARAMETER),
        finding("NW101", severity=Severity.WARNING, kind=Kind.DATA),
        finding("NW102", severity=Severity.ERROR, kind=Kind.DATA),
        finding("NW408", confidence=0.6),
        finding("NW302", confidence=0.9),
        finding("NW901"),
        finding("NW001", severity=Severity.INFO),
    ]
    assert codes(arrange(found, ())) == ["NW901", "NW302", "NW408", "NW102", "NW501", "NW101", "NW001"]


def test_what_a_finding_explains_goes_beneath_it():
    found = [finding("NW301"), finding("NW302"), finding("NW204")]
    arranged = arrange(found, [rule("NW302", "NW301")])
    assert codes(arranged) == ["NW204", "NW302"]
    assert codes(arranged[1].consequences) == ["NW301"]


def test_explanations_chain_through_findings_that_are_there():
    rules = [rule("NW101", "NW301"), rule("NW301", "NW406")]
    (top,) = arrange([finding("NW406"), finding("NW301"), finding("NW101")], rules)
    assert top.code == "NW101"
    assert sorted(codes(top.consequences)) == ["NW301", "NW406"]
    assert codes(arrange([finding("NW406"), finding("NW101")], rules)) == ["NW101", "NW406"]


def test_two_that_explain_each_other_keep_one_on_top():
    rules = [rule("NW201", "NW202"), rule("NW202", "NW201")]
    (top,) = arrange([finding("NW202"), finding("NW201")], rules)
    assert (top.code, codes(top.consequences)) == ("NW201", ["NW202"])


def test_a_harmless_finding_explains_no_harm():
    found = [finding("NW302", severity=Severity.INFO), finding("NW301", severity=Severity.WARNING)]
    assert codes(arrange(found, [rule("NW302", "NW301")])) == ["NW301", "NW302"]


def test_a_consequence_goes_to_the_cause_on_its_own_line():
    causes = [finding("NW302", where=where(1)), finding("NW302", where=where(2))]
    arranged = arrange([*causes, finding("NW301", where=where(2))], [rule("NW302", "NW301")])
    assert [codes(f.consequences) for f in arranged] == [[], ["NW301"]]


def test_a_warning_that_explains_an_error_ranks_as_the_error():
    found = [finding("NW204"), finding("NW101", severity=Severity.WARNING), finding("NW414")]
    arranged = arrange(found, [rule("NW101", "NW414")])
    assert codes(arranged) == ["NW101", "NW204"]


def test_repetitions_are_dropped():
    twice = [finding(where=where(3)), finding(where=where(3)), finding(where=where(3).on(parameter="w"))]
    assert len(arrange(twice, ())) == 2


def test_findings_without_a_place_are_told_apart_by_what_they_say():
    nowhere = [finding(where=where(None, file=None), message=m) for m in ("a", "b", "a")]
    assert len(arrange(nowhere, ())) == 2


def test_verdicts():
    assert report().verdict == "healthy"
    assert report(finding(severity=Severity.INFO)).verdict == "healthy"
    assert report(finding(severity=Severity.WARNING)).verdict == "sick"
    nothing = build_report(Judgement(findings=(), checked=()), {Program: Program(script="a.py")})
    assert nothing.verdict == "cannot tell"


def test_a_crash_no_rule_explains_is_noted():
    crash = Crash(type="ValueError", message="no", where=where(7))
    judgement = Judgement(findings=(), checked=())
    made = build_report(judgement, {Program: Program(script="a.py"), Crash: crash})
    assert "ValueError at train.py:7" in made.notes[0]


def test_broken_rules_are_noted_with_their_traces():
    judgement = Judgement(findings=(), checked=checked(State.BROKEN), traces=("Traceback", "Traceback"))
    made = build_report(judgement, evidence())
    assert made.notes[0].startswith("NW000: NW100 rule-0")
    assert made.traces == ("Traceback",)


def test_evidence_that_is_not_there_is_left_out():
    made = build_report(Judgement(findings=(), checked=()), {k: NotApplicable("no") for k in evidence()})
    assert made.pictures is not None
    assert made.pictures.inputs is None
    assert made.task is None
