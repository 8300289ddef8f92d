"""Ways to mend a program, one file each: an edit of the source that keeps everything else as it was typed, and for some the same at the hooks of a re-run."""

import pkgutil
from functools import cache
from importlib import import_module

from ..rule import Finding
from .remedy import Patch as Patch
from .remedy import Remedy as Remedy
from .remedy import Treatment as Treatment
from .remedy import interventions as interventions
from .remedy import merged as merged
from .source import Refused as Refused
from .source import Source as Source


@cache
def all_remedies() -> tuple[Remedy, ...]:
    """Every remedy, found by walking this package, by name."""
    found = [
        getattr(import_module(m.name), "remedy", None)
        for m in pkgutil.walk_packages(__path__, __name__ + ".")
    ]
    return tuple(sorted((r for r in found if isinstance(r, Remedy)), key=lambda r: r.name))


def remedies_for(code: str) -> tuple[Remedy, ...]:
    """The remedies that mend what a rule finds."""
    return tuple(r for r in all_remedies() if code in r.mends)


def remedies_of(finding: Finding) -> tuple[Remedy, ...]:
    """The remedies that a finding names: a rule names all that mend it, and some of its findings only those that fit what was measured."""
    return tuple(r for r in remedies_for(finding.code) if r.name in finding.remedies)
