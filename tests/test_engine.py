import weakref
from dataclasses import dataclass

import pytest

from netwright.engine import Broken, State, judge, measure
from netwright.rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold, override_thresholds


@dataclass(frozen=True)
class Raw:
    value: int


@dataclass(frozen=True)
class Double:
    value: int


@dataclass(frozen=True)
class Sum:
    value: int


def double(raw: Raw) -> Double:
    return Double(2 * raw.value)


def add(raw: Raw, twice: Double) -> Sum:
    return Sum(raw.value + twice.value)


def make(function, **changes) -> Rule:
    made = Rule(
        **{"code": "NW302", "name": "a-rule", "severity": Severity.ERROR, "kind": Kind.BUG, **changes}
    )
    made.check(function)
    return made


def say(rule: Rule, **changes) -> Finding:
    return rule.found("message", **{"expected": "e", "fix": "f", **changes})


def test_evidence_is_measured_once_in_order():
    calls = []

    def counted(raw: Raw) -> Double:
        calls.append(raw)
        return double(raw)

    have = measure([Sum, Double], {Raw: Raw(3)}, [add, counted])
    assert have[Sum] == Sum(9)
    assert len(calls) == 1


def test_nothing_is_measured_that_is_not_asked_for():
    def never(raw: Raw) -> Double:
        pytest.fail("nobody asked")

    assert measure([], {Raw: Raw(3)}, [never]) == {Raw: Raw(3)}


def test_what_is_given_is_not_measured():
    assert measure([Sum], {Raw: Raw(3), Double: Double(10)}, [add, double])[Sum] == Sum(13)


def test_reasons_for_absence_propagate():
    def shy(raw: Raw) -> Double:
        raise NotApplicable("inputs are integers")

    have = measure([Sum], {Raw: Raw(3)}, [add, shy])
    assert str(have[Sum]) == "inputs are integers"


def test_what_nothing_measures_is_named():
    assert "Raw" in str(measure([Sum], {}, [add, double])[Sum])


def test_a_probe_that_fails_is_kept_apart():
    def failing(raw: Raw) -> Double:
        raise ZeroDivisionError("oh")

    broken = measure([Sum], {Raw: Raw(3)}, [add, failing])[Sum]
    assert isinstance(broken, Broken)
    assert "ZeroDivisionError: oh" in str(broken)
    assert "failing" in broken.trace


def test_a_cycle_of_probes_is_our_own_mistake():
    def forth(twice: Double) -> Sum:
        return Sum(1)

    def back(total: Sum) -> Double:
        return Double(1)

    with pytest.raises(ValueError, match="cycle"):
        measure([Sum], {}, [forth, back])


def ended(function, evidence, **options):
    judgement = judge([make(function)], evidence, **options)
    (end,) = judgement.checked
    return end.state, end.reason, judgement


def test_each_of_the_states():
    rule = make(lambda: None)

    def fires(raw: Raw) -> Finding:
        return say(rule)

    def passes(raw: Raw) -> None:
        return None

    def abstains(raw: Raw) -> None:
        raise NotApplicable("no classes")

    def breaks(raw: Raw) -> None:
        raise KeyError("x")

    have = {Raw: Raw(1)}
    assert ended(fires, have)[0] is State.FIRED
    assert ended(passes, have)[0] is State.PASSED
    assert ended(abstains, have)[:2] == (State.NOT_APPLICABLE, "no classes")
    state, reason, judgement = ended(breaks, have)
    assert (state, reason) == (State.BROKEN, "KeyError: 'x'")
    assert "breaks" in judgement.traces[0]
    assert ended(fires, have, ignore={"NW302": "by you"})[:2] == (State.IGNORED, "by you")
    assert ended(fires, {})[:2] == (State.NOT_APPLICABLE, "nothing here measures Raw")
    assert ended(fires, {Raw: NotApplicable("why")})[:2] == (State.NOT_APPLICABLE, "why")
    assert ended(fires, {Raw: Broken("why", "trace")})[:2] == (State.BROKEN, "why")


