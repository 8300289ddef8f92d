"""To TensorBoard: event files, by the `tensorboard` package alone."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from ..run import Run
from ..words import plain
from . import _parts

_PROTO = "tensorboard.compat.proto"
events: Any = import_module(f"{_PROTO}.event_pb2")
summaries: Any = import_module(f"{_PROTO}.summary_pb2")
tensors: Any = import_module(f"{_PROTO}.tensor_pb2")
shapes: Any = import_module(f"{_PROTO}.tensor_shape_pb2")
types: Any = import_module(f"{_PROTO}.types_pb2")
writers: Any = import_module("tensorboard.summary.writer.event_file_writer")


def write(run: Run, out: Path) -> str:
    """Every series as a scalar, settings, data, final metrics and findings as texts, in a folder of the run's own."""
    folder = out / run.id
    writer = writers.EventFileWriter(str(folder))
    try:
        began = _parts.started(run)
        settings = {**_parts.tags(run), **_parts.parameters(run)}
        texts = {"configuration": _table(settings)}
        if run.metrics:
            rows = "\n".join(
                f"| {n} | {m.last:.6g} | {m.last_step} | {plain(m.best)} | {plain(m.best_step)} |"
                for n, m in run.metrics.items()
            )
            texts["metrics"] = (
                f"| | last | at step | best | at step |\n| --- | --- | --- | --- | --- |\n{rows}"
            )
        if known := _parts.data_known(run):
            texts["data"] = _table(known)
        if run.findings:
            texts["findings"] = "\n".join(
                f"- **{f.get('code')} {f.get('name')}**: {f.get('message')}" for f in run.findings
            )
        for name, text in texts.items():
            writer.add_event(events.Event(wall_time=began, step=0, summary=_text(name, text)))
        for name, series in run.series.items():
            for step, value in zip(series.steps, series.values, strict=True):
                summary = summaries.Summary(value=[summaries.Summary.Value(tag=name, simple_value=value)])
                writer.add_event(events.Event(wall_time=began, step=step, summary=summary))
    finally:
        writer.close()
    return f"{folder} (tensorboard --logdir {out})"


def _table(rows: Mapping[str, str]) -> str:
    return "| | |\n| --- | --- |\n" + "\n".join(f"| {name} | {value} |" for name, value in rows.items())


def _text(name: str, text: str) -> Any:
    shape = shapes.TensorShapeProto(dim=[shapes.TensorShapeProto.Dim(size=1)])
    tensor = tensors.TensorProto(dtype=types.DT_STRING, string_val=[text.encode("utf-8")], tensor_shape=shape)
    kind = summaries.SummaryMetadata(plugin_data=summaries.SummaryMetadata.PluginData(plugin_name="text"))
    return summaries.Summary(value=[summaries.Summary.Value(tag=name, metadata=kind, tensor=tensor)])
