"""What a tool says of one program, in one form for netwright and for others."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

ALARMS = ("error", "warning")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """One finding: the codes it stands for (several for a tool with coarser names) and the lines it points at."""

    codes: tuple[str, ...]
    severity: str
    lines: tuple[int, ...]
    message: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """All errors and warnings on one program, in the order in which the tool gives them."""

    said: tuple[Said, ...]
    seconds: float | None
    ended: str = "ok"
    broken: tuple[str, ...] = ()

    def rank(self, codes: frozenset[str]) -> int | None:
        """The place, from 1, of the first finding that names one of these causes."""
        return next((at for at, said in enumerate(self.said, 1) if codes.intersection(said.codes)), None)

    def on_line(self, codes: frozenset[str], lines: frozenset[int]) -> bool:
        """Whether a finding that names the cause points at one of these lines."""
        return any(lines.intersection(said.lines) for said in self.said if codes.intersection(said.codes))


def from_report(answer: Mapping[str, Any]) -> Verdict:
    """netwright's own report, as `execute.check` returns it. A cause comes before its consequences, as people read it."""
    said = tuple(
        Said(
            codes=(finding["code"],),
            severity=finding["severity"],
            lines=tuple(_lines(finding, answer.get("script", ""))),
            message=finding["message"],
        )
        for finding in _flat(answer.get("findings", []))
        if finding["severity"] in ALARMS
    )
    broken = tuple(f"{c['code']}: {c['reason']}" for c in answer.get("broken", []))
    return Verdict(said=said, seconds=answer["seconds"], ended=answer["ended"], broken=broken)


def from_peer(answer: Mapping[str, Any], names: Mapping[str, list[str]]) -> Verdict:
    """Another tool's verdict: `{"findings": [{"cause": ..., "severity": ..., "line": ...}], "seconds": ...}`.

    `names` maps its own names of causes to the codes they stand for; a name that is a code needs no entry.
    """
    said = tuple(
        Said(
            codes=tuple(names.get(finding["cause"], [finding["cause"]])),
            severity=finding.get("severity", "warning"),
            lines=(finding["line"],) if finding.get("line") else (),
            message=finding.get("message", ""),
        )
        for finding in answer["findings"]
        if finding.get("severity", "warning") in ALARMS
    )
    return Verdict(said=said, seconds=answer.get("seconds"), ended=answer.get("ended", "ok"))


def _flat(findings: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for finding in findings:
        yield finding
        yield from _flat(finding.get("consequences", []))


def _lines(finding: Mapping[str, Any], script: str) -> Iterator[int]:
    for where in (finding.get("where"), *finding.get("also", [])):
        if where and where.get("line") and (not script or where.get("file") == script):
            yield where["line"]
