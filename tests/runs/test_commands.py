"""`netwright runs` on records made by hand."""

import io
import json
import math
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from netwright.cli import main
from netwright.evidence.history import Sample
from netwright.runs import Record, Run
from netwright.runs import find as find_runs
from netwright.runs.compare import code_diff, parting
from netwright.runs.curve_words import sparkline
from netwright.runs.repeat import CannotRepeat, changed_since
from netwright.runs.store import FILE
from netwright.runs.words import show_run
from netwright.runs.words_of_two import show_comparison


@pytest.fixture
def make(tmp_path):
    def make(name, losses=(2.0, 1.0), source="a = 1\n", status="finished", accuracy=0.5, series=(), **meta):
        record = Record.create(tmp_path / ".netwright" / "runs" / name, {
            "command": {"target": "train.py", "argv": ["--lr", "0.1"], "folder": str(tmp_path)},
            "arguments": {"lr": 0.1, "epochs": 3}, "seeds": {"torch": 1}, **meta,
        })  # fmt: skip
        for step, loss in enumerate(losses):
            record.add(Sample(step=step, seconds=float(step), values={"loss/0": loss, "rate/0/0": 0.1}))
        from netwright.runs.code import digest

        record.source("train.py", digest(source.encode()), source.encode())
        finding = {"code": "NW501", "name": "learning-rate-too-high", "severity": "warning"}
        record.finding({**finding, "where": {"file": "/x/train.py", "line": 7}}, key="a")
        record.finding({**finding, "code": "NW602", "severity": "error"}, key="b", state="withdrawn")
        record.add(Sample(step=1, seconds=1.0, values={"metric/eval/accuracy": accuracy, **dict(series)}))
        record.end(status)
        record.close()
        return Run(record.folder)

    return make


def called(tmp_path, *arguments, expect=0):
    result = CliRunner().invoke(main, ["runs", *arguments, "--from", str(tmp_path)], catch_exceptions=False)
    assert result.exit_code == expect, result.output
    return result.output


def test_the_list(make, tmp_path):
    make("2026-01-01-000000")
    make("2026-01-02-000000", status="crashed", losses=(3.0, math.nan))
    (tmp_path / ".netwright" / "runs" / "2026-01-03-000000").mkdir()
    (tmp_path / ".netwright" / "runs" / "2026-01-03-000000" / FILE).write_bytes(b"no database" * 100)
    (tmp_path / ".netwright" / "runs" / "2026-01-04-000000").mkdir()
    text = called(tmp_path)
    first, second, third = text.splitlines()[1:4]
    assert first.split()[:4] == ["2026-01-01-000000", "finished", "1", "1"]
    assert "1 warning" in first
    assert "error" not in first
    assert "train.py --lr 0.1" in first
    assert "eval accuracy 0.5" in first
    assert second.split()[1:4] == ["crashed", "1", "nan"]
    assert "unreadable" in third
    found = json.loads(called(tmp_path, "--json"))
    assert [f["status"] for f in found] == ["finished", "crashed", "unreadable"]
    assert found[1]["last_loss"] == "NaN"
    assert found[0]["findings"][1]["state"] == "withdrawn"
    assert found[0]["command"]["argv"] == ["--lr", "0.1"]


def test_runs_are_found_from_a_folder_below(make, tmp_path):
    make("2026-01-01-000000")
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert "2026-01-01-000000" in called(tmp_path / "a" / "b")


def test_one_run(make, tmp_path):
    make("2026-01-01-000000")
    for name in ("latest", "2026-01-01-000000", "2026", "000000", "01-01"):
        text = called(tmp_path, "show", name)
        for part in (
            "2026-01-01-000000",
            "finished",
            "arguments.lr",
            "0.1",
            "NW501",
            "train.py:7",
            "loss/0",
            "█▁",
            "eval accuracy",
            "no git repository",
        ):
            assert part in text
        assert "NW602 learning-rate-too-high (withdrawn)" in text
    found = json.loads(called(tmp_path, "show", "latest", "--json"))
    assert found["series"]["loss/0"] == {
        "points": 2,
        "first_step": 0,
        "last_step": 1,
        "first": 2.0,
        "last": 1.0,
    }
    assert found["meta"]["seeds"] == {"torch": 1}
    assert found["metrics"]["loss/0"] == {"last": 1.0, "last_step": 1, "best": 1.0, "best_step": 1}