def test_evidence_that_a_rule_can_do_without():
    seen = []

    def check(raw: Raw, twice: Double | None) -> None:
        seen.append((raw, twice))

    assert make(check).needs == {"raw": Raw, "twice": Double}
    assert make(check).optional == {"twice"}
    for there, given in [
        ({}, None),
        ({Double: NotApplicable("why")}, None),
        ({Double: Double(2)}, Double(2)),
    ]:
        assert ended(check, {Raw: Raw(1), **there})[0] is State.PASSED
        assert seen.pop() == (Raw(1), given)
    assert ended(check, {Raw: Raw(1), Double: Broken("why", "trace")})[0] is State.BROKEN
    assert ended(check, {Double: Double(2)})[0] is State.NOT_APPLICABLE
    assert not seen


def test_one_broken_rule_leaves_the_others():
    def breaks() -> None:
        raise KeyError("x")

    fine = make(lambda: None, code="NW303", name="b-rule")
    judgement = judge([make(breaks), fine], {})
    assert [c.state for c in judgement.checked] == [State.BROKEN, State.PASSED]


def test_several_findings_and_the_users_severity():
    rule = make(lambda: None)

    def twice() -> list[Finding]:
        return [say(rule), say(rule)]

    judgement = judge([make(twice)], {}, severity={"NW302": Severity.INFO})
    assert [f.severity for f in judgement.findings] == [Severity.INFO] * 2


def test_a_finding_carries_its_card_and_its_numbers():
    found = say(make(lambda: None), ratio=3.5, severity=Severity.INFO)
    assert (found.code, found.name, found.kind, found.severity) == (
        "NW302",
        "a-rule",
        Kind.BUG,
        Severity.INFO,
    )
    assert found.measured == {"ratio": 3.5}


def test_thresholds_and_the_users_own():
    rule = make(lambda: None, thresholds={"limit": Threshold(value=3, unit="std", source="s")})
    assert rule["limit"] == 3
    try:
        override_thresholds({("NW302", "limit"): 5})
        assert rule["limit"] == 5
    finally:
        override_thresholds({})
    assert rule["limit"] == 3
    with pytest.raises(KeyError):
        rule["other"]


@pytest.mark.parametrize("absent", [None, NotApplicable("not asked for")])
def test_a_rule_goes_without_evidence_that_it_marks_as_optional(absent):
    seen = []

    def check(raw: Raw, twice: Double | None):
        seen.append((raw, twice))

    rule = make(check)
    assert rule.needs == {"raw": Raw, "twice": Double}
    assert rule.optional == {"twice"}
    (checked,) = judge([rule], {Raw: Raw(3), Double: absent}).checked
    assert checked.state is State.PASSED
    judge([rule], {Raw: Raw(3), Double: Double(6)})
    assert seen == [(Raw(3), None), (Raw(3), Double(6))]


def test_optional_evidence_does_not_make_the_rest_optional():
    def check(raw: Raw, twice: Double | None):
        pytest.fail("Raw is not there")

    (checked,) = judge([make(check)], {Raw: NotApplicable("no step"), Double: Double(6)}).checked
    assert (checked.state, checked.reason) == (State.NOT_APPLICABLE, "no step")


def test_a_reason_that_is_kept_holds_no_variables_of_whoever_was_running():
    class Batch:
        pass

    def program():
        batch = Batch()
        seen.append(weakref.ref(batch))
        return measure([Double], {Raw: Raw(1)}, [cannot])

    def cannot(raw: Raw) -> Double:
        try:
            raise KeyError(raw)
        except KeyError as error:
            raise NotApplicable("no values") from error

    seen: list[weakref.ref[Batch]] = []
    have = program()
    assert str(have[Double]) == "no values"
    assert seen[0]() is None
