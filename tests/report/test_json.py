import json
import math

import jsonschema
import pytest

from handmade import finding, report, rule, where
from netwright.report.json import from_json, pictures_to_json, schema, to_json
from netwright.report.plain import number, to_plain


def full():
    worst = finding(
        measured={"a": math.nan, "b": [math.inf, 1.5], "c": None, "d": "word", "e": True}, also=(where(3),)
    )
    return report(worst, finding("NW301"), rules=[rule("NW302", "NW301")], notes=["one"])


def test_follows_the_published_schema():
    for made in (full(), report()):
        data = json.loads(to_json(made), parse_constant=lambda c: pytest.fail(f"{c} is not strict JSON"))
        jsonschema.validate(data, schema(), jsonschema.Draft202012Validator)


def test_has_the_promised_top_level():
    data = json.loads(to_json(full()))
    assert data["schema"] == "netwright.report/1"
    assert data["verdict"] == "sick"
    assert data["findings"][0]["consequences"][0]["code"] == "NW301"
    assert data["findings"][0]["where"]["line"] == 31
    assert data["findings"][0]["measured"]["a"] == "NaN"


def test_comes_back_as_it_was():
    made = full()
    back = from_json(to_json(made), pictures_to_json(made.pictures))
    assert back.pictures == made.pictures
    assert to_json(back) == to_json(made)
    assert math.isnan(back.findings[0].measured["a"])
    assert back.findings[0].measured["b"] == (math.inf, 1.5)
    assert back.task == made.task
    assert back.program == made.program


def test_numbers_that_json_lacks():
    assert [to_plain(v) for v in (math.nan, math.inf, -math.inf, 1.5)] == [
        "NaN",
        "Infinity",
        "-Infinity",
        1.5,
    ]
    assert number("-Infinity") == -math.inf


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("{", "not JSON"),
        ("[]", "not a report"),
        ('{"schema": "x/9"}', "x/9"),
        ('{"schema": "netwright.report/1"}', "incomplete"),
    ],
)
def test_says_what_is_wrong_with_a_file(text, word):
    with pytest.raises(ValueError, match=word):
        from_json(text)
