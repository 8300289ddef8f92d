"""What rules say while the program runs: each finding said once, kept up to date, withdrawn when it heals. A state machine over histories; it touches no torch and prints nothing."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from .engine import Judgement, judge
from .evidence import Finiteness, History
from .options import allowance
from .report.build import arrange
from .report.model import Live
from .report.words import place
from .rule import Finding, Rule, Severity, every, gravest

GROWTH = 1.1  # a look is due when the run is a tenth longer than at the last one...
EVERY_S = 30.0  # ...or this long after it
FIRST = 16  # steps
GUESS_S = 4e-3  # what the first look takes: nothing can be said before the second one, so in a run of a second or two the time is worth more in samples
TWICE = 2  # looks in a row that it takes to say something, and to take it back
SHARE = 0.002  # of the run time that looking may take, in the first seconds ahead of it

_WHILE_IT_RUNS = frozenset((History, Finiteness))

Key = tuple[str, str | None, int | None, str | None, str | None]


class State(Enum):
    """How a finding stands."""

    SEEN = "seen"  # at the last look for the first time, or among what is only worth knowing: not said
    SAID = "said"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One finding over the run: as it was last seen, with the steps at which it was first and last seen.

    ``looks`` is in how many looks in a row it was seen (negative: missed) up to the last one. ``said`` and ``withdrawn`` are the steps at which it was said and taken back, None where it was not.
    """

    finding: Finding
    first: int
    last: int
    looks: int = 1
    said: int | None = None
    withdrawn: int | None = None
    state: State = State.SEEN