def data_of(digest="ab" * 16, size=10, labels="cd" * 16, **more):
    array = {"shape": [8], "dtype": "torch.int64", "digest": labels}
    return {
        "files": {"read": {"train.csv": {"size": size, "modified": 0.0, "digest": digest}, **more}, "more": False},
        "data": {
            "loaders": [{"role": "train", "dataset": "TensorDataset", "samples": 8, "batch_size": 4, "content": {"tensors.0": array}}],
            "first_batch": [array],
        },
    }  # fmt: skip


def test_data_and_metrics_of_two_runs(make, tmp_path):
    left = make("2026-01-01-000000", **data_of())
    other = {"more.csv": {"size": 3, "modified": 0.0, "digest": "0f" * 16}}
    changed = data_of(size=12, labels="ef" * 16, **other)
    right = make("2026-01-02-000000", accuracy=0.75, losses=(2.0, 0.5, 1.0), **changed)
    found = json.loads(called(tmp_path, "compare", left.id, right.id, "--json"))
    assert [d["name"] for d in found["data"]] == [
        "train.csv", "loader 0: tensors.0", "first batch: input 0", "more.csv",
    ]  # fmt: skip
    assert "(abababab)" in found["data"][0]["left"]
    assert found["data"][-1]["left"] == ""
    assert found["metrics"]["metric/eval/accuracy"]["last_difference"] == 0.25
    assert found["metrics"]["loss/0"]["best_difference"] == -0.5
    assert found["metrics"]["loss/0"]["right"]["best_step"] == 1
    text = called(tmp_path, "compare", left.id, right.id)
    for part in ("train.csv", "more.csv", "loader 0: tensors.0", "(efefefef)", "eval accuracy", "+0.25"):
        assert part in text
    assert "0.5 at step 1" in text
    assert "Data: the same (1 file, 1 loader)" in called(tmp_path, "compare", left.id, left.id)
    text = called(tmp_path, "show", right.id)
    for part in ("2 files, 1 loader", "12 B of ", "train: TensorDataset of 8 samples, batches of 4"):
        assert part in text


def test_data_of_a_record_that_holds_less(make, tmp_path):
    loader = {"role": "train", "samples": 8, "batch_size": 4}
    left = make("2026-01-01-000000", data={"loaders": [loader], "first_batch": []})
    make("2026-01-02-000000", **data_of())
    assert "Data: the same (of one of them neither files" in called(tmp_path, "compare", left.id, "latest")
    make("2026-01-03-000000", data={"loaders": [{**loader, "samples": 9}]})
    assert "8 samples" in called(tmp_path, "compare", left.id, "latest")


def test_two_runs(make, tmp_path):
    left = make("2026-01-01-000000", losses=(2.0, 1.0, 0.5))
    make(
        "2026-01-02-000000",
        losses=(2.0, 1.0, 0.5000001, 0.4),
        source="a = 2\n",
        seeds={"torch": 2},
        constants={"N": 1},
    )
    text = called(tmp_path, "compare", left.id, "latest")
    for part in (
        "seeds.torch",
        "constants.N",
        "–",
        "-a = 1",
        "+a = 2",
        "part at step 2: loss/0 is 0.5 and 0.5000001",
    ):
        assert part in text
    assert "arguments.lr" not in text
    found = json.loads(called(tmp_path, "compare", left.id, "latest", "--json"))
    assert found["settings"] == [
        {"name": "constants.N", "left": None, "right": 1},
        {"name": "seeds.torch", "left": 1, "right": 2},
    ]
    assert found["losses"] == {
        "compared_steps": 3,
        "same": False,
        "parts_at": 2,
        "series": "loss/0",
        "values": [0.5, 0.5000001],
        "divided_by": [1.0, 1.0],
    }


def test_losses_that_are_the_same_bit_for_bit(make):
    left = make("a", losses=(1.0, math.nan, math.inf))
    right = make("b", losses=(1.0, math.nan, math.inf, 3.0))
    assert parting(left, right).same
    assert parting(left, right).compared == 3
    assert not parting(left, make("c", losses=())).same
    assert parting(left, make("d", losses=(1.0, math.nan, -math.inf))).step == 2
    assert parting(left, make("e", losses=(math.nextafter(1.0, 2.0),))).step == 0


