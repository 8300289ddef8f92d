"""What NW414 and NW603 say of the steps before: no more than is known of them, and the command that leads to where it began."""

import math

import pytest

from netwright.engine import judge
from netwright.evidence import Finiteness, History, NonFinite, Series
from netwright.registry import find_rule

LOOK_AT_300 = "netwright check --look-at 300 "
EVERY_STEP = "netwright run --watch-every 1 --on-error stop "
UPDATE = {
    "phase": "update",
    "steps": 301,
    "loss": math.nan,
    "nan": True,
    "parameters": ("a", "b"),
    "replayed": True,
}


def said(code="NW414", history=None, **first):
    evidence = {Finiteness: Finiteness(first=NonFinite(**first))}
    if history is not None:
        evidence[History] = history
    (finding,) = judge([find_rule(code)], evidence).findings
    return finding


@pytest.mark.parametrize(
    ("known", "message", "fix"),
    [
        ({"finite": 300}, "the loss of step 300 was finite: its backward pass or its update", LOOK_AT_300),
        ({"finite": 300, "gradients": False}, "in step 300 the loss was finite, and gradients were not", LOOK_AT_300),
        ({"finite": 300, "gradients": True}, "its update spoilt them", "clip the gradients"),
        ({"finite": 256}, "the loss of step 256 was finite, and the steps in between were not", EVERY_STEP),
        ({}, "a step before spoilt them", EVERY_STEP),
        ({"finite": 301}, "within step 301, whose loss was finite at first", "netwright check --look-at 301 "),
        ({"finite": 300, "broken": 301, "steps": 309}, "nor is the loss of step 301; the loss of step 300", LOOK_AT_300),
        ({"finite": 300, "at_end": True}, "at the end of the run; the last loss that was seen", EVERY_STEP),
    ],
)  # fmt: skip
def test_spoilt_weights(known, message, fix):
    finding = said(**{**UPDATE, **known})
    assert message in finding.message
    assert finding.fix.startswith(fix)
    assert "spoilt" not in finding.message or "parameters (a, b) are not finite" in finding.message


def test_a_step_that_could_not_be_run_again_is_named_by_its_number_and_looked_at():
    finding = said(phase="forward", steps=12, loss=math.nan, nan=True, finite=8)
    assert "the loss is NaN in step 12 (the losses of steps 9 to 11 were not looked at)" in finding.message
    assert finding.fix.startswith("netwright check --look-at 12 ")
    assert "looked at)" not in said(phase="forward", steps=12, loss=math.nan, nan=True, finite=11).message


def test_the_course_of_the_loss_says_what_was_not_looked_at():
    series = Series(steps=(0, 8, 16), values=(1.0, 0.9, math.nan))
    run = History(series={"loss/0": series}, steps=17, seconds=1.0)
    first = {**UPDATE, "steps": 16, "finite": 8}
    assert (
        "the loss from step 16 on at the latest (that of step 8 was finite)"
        in said("NW603", run, **first).message
    )
    assert "the loss from step 16 on" in said("NW603", run, **{**first, "finite": 15}).message
    assert "latest" not in said("NW603", run, **{**first, "finite": 15}).message
