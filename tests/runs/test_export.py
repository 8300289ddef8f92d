"""Runs handed to other trackers, by their real libraries where they are installed, and read back by those."""

import json
import struct
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from netwright.cli import main
from netwright.evidence.history import Sample
from netwright.runs import Record, Run
from netwright.runs import export as exporting
from netwright.runs.export import NotInstalled, export

LOSSES = (2.0, 1.5, 1.25)


@pytest.fixture
def run(tmp_path):
    record = Record.create(tmp_path / ".netwright" / "runs" / "2026-01-02-030405", {
        "command": {"target": "train.py", "argv": ["--lr", "0.1"], "folder": str(tmp_path)},
        "arguments": {"lr": 0.1}, "optimizers": [{"type": "SGD", "groups": [{"lr": 0.1}]}],
        "environment": {"python": "3.11", "packages": {"torch": "2.9"}}, "code": {"commit": "abc"},
        "files": {"read": {"train.csv": {"size": 1, "modified": 0.0, "digest": "ab"}}},
    })  # fmt: skip
    for step, loss in enumerate(LOSSES):
        record.add(Sample(step=step, seconds=float(step), values={"loss/0": loss, "rate/0/0": 0.1}))
    finding = {
        "code": "NW501",
        "name": "learning-rate-too-high",
        "severity": "warning",
        "message": "too high",
    }
    record.finding(finding, key="NW501")
    record.end("finished")
    record.close()
    return Run(record.folder)


def test_tensorboard(run, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    export(run, "tensorboard", tmp_path / "out")
    read = EventAccumulator(str(tmp_path / "out" / run.id)).Reload()
    assert [(e.step, e.value) for e in read.Scalars("loss/0")] == list(enumerate(LOSSES))
    assert set(read.Tags()["tensors"]) == {"configuration", "data", "findings", "metrics"}
    (text,) = read.Tensors("metrics")
    assert b"| loss/0 | 1.25 | 2 | 1.25 | 2 |" in text.tensor_proto.string_val[0]
    (text,) = read.Tensors("configuration")
    assert b"| arguments.lr | 0.1 |" in text.tensor_proto.string_val[0]


@pytest.mark.filterwarnings("ignore")
def test_mlflow(run, tmp_path):
    mlflow = pytest.importorskip("mlflow")
    export(run, "mlflow", tmp_path / "out")
    export(run, "mlflow", tmp_path / "out")
    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{tmp_path / 'out' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("netwright").experiment_id
    first, second = client.search_runs([experiment])
    assert first.info.run_name == second.info.run_name == run.id
    assert first.info.status == "FINISHED"
    history = client.get_metric_history(first.info.run_id, "loss/0")
    assert sorted((m.step, m.value) for m in history) == list(enumerate(LOSSES))
    assert first.data.params["optimizers.0.groups.0.lr"] == "0.1"
    assert first.data.tags["findings"] == "NW501"
    assert [a.path for a in client.list_artifacts(first.info.run_id)] == ["data.json", "packages.json"]
    assert first.data.metrics["best/loss/0"] == LOSSES[-1]


def wandb_records(data):
    """The records of a `.wandb` file: a log of LevelDB's behind a header of 7 bytes."""
    at, whole = 7, b""
    while at + 7 <= len(data):
        length, kind = struct.unpack("<HB", data[at + 4 : at + 7])
        if 32768 - at % 32768 < 7 or kind == 0:  # what is left of a block is padding
            at += 32768 - at % 32768
            continue
        whole += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield whole
            whole = b""


@pytest.mark.filterwarnings("ignore")
def test_wandb(run, tmp_path):
    pytest.importorskip("wandb")
    from wandb.proto import wandb_internal_pb2

    export(run, "wandb", tmp_path / "out")
    (file,) = (tmp_path / "out").glob("wandb/offline-run-*/*.wandb")
    rows, settings, summary = [], {}, {}
    for data in wandb_records(file.read_bytes()):
        found = wandb_internal_pb2.Record.FromString(data)
        values = {(i.key or "/".join(i.nested_key)): json.loads(i.value_json) for i in found.history.item}
        rows += [values["loss/0"]] if "loss/0" in values else []
        summary.update(
            {(i.key or "/".join(i.nested_key)): json.loads(i.value_json) for i in found.summary.update}
        )
        settings.update({i.key: json.loads(i.value_json) for i in found.run.config.update})
    assert rows == list(LOSSES)
    assert settings["arguments.lr"] == "0.1"
    assert list(settings["data"]) == ["train.csv"]
    assert summary["best/loss/0"] == summary["loss/0"] == LOSSES[-1]


@pytest.mark.filterwarnings("ignore")
def test_comet(run, tmp_path):
    pytest.importorskip("comet_ml")
    export(run, "comet", tmp_path / "out")
    (file,) = (tmp_path / "out").glob("*.zip")
    with zipfile.ZipFile(file) as packed:
        messages = [json.loads(line)["payload"] for line in packed.read("messages.json").splitlines()]
    metrics = [m["metric"] for m in messages if m.get("metric")]
    losses = [(m["step"], m["metricValue"]) for m in metrics if m["metricName"] == "loss/0"]
    assert losses == list(enumerate(LOSSES))
    assert any("arguments.lr" in json.dumps(m) for m in messages)
    assert any("best/loss/0" in json.dumps(m) for m in messages)


def test_a_missing_library_is_named(run, tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "find_spec", lambda name: None)
    with pytest.raises(NotInstalled, match=r"pip install 'netwright\[comet\]'"):
        export(run, "comet", tmp_path / "out")
    result = CliRunner().invoke(main, ["runs", "export", "latest", "--to", "wandb", "--from", str(tmp_path)])
    assert result.exit_code == 2
    assert "this needs wandb" in result.output
    assert not (tmp_path / "out").exists()
    assert not Path("wandb").exists()
