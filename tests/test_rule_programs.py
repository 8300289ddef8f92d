"""Every rule on its faulty program and on the healthy twin, through real capture: what fires, where, on which line."""

from pathlib import Path

import pytest

from netwright.evidence import EXPERIMENTS, History
from netwright.registry import find_rule
from netwright.rule import Severity

from .programs import allowed, examine, marks

FOLDER = Path(__file__).parent / "rules"
ASKS_FOR_RANK = {"nw613"}
CODES = sorted(p.name for p in FOLDER.iterdir() if (p / "bad.py").exists())


def experiments(code):
    """The experiments that a rule cannot do without, or has instead of a watched run."""
    rule = find_rule(code)
    instead = History in rule.needs.values()
    return tuple(
        EXPERIMENTS[k]
        for p, k in rule.needs.items()
        if k in EXPERIMENTS and (instead or p not in rule.optional)
    )


def interval(code):
    """Steps between samples for a rule on the whole run: within the usual budget a run of a second is hardly looked at."""
    rule = find_rule(code)
    return 8 if any(k is History for p, k in rule.needs.items() if p not in rule.optional) else None


def options(code):
    """How a program is watched: with the series that its rule looks at, where these are on request."""
    return {"watch_every": interval(code), "watch_rank": code in ASKS_FOR_RANK}


@pytest.mark.parametrize("code", CODES)
def test_faulty_program(code):
    script = FOLDER / code / "bad.py"
    outcome = examine(script, verbose=True, experiments=experiments(code), **options(code))
    name = code.upper()
    expected = marks(script)
    assert name in expected, f"{script} marks no line with # [{name}]"
    everything = _all(outcome.report["findings"])
    mine = [f for f in everything if f["code"] == name]
    assert mine, f"{name} is silent\n{outcome.describe()}"
    lines = {f["where"].get("line") for f in mine}
    assert expected[name] in lines, f"{name} points at {lines}, not {expected[name]}\n{outcome.describe()}"
    assert any(Path(f["where"]["file"]).name == "bad.py" for f in mine if f["where"].get("file"))
    assert all(f["measured"] for f in mine), "a finding keeps its numbers as data"
    assert all(f["expected"] and f["fix"] for f in mine)
    unlisted = outcome.codes - set(expected) - allowed(script) - course(outcome.report["findings"], expected)
    assert not unlisted, f"also fired: {unlisted}\n{outcome.describe()}"
    broken = [c for c in outcome.report["checked"] if c["state"] == "broken"]
    assert not broken, broken


@pytest.mark.parametrize("code", CODES)
def test_healthy_twin(code):
    outcome = examine(FOLDER / code / "good.py", experiments=experiments(code), **options(code))
    assert not outcome.fired, outcome.describe()
    assert outcome.report["verdict"] == "healthy", outcome.describe()
    if find_rule(code).severity is Severity.INFO:  # the others may know something that is worth knowing
        assert code.upper() not in {f["code"] for f in _all(outcome.report["findings"])}
    assert outcome.code == 0, outcome.stderr
    broken = [c for c in outcome.report["checked"] if c["state"] == "broken"]
    assert not broken, broken


def course(findings, expected):
    """What the course of the run shows of a marked fault, and stands beneath it."""
    beneath = [f for top in findings if top["code"] in expected for f in _all(top["consequences"])]
    return {f["code"] for f in beneath if History in find_rule(f["code"]).needs.values()}


def _all(findings):
    for finding in findings:
        yield finding
        yield from _all(finding["consequences"])
