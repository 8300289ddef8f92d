"""The last and the best value of every loss and metric, whatever becomes of the run and of its older samples."""

import math
import sqlite3

import pytest

from bench.runs.kill import killed
from netwright.evidence.history import Sample
from netwright.runs import Record, Run
from netwright.runs.final import Final, telling
from netwright.runs.store import FILE, MIGRATIONS


def recorded(folder, values, **given):
    """``values``: (step, table) pairs."""
    record = Record.create(folder, {}, **given)
    for step, table in values:
        record.add(Sample(step=step, seconds=float(step), values=table))
    record.end("finished")
    record.close()
    return Run(folder)


def test_what_is_best_depends_on_what_it_is(tmp_path):
    values = (0.5, 0.25, 0.75, 0.25, 0.75, 0.5)
    names = (
        "loss/0", "metric/eval/accuracy", "metric/eval/f1", "metric/train/mean_iou", "metric/eval/perplexity",
        "metric/eval/absolute_error", "metric/eval/loss", "metric/eval/of_a_later_version", "rate/0/0",
    )  # fmt: skip
    run = recorded(tmp_path / "r", [(10 * i, dict.fromkeys(names, v)) for i, v in enumerate(values)])
    least = Final(last=0.5, last_step=50, best=0.25, best_step=10)
    most = Final(last=0.5, last_step=50, best=0.75, best_step=20)
    assert dict(run.metrics) == {
        "loss/0": least,
        "metric/eval/accuracy": most,
        "metric/eval/f1": most,
        "metric/train/mean_iou": most,
        "metric/eval/perplexity": least,
        "metric/eval/absolute_error": least,
        "metric/eval/loss": least,
        "metric/eval/of_a_later_version": Final(last=0.5, last_step=50),
    }
    assert run.last_loss == 0.5


def test_parts_of_a_series_in_several_layouts_and_writes(tmp_path):
    record = Record.create(tmp_path / "r", {}, every_s=0.001)
    for step in range(200):
        loss = abs(step - 120) + 1.0
        more = {"rate/0/0": 0.1} if step % 7 == 0 else {}
        record.add(Sample(step=step, seconds=0.0, values={**more, "loss/0": loss}))
        if step % 20 == 0:
            record._wake.set()
            while record._samples:
                pass
    record.close()
    assert Run(tmp_path / "r").metrics["loss/0"] == Final(last=80.0, last_step=199, best=1.0, best_step=120)


def test_no_number_is_never_best(tmp_path):
    run = recorded(
        tmp_path / "r",
        [(i, {"loss/0": v, "loss/1": math.nan}) for i, v in enumerate((2.0, -math.inf, math.inf, math.nan))],
    )
    assert run.metrics["loss/0"].best == 2.0
    assert math.isnan(run.metrics["loss/0"].last)
    assert run.metrics["loss/1"].best is None
    assert math.isnan(run.last_loss)


def test_the_best_stays_when_its_sample_is_thinned_away(tmp_path):
    losses = [(s, {"loss/0": 0.001 if s == 333 else 1.0 + s}) for s in range(20_000)]
    run = recorded(tmp_path / "r", losses, limit=20_000)
    assert 333 not in run.series["loss/0"].steps
    assert run.metrics["loss/0"].best == 0.001
    assert run.metrics["loss/0"].best_step == 333


def test_a_killed_run_has_those_of_what_is_recorded(tmp_path):
    killed(tmp_path / "run", 0.4)
    run = Run(tmp_path / "run")
    series = run.series["loss/0"]
    found = run.metrics["loss/0"]
    assert (found.last, found.last_step) == (series.values[-1], series.steps[-1])
    assert found.best == min(series.values)


@pytest.mark.parametrize("version", [1, 2])
def test_a_record_of_an_earlier_version_has_them_from_its_series(tmp_path, version):
    run = recorded(tmp_path / "r", [(i, {"loss/0": v}) for i, v in enumerate((3.0, 1.0, 2.0))])
    (tmp_path / "old").mkdir()
    file = tmp_path / "old" / FILE
    db = sqlite3.connect(file)
    for number in range(version):
        db.executescript(MIGRATIONS[number])
    db.execute("ATTACH ? AS new", (str(run.folder / FILE),))
    for table, columns in (
        ("meta", "key, value"),
        ("series", "id, name"),
        ("layouts", "id, series"),
        ("chunks", "id, layout, first_step, last_step, steps, seconds, data"),
    ):
        db.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM new.{table}")
    db.execute(f"PRAGMA user_version = {version}")
    db.commit()
    db.close()
    before = file.read_bytes()
    old = Run(tmp_path / "old")
    assert old.metrics == run.metrics == {"loss/0": Final(last=2.0, last_step=2, best=1.0, best_step=1)}
    assert file.read_bytes() == before


def test_the_metric_that_tells_most():
    one = Final(last=1.0, last_step=1)
    assert telling({"loss/0": one}) is None
    assert telling(dict.fromkeys(("metric/train/accuracy", "metric/eval/loss"), one)) == "metric/eval/loss"
    assert telling(dict.fromkeys(("metric/eval/loss", "metric/eval/f1", "metric/eval/accuracy"), one)) == (
        "metric/eval/accuracy"
    )
    assert telling({"metric/train/absolute_error": one}) == "metric/train/absolute_error"
