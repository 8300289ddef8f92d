"""Well-known recipes that look like faults and are none: no error and no warning."""

from pathlib import Path

import pytest

from ..programs import examine

RECIPES = sorted((Path(__file__).parent / "programs").glob("*.py"))


@pytest.mark.parametrize("script", RECIPES, ids=lambda p: p.stem)
def test_no_false_alarm(script):
    outcome = examine(script)
    assert not outcome.fired, outcome.describe()
    assert not [c for c in outcome.report["checked"] if c["state"] == "broken"]
    assert not any("bit" in n or "not measured" in n for n in outcome.report["notes"]), outcome.describe()
