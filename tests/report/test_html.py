import re
from html.parser import HTMLParser

from handmade import evidence, finding, report, rule, where
from netwright.engine import State
from netwright.report.html import to_html
from netwright.report.json import from_json, pictures_to_json, to_json
from netwright.rule import Severity

_VOID = {"meta", "img", "input", "br"}


class Balanced(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.loads += [
            v
            for k, v in attrs
            if k in ("src", "href", "data", "action") and not (v or "").startswith(("#", "data:"))
        ]
        assert "onclick" not in given
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def parsed(page: str) -> Balanced:
    parser = Balanced()
    parser.feed(page)
    assert parser.open == []
    return parser


def test_is_one_file_that_loads_nothing():
    page = to_html(report(finding()))
    assert parsed(page).loads == []
    assert "http://" not in page
    assert "@import" not in page
    assert not re.search(r"url\((?!#)", page)


def test_says_what_the_terminal_says():
    page = to_html(report(finding(), finding("NW301"), rules=[rule("NW302", "NW301")]))
    for part in (
        "does not train as it should because of 1 bug",
        "NW302",
        "model.py:31",
        "raw outputs enter",
        "remove the softmax",
        "NW301",
    ):
        assert part in page


def test_draws_the_evidence():
    page = to_html(report())
    assert page.count("<svg") >= 5
    assert page.count("data:image/png;base64,") == 2
    assert "feature 3: mean" in page
    assert "backward: gradients" in page
    assert 'id="graph-1"' in page


def test_escapes_what_the_program_says():
    evil = '<script>alert("x")</script><img src=x>'
    made = report(
        finding(
            message=evil, fix=evil, expected=evil, measured={evil: evil}, where=where(1, f"/a/{evil}.py")
        ),
        notes=[evil],
        states=(State.BROKEN,),
    )
    page = to_html(made)
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    parsed(page)


def test_backticks_become_code():
    assert "first layer <code>conv1</code> receives" in to_html(
        report(finding(message="the first layer `conv1` receives"))
    )


def test_shows_the_source_with_the_line_marked(tmp_path):
    script = tmp_path / "train.py"
    script.write_text("\n".join(f"x{i} = {i}" for i in range(1, 10)))
    page = to_html(report(finding(where=where(None, None).on().__class__(file=str(script), line=5))))
    rows = re.findall(r'<div(?: class="marked")?><span class="no">(\d+)</span>', page)
    assert rows == ["3", "4", "5", "6", "7"]
    assert re.search(r'class="marked"><span class="no">5<', page)


def test_stays_small_for_large_programs():
    large = evidence(calls=20000, depth=400, features=3000)
    page = to_html(report(*(finding(where=where(i)) for i in range(1, 60)), evidence=large))
    assert len(page.encode()) < 1_000_000
    assert "19600 calls in the middle are left out" in page


def test_healthy_and_cannot_tell_and_infos():
    assert "Nothing to mend" in to_html(report())
    assert "No training step was seen" in to_html(report(evidence={}))
    assert "1 worth knowing, but harmless" in to_html(report(finding(severity=Severity.INFO)))


def test_a_saved_report_draws_the_same_page():
    made = report(finding())
    assert to_html(from_json(to_json(made), pictures_to_json(made.pictures))) == to_html(made)


def test_works_without_pictures():
    page = to_html(from_json(to_json(report(finding()))))
    assert "NW302" in page
    assert "<svg" not in page