def test_nothing_is_recorded(tmp_path, monkeypatch):
    monkeypatch.setattr(find_runs, "RUNS", Path("no folder of this name") / "runs")  # also above tmp_path
    assert "nothing is recorded here" in called(tmp_path, expect=2)


def test_what_cannot_be_meant(make, tmp_path):
    (tmp_path / ".netwright" / "runs").mkdir(parents=True)
    assert "there is no record in" in called(tmp_path, "show", "latest", expect=2)
    make("2026-01-01-000000")
    make("2026-01-02-000000")
    assert "there is no run 1999" in called(tmp_path, "show", "1999", expect=2)
    assert "may mean 2 runs" in called(tmp_path, "show", "2026", expect=2)
    (tmp_path / ".netwright" / "runs" / "2026-01-02-000000" / FILE).write_bytes(b"no database" * 100)
    assert "cannot be read" in called(tmp_path, "show", "latest", expect=2)
    assert "cannot be read" in called(tmp_path, "compare", "01-01", "latest", expect=2)


def test_a_damaged_middle_is_no_traceback(make, tmp_path):
    run = make("2026-01-01-000000", losses=[1.0] * 5000)
    file = run.folder / FILE
    data = bytearray(file.read_bytes())
    data[len(data) // 2 :] = b"\xff" * (len(data) - len(data) // 2)
    file.write_bytes(data)
    result = CliRunner().invoke(main, ["runs", "show", "latest", "--from", str(tmp_path)])
    assert result.exit_code == 2
    assert "cannot be read" in result.output
    assert CliRunner().invoke(main, ["runs", "--from", str(tmp_path)]).exit_code == 0


def test_what_has_changed_since(make, tmp_path):
    (tmp_path / "train.py").write_text("a = 2\n")
    run = make(
        "r", environment={"python": "2.7.1", "packages": {"click": "0.1", "no-such-package": "1"}}, seeds={}
    )
    code, rest = changed_since(run)
    assert "-a = 1" in code
    assert "+a = 2" in code
    assert "Python was 2.7.1" in rest
    assert "click was 0.1" in rest
    assert "no-such-package" not in rest
    assert "seeds nothing" in rest
    (tmp_path / "train.py").write_text("a = 1\n")
    assert changed_since(make("s")) == ("", "")


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ({}, "does not say"),
        ({"target": "train.py", "folder": "/no/such/folder"}, "is gone"),
        ({"target": "gone.py"}, "script .* is gone"),
        ({"target": "train.py", "masked": True}, "secret"),
    ],
)
def test_what_cannot_be_repeated(make, tmp_path, command, why):
    run = make("r", command={"folder": str(tmp_path), **command})
    with pytest.raises(CannotRepeat, match=why):
        changed_since(run)


def test_a_diff_of_files_that_come_go_and_were_too_long():
    text = code_diff({"a.py": "x\n", "long.py": None}, {"b.py": "y", "long.py": "z"})
    for part in ("--- a/a.py", "-x", "+++ b/b.py", "+y", "long.py has changed; its text was too long"):
        assert part in text


def test_code_that_differs_in_a_secret_alone_is_not_the_same(make, tmp_path):
    left, right = (make(f"2026-01-0{i}-000000", source=f"PWD = 'hunter{i}'\n") for i in (1, 2))
    text = called(tmp_path, "compare", left.id, right.id)
    assert "train.py has changed in a text that is masked" in text
    assert "hunter" not in text
    assert "Code: the same" not in text


def test_sparklines():
    assert sparkline([0.0, 1.0], 48) == "▁█"
    assert sparkline([1.0, 1.0], 48) == "▁▁"
    assert sparkline([1.0, math.nan, 2.0], 48) == "▁!█"
    assert sparkline([], 48) == ""
    assert len(sparkline(range(1000), 48)) == 48


LONG = "parameter/encoder.layers.0.self_attention.in_projection.weight/update_ratio"


