"""The watched run on the page: which curves there are, how few points they take, what is marked."""

import math

from handmade import evidence, report
from histories import falling, healthy, history, series
from netwright.engine import Judgement
from netwright.evidence import History, Where
from netwright.report.build import build_report
from netwright.report.course import courses
from netwright.report.curves import curves
from netwright.report.html import to_html
from netwright.report.json import from_json, pictures_to_json, to_json
from netwright.report.model import Course, Curve, Live
from netwright.rule import Severity


def drawn(run):
    return {c.title.partition(" (")[0]: c for c in courses(run)}


def test_loss_rate_gradients_updates_and_metrics_are_drawn():
    run = healthy(
        metric__eval__accuracy=[0.5, 0.8],
        metric__eval__loss=[2.0, 1.0],
        parameter__fc_dot_weight__grad_norm=[1.0] * 60,
        parameter__fc_dot_bias__grad_norm=[1.0] * 60,
    )
    found = drawn(run)
    assert list(found) == [
        "Loss", "Learning rate", "Gradient norm", "Size of a step beside its weight", "Metrics in evaluation",
    ]  # fmt: skip
    assert [c.name for c in found["Gradient norm"].curves] == ["fc.weight"]
    assert [c.name for c in found["Metrics in evaluation"].curves] == ["accuracy"]
    assert found["Size of a step beside its weight"].mark == 1e-3


def test_of_many_weights_a_few_from_first_to_last_are_drawn():
    run = history(**{f"parameter__l{i:02}_dot_weight__grad_norm": [1.0, 2.0] for i in range(40)})
    names = [c.name for c in drawn(run)["Gradient norm"].curves]
    assert len(names) == 6
    assert (names[0], names[-1]) == ("l00.weight", "l39.weight")


def test_a_long_series_becomes_medians_with_their_range():
    values = [1.0, 5.0, 3.0] * 1000
    (curve,) = drawn(history(loss__0=values))["Loss"].curves
    assert len(curve.steps) <= 200
    assert set(curve.values) == {3.0}
    assert set(curve.low) == {1.0}
    assert set(curve.high) == {5.0}


def test_what_is_no_number_is_a_gap_and_a_zero_lies_on_the_floor():
    run = history(loss__0=[2.0, math.nan, 1e-3, 0.0, 1.0])
    (curve,) = drawn(run)["Loss"].curves
    assert curve.values == (2.0, None, 1e-3, 0.0, 1.0)
    course = Course(title="Loss", curves=(curve,), log=True)
    assert curves(course).count("<polyline") == 2
    assert "nan" not in curves(course)


def test_nothing_is_drawn_of_nothing():
    assert not drawn(history())
    assert not drawn(history(loss__0=[1.0]))
    assert curves(Course(title="Loss", curves=(Curve(name="loss", steps=(0,), values=(None,)),))) == ""
    still = drawn(history(rate__0__0=[0.1, 0.1]))["Learning rate"]
    assert "<polyline" in curves(still)


def live(**changes):
    given = {"first": 20, "last": 60, "said": 30, "withdrawn": None, **changes}
    return Live(
        code="NW601",
        name="loss-not-decreasing",
        severity=Severity.WARNING,
        message="it stands",
        where=Where(file="/project/train.py", line=9),
        **given,
    )


def test_the_page_shows_the_run_and_can_be_written_again():
    made = build_report(
        Judgement(findings=(), checked=()),
        {**evidence(), History: healthy(loss__0=series(falling()))},
        live=[live(), live(withdrawn=70), live(last=40)],
        watched=300,
    )
    page = to_html(made)
    assert 'id="run"' in page
    assert "300 steps were watched" in page
    assert "gone since step 70" in page
    assert "not seen again" in page
    assert page.count('class="moment"') >= 3
    again = to_html(from_json(to_json(made), pictures_to_json(made.pictures)))
    assert again.count('class="line c0"') == page.count('class="line c0"') > 0


def test_a_run_that_was_not_watched_has_no_such_part():
    assert 'id="run"' not in to_html(report())
