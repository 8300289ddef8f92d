"""Faults that show only in the course of training, and their healthy twins, run to their end through real capture: what is found while they run, where, and when."""

from pathlib import Path

import pytest

from .programs import allowed, examine, marks

FOLDER = Path(__file__).parent / "rules"
CODES = sorted(p.parent.name for p in FOLDER.glob("*/watched"))
EVERY = 4


@pytest.mark.parametrize("code", CODES)
def test_faulty_program(code):
    script = FOLDER / code / "watched" / "bad.py"
    name, expected = code.upper(), marks(script)
    outcome = examine(script, watch_every=EVERY)
    mine = [f for f in _all(outcome.report["findings"]) if f["code"] == name]
    assert mine, f"{name} is silent\n{outcome.describe()}"
    assert {f["where"].get("line") for f in mine} == {expected[name]}, outcome.describe()
    assert all(f["measured"] and f["expected"] and f["fix"] for f in mine)
    heard = [x["first"] for x in outcome.report["live"] if x["code"] == name]
    assert len(heard) <= 1, "one finding is one, however its numbers change"
    assert heard or name not in {f["code"] for f in outcome.report["findings"]}, (
        "not said while it ran, and beneath nothing"
    )
    assert all(16 < first < outcome.report["watched"] for first in heard), (
        "not at the start, and while it ran"
    )
    unlisted = outcome.codes - set(expected) - allowed(script)
    assert not unlisted, f"also fired: {unlisted}\n{outcome.describe()}"


@pytest.mark.parametrize("code", CODES)
def test_healthy_twin(code):
    outcome = examine(FOLDER / code / "watched" / "good.py", watch_every=EVERY)
    assert not outcome.fired, outcome.describe()
    assert outcome.report["watched"] > 100


def _all(findings):
    for finding in findings:
        yield finding
        yield from _all(finding["consequences"])