def shown(run_or_two, width):
    console = Console(width=width, file=io.StringIO())
    if isinstance(run_or_two, Run):
        show_run(console, run_or_two)
    else:
        show_comparison(console, *run_or_two)
    return console.file.getvalue().split("Curves")[1].split("Metrics")[0].splitlines()


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_names_and_numbers_of_curves_are_whole_at_any_width(make, width):
    runs = [make(f"2026-01-0{i}-000000", series={LONG: 0.25, "run/memory_bytes": 3.7e8}) for i in (1, 2)]
    for lines in (shown(runs[0], width), shown(runs, width)):
        text = "\n".join(lines)
        assert LONG in text
        assert "…" not in text
        memory = next(i for i, line in enumerate(lines) if "run/memory_bytes" in line)
        assert "370.0 MB" in lines[memory] + lines[memory + 1]
        assert "3.7e+08" not in text
        if width >= 80:
            assert max(len(line) for line in lines if LONG not in line) <= width


def test_memory_of_the_machine_is_in_gigabytes(make, tmp_path):
    make("2026-01-01-000000", hardware={"memory_bytes": 25276502016})
    assert "25.3 GB" in called(tmp_path, "show", "latest")


def test_a_loss_that_is_divided_for_accumulation_is_not_compared_as_if_it_were_whole(make, tmp_path):
    whole = make("2026-01-01-000000", losses=(2.0, 1.9))
    accumulation = {"batches_per_step": 4, "loss_divided_by": 4.0}
    parts = make("2026-01-02-000000", losses=(0.5, 0.475), accumulation=accumulation)
    first, second = called(tmp_path).splitlines()[1:3]
    assert first.split()[3] == second.split()[3] == "1.9"
    assert "loss/0 (loss / 4)" in called(tmp_path, "show", parts.id)
    assert "loss / " not in called(tmp_path, "show", whole.id)
    text = called(tmp_path, "compare", whole.id, parts.id)
    assert "accumulation.loss_divided_by" in text
    assert "loss/0 (loss and loss / 4)" in text
    (row,) = [line for line in text.splitlines() if line.strip().startswith("loss/0") and "–" in line]
    assert row.split()[-1] == "–"
    assert "The losses part" not in text
    assert "is not the same number in both runs" in text
    found = json.loads(called(tmp_path, "compare", whole.id, parts.id, "--json"))
    assert found["losses"]["divided_by"] == [1.0, 4.0]
    assert found["metrics"]["loss/0"]["last_difference"] is None
    same = json.loads(called(tmp_path, "compare", parts.id, parts.id, "--json"))
    assert same["metrics"]["loss/0"]["last_difference"] == 0


def test_one_word_for_how_a_run_ended(make, tmp_path):
    for name, kind, word in (
        ("2026-01-01-000000", "check", "checked"),
        ("2026-01-02-000000", "run", "stopped"),
    ):
        make(name, status="stopped", command={"kind": kind, "target": "train.py", "argv": []})
        assert called(tmp_path, "show", name).split()[1] == word
        assert [line.split()[1] for line in called(tmp_path).splitlines() if line.startswith(name)] == [word]
        assert json.loads(called(tmp_path, "show", name, "--json"))["status"] == word


def test_a_run_by_the_text_of_its_path(make):
    run = make("2026-01-01-000000")
    again = Run(str(run.folder))
    assert (again.id, again.folder, again.meta) == (run.id, run.folder, run.meta)


def test_secrets_that_an_earlier_version_wrote_are_not_shown_or_handed_on(make, tmp_path):
    command = {
        "target": "train.py",
        "argv": ["--password", "hunter2"],
        "folder": str(tmp_path),
        "masked": False,
    }
    (tmp_path / "train.py").write_text("")
    run = make(
        "2026-01-01-000000",
        command=command,
        configurations={"cfg": {"auth": "Bearer 0123"}},
        source="PWD = 'hunter2'\n",
    )
    assert json.loads(called(tmp_path, "show", "latest", "--json"))["meta"]["configurations"] == {
        "cfg": {"auth": "***"}
    }
    assert "hunter2" not in called(tmp_path) + called(tmp_path, "show", "latest")
    assert run.sources["train.py"].text == "PWD = '***'\n"
    with pytest.raises(CannotRepeat, match="secret"):
        changed_since(run)
