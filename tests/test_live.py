"""What is said while a program runs: once, kept up to date, taken back; at a bounded rate."""

import pytest

from netwright.evidence import History, Series, Task, TaskKind, Where
from netwright.live import Speaker, State, lines
from netwright.rule import Kind, Rule, Severity


def rule(code="NW601", severity=Severity.WARNING, explains=(), asks=None):
    """Fires where the last value of the series ``code`` is above 0, with that as its measured number."""
    made = Rule(code=code, name=f"rule-{code.lower()}", severity=severity, kind=Kind.BUG, explains=explains)

    def check(history: History):
        value = history.series[code].values[-1] if code in history.series else 0.0
        if value <= 0:
            return None
        where = Where(file="/p/train.py", line=3, step=history.steps)
        return made.found(f"value {value:g}", where=where, expected="0", fix="mend it", value=value)

    return (made.check(check), made)[1]


def history(step, **values):
    return History(
        series={k: Series(steps=(step,), values=(v,)) for k, v in values.items()},
        steps=step,
        seconds=float(step),
    )


class Run:
    def __init__(self, *rules, **options):
        self.said = []
        self.speaker = Speaker(rules, lambda h: self.said.extend(lines(h)), **options)
        self.step = 10

    def look(self, **values):
        self.step += 10
        self.said.clear()
        self.speaker.look(history(self.step, **values))
        return list(self.said)


def test_a_finding_is_said_once_at_its_second_look_and_kept_up_to_date():
    run = Run(rule())
    assert run.look(NW601=1) == []
    first, second = run.look(NW601=2)
    assert first.startswith("netwright: NW601 rule-nw601  /p/train.py:3")
    assert second.strip() == "value 2; do this: mend it"
    assert run.look(NW601=3) == []
    (heard,) = run.speaker.heard
    assert (heard.first, heard.said, heard.last, heard.state) == (20, 30, 40, State.SAID)
    assert heard.finding.measured["value"] == 3


def test_an_error_is_said_at_once():
    assert Run(rule(severity=Severity.ERROR)).look(NW601=1)


@pytest.mark.parametrize("known", [True, False])
def test_an_error_is_said_at_once_also_beneath_something_less_grave(known):
    run = Run(rule(explains=("NW603",)), rule("NW603", Severity.ERROR))
    if known:
        run.look(NW601=1)
        assert run.look(NW601=1)
    (first, *_) = run.look(NW601=1, NW603=1)
    assert first.startswith("netwright: NW603")


def test_what_is_only_worth_knowing_is_kept_and_not_said():
    run = Run(rule(severity=Severity.INFO))
    assert run.look(NW601=1) == run.look(NW601=1) == []
    assert run.speaker.heard[0].state is State.SEEN
    assert run.speaker.heard[0].last == 30


def test_it_is_taken_back_when_two_looks_miss_it_and_not_said_again():
    run = Run(rule())
    run.look(NW601=1)
    run.look(NW601=1)
    assert run.look() == []
    assert run.look() == ["netwright: NW601 at step 50: no longer seen"]
    assert run.speaker.heard[0].state is State.WITHDRAWN
    assert run.look() == []
    assert run.look(NW601=1) == run.look(NW601=1) == []
    (heard,) = run.speaker.heard
    assert (heard.state, heard.last, heard.withdrawn) == (State.SAID, 80, None)


def test_a_single_look_that_misses_it_changes_nothing():
    run = Run(rule())
    run.look(NW601=1)
    run.look(NW601=1)
    assert run.look() == run.look(NW601=1) == run.look() == []


def test_what_was_seen_once_and_never_said_is_not_taken_back():
    run = Run(rule())
    run.look(NW601=1)
    assert run.look() == run.look() == []
    assert run.look(NW601=1) == []  # begins again
    assert run.look(NW601=1)


def test_a_consequence_is_not_said_beside_its_cause():
    run = Run(rule("NW603", Severity.ERROR, explains=("NW601",)), rule("NW601", Severity.ERROR))
    said = run.look(NW601=1, NW603=1)
    assert [line.split()[1] for line in said if line.startswith("netwright")] == ["NW603"]


