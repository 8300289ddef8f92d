"""Every remedy on the faulty program of each rule that it mends: what it makes of it is silent about that fault, and where hooks can do the same, they train it to the same last bit."""

import json
from functools import cache
from pathlib import Path

import pytest

from netwright.evidence import EXPERIMENTS
from netwright.registry import find_rule
from netwright.remedies import Refused, all_remedies
from netwright.report.json import from_json
from netwright.rerun import Plan
from netwright.rule import Severity, every

from ..programs import examine
from ..rerun.forked import rerun
from ..test_rule_programs import options

RULES = Path(__file__).parents[1] / "rules"
# Where the rule's own program has nothing of what the remedy assumes; tests of the remedy itself say what it does elsewhere.
ELSEWHERE = {
    ("remove-augmentation", "NW120"),  # the dataset is shared with the training
    ("keep-all-samples", "NW107"),  # the data have so few of their own
    ("within-samples", "NW217"),  # attention over the batch
    ("causal-mask", "NW218"),  # torch's own attention function
    ("clip-gradients", "NW414"),  # a masked softmax
    ("fill-non-finite", "NW414"),
    ("lower-learning-rate", "NW414"),
    ("clip-gradients", "NW603"),  # a division by 0
    ("lower-learning-rate", "NW603"),
    ("leaky-activation", "NW216"),  # an input that is overwritten
    ("leave-weights-alone", "NW421"),  # weights that were loaded, not trained
    ("lower-learning-rate", "NW501"),  # what the range test recommends comes first
    ("higher-learning-rate", "NW502"),
    ("load-in-this-process", "NW908"),  # it ends its own process
    ("load-in-this-process", "NW910"),  # a network that is saved
    ("strip-prefix", "NW909"),  # layers of another size
    ("on-one-device", "NW903"),  # what lies on the meta device has no values to move
    ("smaller-batches", "NW904"),  # no batch size mends a table of 64 TiB
    ("loss-for-class-numbers", "NW305"),  # a squared error behind a softmax
    ("loss-for-independent-labels", "NW305"),
    ("sigmoid-for-independent-labels", "NW305"),
    ("contiguous-weights", "NW409"),  # an optimizer that is never stepped
}
# Whose rule needs an experiment of many seconds; that the edit does what it says is seen in test_data.py and test_rare_faults.py.
LONG = {
    ("drop-leaking-column", "NW119"),
    ("ignore-padding", "NW121"),
    ("skip-padding", "NW121"),
    ("fewer-blocks", "NW208"),
    ("wider-hidden-layers", "NW701"),
    ("wider-hidden-layers", "NW707"),
}
PAIRS = [
    (r.name, code)
    for r in all_remedies()
    for code in r.mends
    if (RULES / code.lower() / "bad.py").exists() and (r.name, code) not in ELSEWHERE | LONG
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
        examine(
            RULES / code.lower() / "bad.py",
            verbose=True,
            experiments=experiments(code),
            **options(code.lower()),
        ),
        code,
    )


def patched(remedy, code):
    """The first finding that the remedy does not refuse, and the patch."""
    why = []
    assert faulty(code)
    for finding in faulty(code):
        try:
            return finding, remedy.apply(finding)
        except Refused as reason:
            why.append(str(reason))
    words = f"it refuses: {'; '.join(why)}"
    return pytest.skip(words) if remedy.name in MAY_REFUSE.get(code, ()) else pytest.fail(words)


@pytest.mark.parametrize(("name", "code"), sorted(PAIRS, key=lambda pair: pair[1]))
def test_the_fault_is_gone(name, code, tmp_path):
    (remedy,) = [r for r in all_remedies() if r.name == name]
    script = RULES / code.lower() / "bad.py"
    finding, patch = patched(remedy, code)
    assert patch.source.text == script.read_text()
    if name in EASES.get(code, ()):
        return
    mended = tmp_path / "bad.py"
    mended.write_text(patch.after)
    left = findings(
        examine(mended, verbose=True, experiments=experiments(code), **options(code.lower())), code
    )
    if finding.severity is not Severity.INFO:  # what is only worth knowing nominates no remedy
        left = [f for f in left if f.severity is not Severity.INFO]
    assert [f.message for f in left] == [], patch.after


@pytest.mark.parametrize(
    ("name", "code"),
    sorted(
        ((n, c) for n, c in PAIRS for r in all_remedies() if r.name == n and r.hooks),
        key=lambda pair: pair[1],
    ),
)
def test_both_forms_train_identically(name, code, tmp_path):
    (remedy,) = [r for r in all_remedies() if r.name == name]
    script = RULES / code.lower() / "bad.py"
    finding, patch = patched(remedy, code)
    if name in BY_EDIT_ALONE.get(code, ()):
        with pytest.raises(Refused):
            remedy.treat(finding)
        return
    mended = tmp_path / "bad.py"
    mended.write_text(patch.after)
    treated = (remedy.treat(finding).intervention,)
    edited, hooked, plain = (
        rerun(path, Plan(digests=True, steps=_STEPS, interventions=made))
        for path, made in ((mended, ()), (script, treated), (script, ()))
    )
    assert hooked.weights == edited.weights
    if treated[0].name != "divide-loss":  # after what the trace notes as the loss
        assert hooked.losses == edited.losses
    if name != "evaluate-in-evaluation-mode":  # which trains as before
        assert hooked.weights != plain.weights


_STEPS = 12
# What is not seen without the source: an epoch's end, which activation is meant, what sets the weights of a layer, a softmax on another line.
BY_EDIT_ALONE = {
    "NW204": ("remove-last-activation",),
    "NW207": ("default-initialization",),
    "NW305": ("loss-for-classes",),
    "NW407": ("default-initialization",),
    "NW505": ("schedule-in-its-unit",),
}
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
