"""Every remedy on the faulty program of each rule that it mends: what it makes of it is silent about that fault."""

import json
from functools import cache
from pathlib import Path

import pytest

from netwright.evidence import EXPERIMENTS
from netwright.registry import find_rule
from netwright.remedies import Refused, all_remedies
from netwright.report.json import from_json
from netwright.rule import Severity, every

from ..programs import examine

RULES = Path(__file__).parents[1] / "rules"
PAIRS = [
    (r.name, code) for r in all_remedies() for code in r.mends if (RULES / code.lower() / "bad.py").exists()
]


def findings(outcome, code):
    report = from_json(json.dumps(outcome.report))
    return [f for top in report.findings for f in every(top) if f.code == code]


def experiments(code):
    return tuple(EXPERIMENTS[k] for k in find_rule(code).needs.values() if k in EXPERIMENTS)


@cache
def faulty(code):
    """What is found in the rule's faulty program, once for all of its remedies."""
    return findings(
        examine(RULES / code.lower() / "bad.py", verbose=True, experiments=experiments(code)), code
    )


@pytest.mark.parametrize(("name", "code"), sorted(PAIRS, key=lambda pair: pair[1]))
def test_the_fault_is_gone(name, code, tmp_path):
    (remedy,) = [r for r in all_remedies() if r.name == name]
    script = RULES / code.lower() / "bad.py"
    found = faulty(code)
    assert found
    why = []
    for finding in found:
        try:
            patch = remedy.apply(finding)
            break
        except Refused as reason:
            why.append(str(reason))
    else:
        pytest.skip(f"it refuses: {'; '.join(why)}") if name in MAY_REFUSE.get(code, ()) else pytest.fail(
            f"it refuses: {'; '.join(why)}"
        )
    assert patch.source.text == script.read_text()
    if name in EASES.get(code, ()):
        return
    mended = tmp_path / "bad.py"
    mended.write_text(patch.after)
    left = findings(examine(mended, verbose=True, experiments=experiments(code)), code)
    if finding.severity is not Severity.INFO:  # what is only worth knowing nominates no remedy
        left = [f for f in left if f.severity is not Severity.INFO]
    assert [f.message for f in left] == [], patch.after


# Where a remedy of the fault does not hold on the rule's own program, and says so.
MAY_REFUSE = {
    "NW118": ("single-precision",),  # fractions are cut off there
    "NW204": ("sigmoid-for-one-output",),  # its output is a ReLU
    "NW304": ("add-last-activation",),  # its loss is torch's
    "NW405": ("keep-graph",),
    "NW221": ("batch-first",),
    "NW406": ("exchange-activation",),
}
# What makes a fault harmless without taking away what the rule measures.
EASES = {
    "NW407": ("clip-gradients",),  # the gradient still grows over time; the step does not
}
