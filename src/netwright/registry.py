"""Finds rules by walking the rules package, and those of other packages by entry point: adding a file adds a rule."""

import pkgutil
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from types import ModuleType

from . import rules
from .rule import Rule

ENTRY_POINT = "netwright.rules"


def _modules() -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(rules.__path__, rules.__name__ + "."):
        yield import_module(found.name)
    for point in entry_points(group=ENTRY_POINT):
        package = point.load()
        yield package
        for found in pkgutil.walk_packages(getattr(package, "__path__", ()), package.__name__ + "."):
            yield import_module(found.name)


@cache
def all_rules() -> tuple[Rule, ...]:
    """Every rule, by code.

    Raises:
        ValueError: two rules have the same code or name.
    """
    found: dict[str, Rule] = {}
    names: dict[str, str] = {}
    for module in _modules():
        rule = getattr(module, "rule", None)
        if not isinstance(rule, Rule) or found.get(rule.code) is rule:
            continue
        if rule.code in found:
            raise ValueError(f"rule code {rule.code} is used by both {found[rule.code].name} and {rule.name}")
        if rule.name in names:
            raise ValueError(f"rule name {rule.name} is used by both {names[rule.name]} and {rule.code}")
        found[rule.code] = rule
        names[rule.name] = rule.code
    return tuple(found[code] for code in sorted(found))


def find_rule(key: str) -> Rule | None:
    """The rule of a code (``NW302``) or a name (``softmax-before-cross-entropy``), in any letter case."""
    wanted = key.strip().lower()
    for rule in all_rules():
        if wanted in (rule.code.lower(), rule.name):
            return rule
    return None