class Speaker:
    """Judges a run as it goes, at a bounded rate.

    Args:
        rules: all there are; those that ask for a history, or for what is not finite, judge while the program runs, the others once (:meth:`begin`).
        say: called when a finding is said (state ``SAID``) and when it is withdrawn (``WITHDRAWN``).
        evidence: what else is known by now, asked for at every look.
        ignore: codes that are not run, with the reason.
        severity: severities by code, as the user wants them.
        share: of the run time, which looking may take.
        clock: seconds.
    """

    def __init__(
        self,
        rules: Iterable[Rule],
        say: Callable[[Heard], None],
        *,
        evidence: Callable[[], Mapping[type, object]] = dict,
        ignore: Mapping[str, str] | None = None,
        severity: Mapping[str, Severity] | None = None,
        share: float = SHARE,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.all = tuple(rules)
        self.rules = [rule for rule in self.all if _WHILE_IT_RUNS.intersection(rule.needs.values())]
        self.say, self.evidence, self.share, self.clock = say, evidence, share, clock
        self.ignore, self.severity = dict(ignore or {}), dict(severity or {})
        self.spent = 0.0
        self.looked = 0
        self.traces: tuple[str, ...] = ()
        self._heard: dict[Key, Heard] = {}
        self._standing: tuple[Finding, ...] = ()
        self._cost = GUESS_S
        self._next_step, self._at = FIRST, 0.0

    @property
    def heard(self) -> tuple[Heard, ...]:
        """All findings so far, in the order in which they were first seen."""
        return tuple(self._heard.values())

    def begin(self, step: int) -> None:
        """Judge what is known before the first look, and say what is wrong in it: no later step can change what the first ones showed, and a run may go on for days. It stays, and what follows from it is not said."""
        judgement = self._judge([r for r in self.all if r not in self.rules], {})
        found = arrange(judgement.findings, self.all)
        self._standing = tuple(f for f in found if gravest(f) is not Severity.INFO)
        for finding in self._standing:
            new = Heard(finding=finding, first=step, last=step, looks=TWICE, said=step, state=State.SAID)
            self._heard[_key(finding)] = new
            self.say(new)

    def _judge(self, rules: Iterable[Rule], more: Mapping[type, object]) -> Judgement:
        found = judge(rules, {**self.evidence(), **more}, ignore=self.ignore, severity=self.severity)
        self.traces = tuple(dict.fromkeys((*self.traces, *found.traces)))
        return found

    def due(self, step: int, seconds: float) -> bool:
        """Whether to look now: the run has grown by a tenth or half a minute has passed, and looking stays within its share of the time."""
        grown = step >= self._next_step or (step >= FIRST and seconds - self._at >= EVERY_S)
        return grown and self.spent + self._cost <= allowance(self.share, seconds)

    def look(self, history: History) -> None:
        """Judge the run so far, and say what is new."""
        began = self.clock()
        judgement = self._judge(self.rules, {History: history})
        self.looked += 1
        self._next_step, self._at = max(history.steps + 1, int(history.steps * GROWTH)), history.seconds
        self._cost = self.clock() - began
        self.spent += self._cost
        # What follows from another finding is not said beside it.
        self._take(arrange((*_apart(self._standing), *judgement.findings), self.all), history.steps)

    def _take(self, findings: Iterable[Finding], step: int) -> None:
        findings = tuple(findings)
        now = {_key(f): f for f in findings}
        beneath = {_key(f): f for top in findings for f in every(top)}
        # An error is news, whatever the first steps have shown, or something less grave that it follows from: a loss that is no number any more, where the rate was said to be too high.
        known = {_key(f) for f in _apart(self._standing)}
        for top in findings:
            if _key(top) in known or top.severity is not Severity.ERROR:
                now |= {
                    _key(f): f for f in every(top) if f.severity is Severity.ERROR and _key(f) not in known
                }
        for key, finding in now.items():
            self._seen(key, finding, step)
        for key in self._heard.keys() - now.keys():
            if key in beneath:
                self._still_seen(key, beneath[key], step)
            else:
                self._missed(key, step)

    def _seen(self, key: Key, finding: Finding, step: int) -> None:
        old = self._heard.get(key)
        if old is None:
            new = Heard(finding=finding, first=step, last=step)
        else:
            new = replace(old, finding=finding, last=step, looks=max(old.looks, 0) + 1)
        sure = new.looks >= TWICE or finding.severity is Severity.ERROR
        if sure and finding.severity is not Severity.INFO:
            if new.said is None:
                new = replace(new, state=State.SAID, said=step)
                self._heard[key] = new
                self.say(new)
                return
            # It came back: said once is enough.
            new = replace(new, state=State.SAID, withdrawn=None)
        self._heard[key] = new

    def _still_seen(self, key: Key, finding: Finding, step: int) -> None:
        """It has come to stand beneath another finding: it is there, and not said."""
        old = self._heard[key]
        state = State.SEEN if old.said is None else State.SAID
        looks = max(old.looks, 0)
        self._heard[key] = replace(old, finding=finding, last=step, looks=looks, state=state, withdrawn=None)

    def _missed(self, key: Key, step: int) -> None:
        old = self._heard[key]
        new = replace(old, looks=min(old.looks, 0) - 1)
        if new.state is State.SAID and -new.looks >= TWICE:
            new = replace(new, state=State.WITHDRAWN, withdrawn=step)
            self._heard[key] = new
            self.say(new)
            return
        self._heard[key] = new


def _key(finding: Finding) -> Key:
    """What makes two findings of two looks the same: not their numbers, nor the step."""
    where = finding.where
    return (finding.code, where.file, where.line, where.module, where.parameter)


def _apart(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Findings and what stands beneath them, each by itself."""
    for top in findings:
        yield from (replace(f, consequences=()) for f in every(top))


def lines(heard: Heard) -> tuple[str, ...]:
    """What a terminal shows of a finding that is said or withdrawn: two lines, or one."""
    finding = heard.finding
    if heard.state is State.WITHDRAWN:
        return (f"netwright: {finding.code} at step {heard.withdrawn}: no longer seen",)
    at = place(finding.where, folder=Path.cwd())
    return (
        f"netwright: {finding.code} {finding.name}" + (f"  {at}" if at else ""),
        f"           {finding.message}; do this: {finding.fix}",
    )


def record(heard: Heard) -> Live:
    """A finding for the report: what is known of it when the run is over."""
    finding = heard.finding
    return Live(
        code=finding.code,
        name=finding.name,
        severity=finding.severity,
        message=finding.message,
        where=finding.where,
        first=heard.first,
        last=heard.last,
        said=heard.said,
        withdrawn=heard.withdrawn,
    )
