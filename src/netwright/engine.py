"""Runs what was asked for, once, in order. Knows no rule and no probe by name."""

import inspect
import traceback
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from graphlib import TopologicalSorter
from typing import get_type_hints

from .rule import Finding, NotApplicable, Rule, Severity

Probe = Callable[..., object]


class State(Enum):
    """How a rule ended on a run."""

    FIRED = "fired"
    PASSED = "passed"
    NOT_APPLICABLE = "not applicable"
    SKIPPED = "skipped"
    IGNORED = "ignored"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One rule's end on a run, with the reason where there is one. Never silent."""

    code: str
    name: str
    state: State
    reason: str = ""


class Broken(NotApplicable):
    """A probe failed. ``trace`` is its traceback; the rules that needed it are reported as broken (NW000)."""

    def __init__(self, message: str, trace: str) -> None:
        super().__init__(message)
        self.trace = trace


def signature(function: Callable[..., object]) -> tuple[dict[str, type], type]:
    """Evidence a probe needs, by parameter, and the evidence it makes."""
    hints = get_type_hints(function)
    made = hints.pop("return")
    return {p: hints[p] for p in inspect.signature(function).parameters}, made


def _plan(
    wanted: Iterable[type], given: Collection[type], makers: Mapping[type, tuple[Probe, Mapping[str, type]]]
) -> list[type]:
    graph: dict[type, set[type]] = {}
    todo = list(wanted)
    while todo:
        kind = todo.pop()
        if kind in graph or kind in given:
            continue
        graph[kind] = set(makers[kind][1].values()) if kind in makers else set()
        todo.extend(graph[kind])
    return list(TopologicalSorter(graph).static_order())


def measure(
    wanted: Iterable[type], given: Mapping[type, object], probes: Iterable[Probe]
) -> dict[type, object]:
    """Evidence for ``wanted``: each type maps to its value, or to a :class:`NotApplicable` with the reason.

    Each probe is called at most once, and only when something asks for what it makes.
    """
    makers: dict[type, tuple[Probe, Mapping[str, type]]] = {}
    for probe in probes:
        needs, made = signature(probe)
        makers[made] = (probe, needs)
    have: dict[type, object] = dict(given)
    for kind in _plan(wanted, given.keys(), makers):
        if kind in have:
            continue
        if kind not in makers:
            have[kind] = NotApplicable(f"nothing here measures {kind.__name__}")
            continue
        probe, needs = makers[kind]
        have[kind] = _call(probe, {name: have[need] for name, need in needs.items()})
    return have


def _call(probe: Probe, values: Mapping[str, object]) -> object:
    for value in values.values():
        if isinstance(value, NotApplicable):
            return value
    try:
        return probe(**values)
    except NotApplicable as why:
        return why.kept()
    except Exception as error:  # the harm boundary: one probe's failure must not reach the program
        return Broken(
            f"measuring failed in {probe.__name__}: {type(error).__name__}: {error}", traceback.format_exc()
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What all rules said."""

    findings: tuple[Finding, ...]
    checked: tuple[Checked, ...]
    traces: tuple[str, ...] = ()


def judge(
    rules: Iterable[Rule],
    evidence: Mapping[type, object],
    *,
    ignore: Mapping[str, str] | None = None,
    severity: Mapping[str, Severity] | None = None,
) -> Judgement:
    """Apply every rule. ``ignore`` maps codes to the reason they are not run; ``severity`` overrides severities by code."""
    findings: list[Finding] = []
    checked: list[Checked] = []
    traces: list[str] = []
    for rule in rules:
        reason = (ignore or {}).get(rule.code)
        if reason is not None:
            checked.append(Checked(code=rule.code, name=rule.name, state=State.IGNORED, reason=reason))
            continue
        found, end, trace = _apply(rule, evidence)
        override = (severity or {}).get(rule.code)
        findings.extend(f if override is None else replace(f, severity=override) for f in found)
        checked.append(end)
        traces.extend(trace)
    return Judgement(findings=tuple(findings), checked=tuple(checked), traces=tuple(traces))


def _apply(rule: Rule, evidence: Mapping[type, object]) -> tuple[list[Finding], Checked, list[str]]:
    values = {name: evidence.get(kind) for name, kind in rule.needs.items()}
    for name in rule.optional:  # what failed is no reason to judge without it: the rule is reported as broken
        if isinstance(values[name], NotApplicable) and not isinstance(values[name], Broken):
            values[name] = None

    def ended(state: State, reason: str = "") -> Checked:
        return Checked(code=rule.code, name=rule.name, state=state, reason=reason)

    for name, value in values.items():
        if isinstance(value, Broken):
            return [], ended(State.BROKEN, str(value)), [value.trace]
        if isinstance(value, NotApplicable):
            return [], ended(State.NOT_APPLICABLE, str(value)), []
        if value is None and name not in rule.optional:
            return (
                [],
                ended(State.NOT_APPLICABLE, f"nothing here measures {rule.needs[name].__name__}"),
                [],
            )
    try:
        result = rule.function(**values)
    except NotApplicable as why:
        return [], ended(State.NOT_APPLICABLE, str(why)), []
    except Exception as error:  # the harm boundary: one rule's failure is reported, the others go on
        return [], ended(State.BROKEN, f"{type(error).__name__}: {error}"), [traceback.format_exc()]
    found = [] if result is None else result if isinstance(result, list) else [result]
    return found, ended(State.FIRED if found else State.PASSED), []
