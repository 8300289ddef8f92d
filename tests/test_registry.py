"""The contract of a rule, for every rule there is: a new rule adds files, not tests."""

import inspect
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from netwright import evidence, registry
from netwright.catalogue import CODES, FAMILIES
from netwright.registry import all_rules, find_rule
from netwright.rule import Kind, Rule, Severity

HEADINGS = ["What it measures", "Why it matters", "How to fix", "Known false alarms", "Source"]
GUIDES = re.compile(r"(H([1-9]|1[01])|T([0-9]|1[0-2])|S[1-6]|E([1-9]|1[0-3])|B([1-9]|10))")
EVIDENCE = {v for v in vars(evidence).values() if isinstance(v, type)}

each_rule = pytest.mark.parametrize("rule", all_rules(), ids=lambda r: r.code)


def module_of(rule: Rule):
    return inspect.getmodule(rule.function)


@each_rule
def test_code_name_and_file_agree(rule):
    path = Path(module_of(rule).__file__)
    assert re.fullmatch(r"NW[0-9]{3}", rule.code)
    assert rule.code in CODES
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", rule.name)
    assert path.stem == rule.name.replace("-", "_")
    assert path.parent.name == FAMILIES[rule.code[2]]


@each_rule
def test_page_has_a_title_and_the_headings_in_order(rule):
    assert 10 < len(rule.title) < 120
    assert re.findall(r"^## (.*)$", rule.doc, re.MULTILINE) == HEADINGS
    for body in re.split(r"^## .*$", rule.doc, flags=re.MULTILINE)[1:]:
        assert body.strip()


@each_rule
def test_thresholds_say_their_unit_and_source_and_are_used(rule):
    source = inspect.getsource(module_of(rule))
    helpers = "".join(p.read_text() for p in Path(registry.rules.__file__).parent.rglob("_*.py"))
    for name, threshold in rule.thresholds.items():
        assert re.fullmatch(r"[a-z][a-z0-9]*([_-][a-z0-9]+)*", name)
        assert threshold.unit
        assert len(threshold.source) >= 8
        assert source.count(f'"{name}"') > 1 or f'"{name}"' in helpers, f"{name} decides nothing"


@each_rule
def test_relations_are_to_known_things(rule):
    assert set(rule.explains) <= set(CODES) - {rule.code}
    assert all(GUIDES.fullmatch(g) for g in rule.guides)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", r) for r in rule.remedies)
    assert re.fullmatch(r"\d+\.\d+", rule.since)


@each_rule
def test_asks_for_evidence_that_exists(rule):
    assert rule.needs
    assert set(rule.needs.values()) <= EVIDENCE


@each_rule
def test_imports_nothing_but_evidence_and_the_rule_module(rule):
    source = inspect.getsource(module_of(rule))
    assert not re.search(r"^\s*(import|from) (torch|numpy)", source, re.MULTILINE)
    for line in re.findall(r"^from (\.+\S*) import", source, re.MULTILINE):
        assert re.fullmatch(r"\.{1,3}(evidence(\.\w+)?|rule|rules\._\w+|_\w+|inference)?", line), line


def test_no_two_explain_each_other():
    explains = {r.code: set(r.explains) for r in all_rules()}
    assert not [(a, b) for a in explains for b in explains[a] if a in explains.get(b, ())]


def test_rules_are_found_by_code_and_name_in_any_case():
    rule = find_rule(" nw302 ")
    assert rule is not None
    assert find_rule("Softmax-Before-Cross-Entropy") is rule
    assert find_rule("nothing") is None


def test_they_come_by_code():
    codes = [r.code for r in all_rules()]
    assert codes == sorted(set(codes))


def plugin(*rules: Rule):
    return [SimpleNamespace(name=f"plugin{i}", __name__=f"plugin{i}", rule=r) for i, r in enumerate(rules)]


def other(code: str, name: str) -> Rule:
    return Rule(code=code, name=name, severity=Severity.INFO, kind=Kind.DATA)


def test_rules_of_other_packages_come_through_the_entry_point(monkeypatch):
    module = plugin(other("ACME1", "acme-rule"))[0]
    monkeypatch.setattr(
        "importlib.metadata.entry_points",
        lambda group: [SimpleNamespace(load=lambda: module)] if group == "netwright.rules" else [],
    )
    assert "ACME1" in [r.code for r in all_rules.__wrapped__()]


@pytest.mark.parametrize(
    ("code", "name"), [("NW302", "fresh-name"), ("ACME1", "softmax-before-cross-entropy")]
)
def test_a_code_or_name_used_twice_is_refused(monkeypatch, code, name):
    modules = [*registry._modules(), *plugin(other(code, name))]
    monkeypatch.setattr(registry, "_modules", lambda: iter(modules))
    with pytest.raises(ValueError, match="used by both"):
        all_rules.__wrapped__()
