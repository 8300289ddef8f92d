"""The report as JSON, schema ``netwright.report/1`` (``schema.json`` beside this file; ``docs/report-schema.md``)."""

import json
from importlib.resources import files
from typing import Any, cast

from ..diagnosis import Diagnosis, Rehearsed
from ..engine import Checked, State
from ..evidence import Floor, Program, Task, Where
from ..rule import Finding, Kind, Severity
from .model import SCHEMA, Live, Pictures, Report
from .plain import from_plain, number, to_plain


def to_json(report: Report) -> str:
    """The report without its pictures, as strict JSON."""
    return _dump(
        {
            "schema": report.schema,
            "program": to_plain(report.program),
            "task": to_plain(report.task),
            "verdict": report.verdict,
            "findings": [_finding(f) for f in report.findings],
            "diagnosis": to_plain(report.diagnosis),
            "rehearsed": to_plain(report.rehearsed),
            "checked": to_plain(report.checked),
            "tried": to_plain(report.tried),
            "not_tried": to_plain(report.not_tried),
            "live": [
                {**cast("dict[str, object]", to_plain(x)), "severity": x.severity.value} for x in report.live
            ],
            "watched": report.watched,
            "floor": to_plain(report.floor),
            "notes": to_plain(report.notes),
            "traces": to_plain(report.traces),
            "seconds": to_plain(report.seconds),
            "steps": report.steps,
        },
        indent=2,
    )


def from_json(text: str, pictures: str | None = None) -> Report:
    """The report of :func:`to_json`, with the pictures of :func:`pictures_to_json` if given.

    Raises:
        ValueError: this is not a report, or one of another schema.
    """
    try:
        loaded: object = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"this is not JSON ({error})") from error
    if not isinstance(loaded, dict):
        raise ValueError("this is JSON, but not a report of netwright's")
    data = cast("dict[str, Any]", loaded)
    if data.get("schema") != SCHEMA:
        raise ValueError(f"this report's schema is {data.get('schema')!r}; this netwright reads {SCHEMA!r}")
    try:
        return Report(
            program=from_plain(Program, data["program"]),
            task=None if data["task"] is None else from_plain(Task, data["task"]),
            verdict=data["verdict"],
            findings=tuple(_read_finding(f) for f in data["findings"]),
            diagnosis=from_plain(Diagnosis | None, data.get("diagnosis")),
            rehearsed=tuple(from_plain(Rehearsed, r) for r in data.get("rehearsed", ())),
            checked=tuple(
                Checked(code=c["code"], name=c["name"], state=State(c["state"]), reason=c["reason"])
                for c in data["checked"]
            ),
            tried=tuple(data.get("tried", ())),
            not_tried=tuple(data.get("not_tried", ())),
            live=tuple(_read_live(x) for x in data.get("live", ())),
            watched=data.get("watched", 0),
            floor=from_plain(Floor | None, data.get("floor")),
            notes=tuple(data.get("notes", ())),
            traces=tuple(data.get("traces", ())),
            seconds=data.get("seconds", 0.0),
            steps=data.get("steps", 0),
            pictures=None if pictures is None else from_plain(Pictures, json.loads(pictures)),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"this report is incomplete ({type(error).__name__}: {error})") from error


def pictures_to_json(pictures: Pictures | None) -> str:
    """What the HTML report draws, as strict JSON, so that the page can be written again later."""
    return _dump(to_plain(pictures or Pictures()), indent=None)


def schema() -> dict[str, Any]:
    """The published JSON Schema."""
    return json.loads(files(__package__ or "netwright.report").joinpath("schema.json").read_text("utf-8"))


def _dump(value: object, *, indent: int | None) -> str:
    return json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False) + "\n"


def _finding(finding: Finding) -> dict[str, object]:
    return {
        "code": finding.code,
        "name": finding.name,
        "severity": finding.severity.value,
        "kind": finding.kind.value,
        "message": finding.message,
        "measured": to_plain(finding.measured),
        "expected": finding.expected,
        "fix": finding.fix,
        "where": to_plain(finding.where),
        "also": to_plain(finding.also),
        "consequences": [_finding(f) for f in finding.consequences],
        "remedies": list(finding.remedies),
        "confidence": to_plain(finding.confidence),
    }


def _read_finding(data: dict[str, Any]) -> Finding:
    return Finding(
        code=data["code"],
        name=data["name"],
        severity=Severity(data["severity"]),
        kind=Kind(data["kind"]),
        message=data["message"],
        measured=cast("dict[str, object]", number(data["measured"])),
        expected=data["expected"],
        fix=data["fix"],
        where=from_plain(Where, data["where"]),
        also=tuple(from_plain(Where, w) for w in data["also"]),
        confidence=data["confidence"],
        remedies=tuple(data["remedies"]),
        consequences=tuple(_read_finding(f) for f in data["consequences"]),
    )


def _read_live(data: dict[str, Any]) -> Live:
    return Live(
        code=data["code"],
        name=data["name"],
        severity=Severity(data["severity"]),
        message=data["message"],
        where=from_plain(Where, data["where"]),
        first=data["first"],
        last=data["last"],
        said=data["said"],
        withdrawn=data["withdrawn"],
    )