def test_what_comes_to_stand_beneath_a_cause_is_not_taken_back():
    run = Run(rule("NW602", explains=("NW601",)), rule("NW601"))
    run.look(NW601=1)
    assert run.look(NW601=1)
    run.look(NW601=1, NW602=1)
    (said, _) = run.look(NW601=2, NW602=1)
    assert "NW602" in said
    assert run.look(NW601=3, NW602=1) == []
    heard = next(h for h in run.speaker.heard if h.finding.code == "NW601")
    assert (heard.state, heard.last, heard.withdrawn) == (State.SAID, 60, None)
    assert heard.finding.measured["value"] == 3
    assert run.look(NW602=1) == []
    assert run.look(NW602=1) == ["netwright: NW601 at step 80: no longer seen"]


def test_severities_and_codes_left_out_hold_here_too():
    assert Run(rule(severity=Severity.ERROR), ignore={"NW601": "by request"}).look(NW601=1) == []
    assert Run(rule(), severity={"NW601": Severity.ERROR}).look(NW601=1)


def test_rules_that_do_not_ask_for_a_history_are_left_out():
    other = Rule(code="NW101", name="other-rule", severity=Severity.ERROR, kind=Kind.BUG)

    @other.check
    def check(task: Task):
        raise AssertionError

    assert Run(other).speaker.rules == []


def test_a_rule_that_breaks_is_kept_from_the_run():
    broken = Rule(code="NW601", name="broken-rule", severity=Severity.ERROR, kind=Kind.BUG)

    @broken.check
    def check(history: History):
        raise ZeroDivisionError("ours")

    run = Run(broken, rule("NW602", Severity.ERROR))
    assert run.look(NW602=1)
    run.look()
    assert len(run.speaker.traces) == 1
    assert "ZeroDivisionError" in run.speaker.traces[0]


@pytest.fixture
def clock():
    return iter(range(1000)).__next__


def test_looks_come_when_the_run_has_grown_by_a_tenth_or_time_has_passed():
    speaker = Speaker([rule()], print, clock=lambda: 0.0)
    assert not speaker.due(15, 3.0)
    assert not speaker.due(16, 0.03)  # the first look takes milliseconds
    assert speaker.due(16, 3.0)
    speaker.look(history(100))
    assert not speaker.due(109, 101.0)
    assert speaker.due(110, 101.0)
    assert speaker.due(101, 131.0)


def test_looking_stays_within_its_share_of_the_time(clock):
    speaker = Speaker([rule()], print, share=0.01, clock=clock)  # a look takes a second
    speaker.look(history(100))
    assert not speaker.due(1000, 150.0)
    assert speaker.due(1000, 200.0)


def standing(code="NW504", severity=Severity.WARNING, explains=()):
    """Fires on what is known before the first look."""
    made = Rule(code=code, name=f"rule-{code.lower()}", severity=severity, kind=Kind.BUG, explains=explains)

    def check(task: Task):
        return made.found("eps=10", where=Where(file="/p/train.py", line=2), expected="1e-8", fix="mend it")

    return (made.check(check), made)[1]


def known():
    return {Task: Task(kind=TaskKind.UNKNOWN, objectives=())}


def test_what_the_first_steps_show_is_said_at_the_beginning_and_once():
    run = Run(rule("NW502"), standing(explains=("NW502",)), evidence=known)
    run.speaker.begin(8)
    assert run.said[0].startswith("netwright: NW504 rule-nw504  /p/train.py:2")
    assert [run.look(NW502=1) for _ in range(3)] == [[], [], []]  # what follows from it is no news
    (heard,) = run.speaker.heard
    assert (heard.first, heard.said, heard.state, heard.withdrawn) == (8, 8, State.SAID, None)


def test_what_is_only_worth_knowing_is_not_said_at_the_beginning_and_explains_no_alarm():
    run = Run(rule("NW502"), standing(severity=Severity.INFO, explains=("NW502",)), evidence=known)
    run.speaker.begin(8)
    assert run.said == []
    run.look(NW502=1)
    assert run.look(NW502=1)


def test_an_error_is_news_even_where_it_follows_from_what_the_first_steps_show():
    run = Run(
        rule("NW603", Severity.ERROR), standing(severity=Severity.ERROR, explains=("NW603",)), evidence=known
    )
    run.speaker.begin(8)
    assert run.look(NW603=1)[0].startswith("netwright: NW603")
    assert run.look(NW603=1) == []
