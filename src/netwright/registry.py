"""Finds rules by walking the rules package, and those of other packages by entry point: adding a file adds a rule."""

import pkgutil
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

from . import rules
from .rule import Rule

ENTRY_POINT = "netwright.rules"


def _modules() -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(rules.__path__, rules.__name__ + "."):
        yield import_module(found.name)
    from importlib.metadata import entry_points  # slow to load, and not needed to find one rule

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
    return _match(wanted, _likely(wanted)) or _match(wanted, all_rules())


def _match(wanted: str, candidates: Iterable[Rule]) -> Rule | None:
    return next((rule for rule in candidates if wanted in (rule.code.lower(), rule.name)), None)


def _likely(wanted: str) -> Iterator[Rule]:
    """Built-in rules whose file has the name or mentions the code: one rule is found without loading the others."""
    for folder in rules.__path__:
        for path in Path(folder).glob("*/[!_]*.py"):
            if path.stem.replace("_", "-") == wanted or f'code="{wanted.upper()}"' in path.read_text("utf-8"):
                yield import_module(f"{rules.__name__}.{path.parent.name}.{path.stem}").rule
