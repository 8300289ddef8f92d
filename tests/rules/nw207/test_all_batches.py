"""NW206 and NW207 go by all batches where they were run, and by the first one where not."""

from pathlib import Path

from tests.programs import examine

BAD = Path(__file__).parent / "bad.py"


def _finding(**given):
    todo = list(examine(BAD, check=True, **given).report["findings"])
    return next(f for f in todo if f["code"] == "NW207")


def test_dead_units_are_counted_over_all_batches():
    one, many = _finding(), _finding(experiments=("signal-propagation",))
    assert one["measured"]["samples"] == 64
    assert many["measured"]["samples"] == 8 * 64
    assert many["where"]["line"] == one["where"]["line"]
    assert many["measured"]["dead"] <= one["measured"]["dead"]
