"""A rule: evidence in, finding out. Pure functions over plain numbers; no framework is imported here."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cache
from types import NoneType
from typing import Any, get_args, get_type_hints

from .evidence import NOWHERE, TaskKind, Where


class Severity(Enum):
    """How much training is harmed."""

    ERROR = "error"  # training cannot work, or its result is wrong
    WARNING = "warning"  # likely to hurt
    INFO = "info"  # worth knowing; hidden unless asked for

    @property
    def rank(self) -> int:
        """0 for the gravest."""
        return list(Severity).index(self)


class Kind(Enum):
    """The four kinds of cause (Tobin, "Troubleshooting deep neural networks")."""

    BUG = "bug"
    HYPERPARAMETER = "hyper-parameter"
    FIT = "fit"
    DATA = "data"


class NotApplicable(Exception):
    """Raised by a probe or a rule that cannot tell here. The message is the reason, shown to the user."""

    def kept(self) -> "NotApplicable":
        """The reason without its traceback, to be kept: from there all functions that were running could be reached, the program's among them, and their variables would be held as long."""
        self.__cause__ = self.__context__ = None
        return self.with_traceback(None)


class NotAsked(NotApplicable):
    """Evidence of an experiment that nobody asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """A number that decides, its unit, and the reason it is that number."""

    value: float
    unit: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One fault, with the numbers that show it.

    ``message`` is one or two plain sentences with the measured number and its unit; ``expected`` says in words what healthy
    looks like; ``fix`` is the edit in the user's terms. ``also`` are further lines that belong to it. ``confidence`` is in 0..1.
    ``remedies`` are names of remedies that would mend it.
    """

    code: str
    name: str
    severity: Severity
    kind: Kind
    message: str
    measured: Mapping[str, object]
    expected: str
    fix: str
    where: Where = NOWHERE
    also: tuple[Where, ...] = ()
    confidence: float = 1.0
    remedies: tuple[str, ...] = ()
    consequences: tuple["Finding", ...] = ()

    def under(self, consequences: Iterable["Finding"]) -> "Finding":
        """The same finding with others shown beneath it as its consequences."""
        return replace(self, consequences=(*self.consequences, *consequences))


def every(finding: Finding) -> Iterator[Finding]:
    """A finding and everything beneath it."""
    yield finding
    for below in finding.consequences:
        yield from every(below)


def gravest(finding: Finding) -> Severity:
    """The gravest severity of a finding and its consequences."""
    return min((f.severity for f in every(finding)), key=lambda s: s.rank)


Result = "Finding | list[Finding] | None"
Check = Callable[..., "Finding | list[Finding] | None"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """The card of a rule. The prose is the docstring of the module that owns it.

    ``explains`` lists codes of other rules whose findings are consequences of this one: they are shown beneath it.
    ``guides`` are MISSION IDs (``"T4"``), ``tasks`` the kinds of task it speaks about (empty: any).
    """

    code: str
    name: str
    severity: Severity
    kind: Kind
    guides: tuple[str, ...] = ()
    tasks: tuple[TaskKind, ...] = ()
    explains: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()
    since: str = "0.1"
    thresholds: Mapping[str, Threshold] = field(default_factory=dict[str, Threshold])
    _checks: list[Check] = field(default_factory=list[Check], repr=False)

    def check(self, function: Check) -> Check:
        """Decorator: this function decides. Its annotated parameters are the evidence it needs."""
        self._checks.append(function)
        return function

    @property
    def function(self) -> Check:
        """The deciding function."""
        (function,) = self._checks
        return function

    @property
    def needs(self) -> Mapping[str, type]:
        """Evidence asked for, read from the signature: declared once, typed once. ``X | None`` asks for ``X`` too, and can do without it."""
        return _asked(self.function)[0]

    @property
    def optional(self) -> frozenset[str]:
        """Parameters whose evidence the rule can do without: annotated ``X | None``, they are ``None`` where there is none."""
        return _asked(self.function)[1]

    @property
    def doc(self) -> str:
        """The rule's page, in Markdown."""
        module = inspect.getmodule(self.function)
        return inspect.cleandoc(module.__doc__ or "") if module else ""

    @property
    def title(self) -> str:
        """First line of the page."""
        return self.doc.partition("\n")[0].rstrip(".")

    def found(
        self,
        message: str,
        *,
        where: Where = NOWHERE,
        expected: str,
        fix: str,
        also: Iterable[Where] = (),
        severity: Severity | None = None,
        confidence: float = 1.0,
        remedies: tuple[str, ...] | None = None,
        **measured: object,
    ) -> Finding:
        """Build a finding of this rule. Every further keyword is a measured number, kept as data."""
        return Finding(
            code=self.code,
            name=self.name,
            severity=severity or self.severity,
            kind=self.kind,
            message=message,
            measured=measured,
            expected=expected,
            fix=fix,
            where=where,
            also=tuple(also),
            confidence=confidence,
            remedies=self.remedies if remedies is None else remedies,
        )

    def __getitem__(self, threshold: str) -> float:
        return _overrides.get((self.code, threshold), self.thresholds[threshold].value)


# A run that is watched is judged again and again, and to read a signature takes longer than most rules do.
@cache
def _asked(function: Check) -> tuple[Mapping[str, type], frozenset[str]]:
    """What a function asks for by its parameters, and which of them it can do without."""
    hints = get_type_hints(function)
    asked = {p: hints[p] for p in inspect.signature(function).parameters}
    optional = frozenset(p for p, hint in asked.items() if NoneType in get_args(hint))
    return {p: _without_none(hint) for p, hint in asked.items()}, optional


def _without_none(hint: Any) -> type:
    """The type ``X`` of an annotation ``X`` or ``X | None``."""
    kinds = [k for k in get_args(hint) if k is not NoneType]
    return kinds[0] if NoneType in get_args(hint) and len(kinds) == 1 else hint


_overrides: dict[tuple[str, str], float] = {}


def override_thresholds(values: Mapping[tuple[str, str], float]) -> None:
    """Replace the user's overrides of thresholds, ``{(code, threshold): value}`` (from ``[tool.netwright]``)."""
    _overrides.clear()
    _overrides.update(values)
