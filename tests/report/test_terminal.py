import io
from pathlib import Path

import pytest

from handmade import finding, report, rule, where
from netwright.engine import State
from netwright.evidence import Crash, ModuleCall, TensorInfo
from netwright.report.html import to_html
from netwright.report.json import from_json, pictures_to_json, to_json
from netwright.report.terminal import show
from netwright.rule import Kind, Severity


def said(made, **options) -> str:
    stream = io.StringIO()
    show(made, stream=stream, **options)
    return stream.getvalue()


def test_one_line_when_all_is_well(monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    text = said(report(states=(State.PASSED, State.NOT_APPLICABLE)), path=Path("r.html"))
    line = " ".join(text.split())
    assert line == (
        "netwright: train.py: nothing to mend (classification, 10 classes). 2 rules: 1 passed, 1 not applicable; report: r.html"
    )


def test_a_finding_says_what_where_expected_and_what_to_do(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    text = said(report(finding(), finding("NW101", kind=Kind.DATA)), path=Path("r.html"))
    assert (
        "Diagnosis  train.py does not train as it should because of 1 bug in the program and 1 problem in the"
        in text
    )
    for part in (
        "1  NW302 rule-nw302",
        "model.py:31",
        "module head",
        "expected   raw outputs",
        "do this    remove the softmax",
    ):
        assert part in text
    assert "Report     r.html" in text
    assert "netwright explain NW302" in text


def test_warnings_alone_are_said_with_more_care():
    assert "trains, but is likely held back because of 1 bug" in said(
        report(finding(severity=Severity.WARNING))
    )


def test_a_crash_is_called_a_crash():
    text = said(report(finding("NW901"), finding()))
    assert "train.py stops with an error that can be explained; also seen: 1 bug" in text


def test_consequences_stand_beneath_their_cause():
    text = said(report(finding(), finding("NW301"), rules=[rule("NW302", "NW301")]))
    assert text.index("do this") < text.index("└ so also  NW301 rule-nw301")


def test_infos_are_hidden_until_asked_for():
    made = report(finding("NW001", severity=Severity.INFO))
    assert "nothing to mend" in said(made)
    assert "worth knowing (-v): NW001 rule-nw001" in " ".join(said(made).split())
    assert made.findings[0].message not in said(made)
    assert "NW001 rule-nw001" in said(made, verbose=True)


def test_verbose_lists_every_rule_with_its_reason():
    text = said(report(finding()), verbose=True)
    assert "NW102 rule-2" in text
    assert "no images here" in text


def test_quiet_is_silent_when_all_is_well():
    assert said(report(), quiet=True) == ""
    assert len(said(report(finding()), quiet=True).splitlines()) == 2


def test_many_findings_of_one_rule_are_counted():
    made = report(*(finding("NW404", where=where(i)) for i in range(1, 9)))
    assert "and 5 more NW404" in said(made)


@pytest.mark.parametrize("width", [40, 60, 120])
def test_keeps_to_the_width(monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    long = "a sentence with `some.long.module.path.that.does.not.break` in it " * 5
    text = said(report(finding(message=long, fix=long, where=where(31, "/very/long/" * 12 + "train.py"))))
    assert max(map(len, text.splitlines())) <= width


def test_plain_when_not_a_terminal():
    assert "\x1b" not in said(report(finding()))


def test_text_is_never_read_as_markup():
    assert "[bold]x[/nope]" in said(report(finding(message="[bold]x[/nope]")))


def test_cannot_tell(monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    text = said(report(evidence={}, states=()))
    assert "cannot tell" in text


def test_a_crash_shows_the_shapes_up_to_the_failure():
    image, flat = (TensorInfo(shape=s, dtype="float32") for s in ((64, 1, 8, 8), (64, 256)))
    calls = (
        ModuleCall(module="", type="Net", inputs=(image,), outputs=(), config={"odd": object()}),
        ModuleCall(module="conv", type="Conv2d", inputs=(image,), outputs=(flat,), depth=1),
        ModuleCall(module="fc", type="Linear", inputs=(flat,), outputs=(), failed=True, depth=1),
    )
    crash = Crash(type="RuntimeError", message="shapes", where=where(3), calls=calls)
    made = report(finding("NW901"), evidence={Crash: crash})
    text = said(made)
    assert "conv  Conv2d  64 × 1 × 8 × 8 → 64 × 256" in text
    assert "fc    Linear  64 × 256 → fails here" in text
    page = to_html(from_json(to_json(made), pictures_to_json(made.pictures)))
    assert "fails here" in page
    assert "shapes  " not in said(report(finding("NW908"), evidence={Crash: crash}))  # a worker has died
