import base64
import math
import re
import zlib

import pytest

from handmade import samples
from netwright.evidence import Where
from netwright.report import Sample
from netwright.report.samples import draw
from netwright.report.source import excerpt
from netwright.report.svg import Series, bars, histogram, line_chart, nice_ticks, png, ranges, strip


def test_ticks_are_round_and_inside():
    assert nice_ticks(0, 255) == [0, 100, 200]
    assert nice_ticks(-1.0, 1.0) == [-1.0, -0.5, 0.0, 0.5, 1.0]
    assert nice_ticks(3, 3) == [3]


def test_pictures_of_nothing_are_empty():
    assert histogram([], label="x") == histogram([math.nan], label="x") == ""
    assert (
        bars({}, label="x")
        == ranges([], label="x")
        == line_chart([], [], label="x")
        == strip([], label="x")
        == ""
    )
    assert line_chart(["a"], [Series(name="f", kind="forward", values=(0.0,))], label="x") == ""


def test_constant_values_can_be_drawn():
    assert "<svg" in histogram([2.0] * 5, label="x")
    assert "<svg" in ranges([(0, 1.0, 0.0, 1.0, 1.0), (1, 1.0, 0.0, 1.0, 1.0)], label="x")


def test_a_gap_in_a_line_stays_a_gap():
    line = Series(name="f", kind="forward", values=(1.0, None, 2.0, 3.0))
    assert line_chart(list("abcd"), [line], label="x").count("<polyline") == 2


def test_png_holds_the_pixels():
    data = base64.b64decode(png([[(0.0,), (1.0,)], [(0.5,), (2.0,)]]).partition(",")[2])
    assert data.startswith(b"\x89PNG")
    start = data.index(b"IDAT")
    length = int.from_bytes(data[start - 4 : start], "big")
    assert zlib.decompress(data[start + 4 : start + 4 + length]) == bytes([0, 0, 255, 0, 128, 255])


def test_images_are_drawn_as_images_and_rows_as_bars():
    kinds = [
        "img" if d.picture.startswith("<img") else "svg" if d.picture.startswith("<svg") else ""
        for d in map(draw, samples())
    ]
    assert kinds == ["img", "img", "svg", "svg", "svg"]


@pytest.mark.parametrize("shape", [(8, 8), (1, 8, 8), (3, 8, 8), (8, 8, 3), (5, 8, 8), (100,)])
def test_shapes_that_are_images(shape):
    assert draw(Sample(name="x", shape=shape, values=(0.5,) * math.prod(shape))).picture.startswith("<img")


def test_names_are_escaped():
    assert "<b>" not in draw(Sample(name='"><b>', shape=(8, 8), values=(0.0,) * 64, target="<b>")).picture


def test_excerpt_has_the_neighbours(tmp_path):
    file = tmp_path / "a.py"
    file.write_text("a\n\tb\nc\n")
    lines = excerpt(Where(file=str(file), line=2))
    assert [(n.number, n.text, n.marked) for n in lines] == [
        (1, "a", False),
        (2, "    b", True),
        (3, "c", False),
    ]


def test_excerpt_of_a_file_that_changed_or_went_is_the_remembered_line(tmp_path):
    file = tmp_path / "a.py"
    file.write_text("other\n")
    for where in (
        Where(file=str(file), line=1, code=" x = 1"),
        Where(file="/gone.py", line=9, code=" x = 1"),
    ):
        assert [n.text for n in excerpt(where)] == ["x = 1"]
    assert excerpt(Where()) == ()
    assert excerpt(Where(file="/gone.py", line=9)) == ()


def test_a_linear_axis_has_room_for_negative_values():
    line = Series(name="gap", kind="forward", values=(-0.5, 0.0, 0.25))
    picture = line_chart(list("abc"), [line], label="x", log=False)
    heights = [float(y) for y in re.findall(r'cy="([\d.]+)"', picture)]
    assert heights == sorted(heights, reverse=True)
    assert (heights[0] - heights[1]) / (heights[1] - heights[2]) == pytest.approx(2, rel=0.02)
    assert "1e" not in picture
