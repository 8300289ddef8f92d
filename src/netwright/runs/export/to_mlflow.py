"""To MLflow: a store in a local SQLite file, by MLflow's own client."""

import time
from importlib import import_module
from pathlib import Path
from typing import Any

from ..run import Run
from . import _parts

mlflow: Any = import_module("mlflow")
entities: Any = import_module("mlflow.entities")

_EXPERIMENT = "netwright"
_AT_ONCE = 1000  # metrics that a call of MLflow's takes
_LONGEST = 6000  # of a parameter
_ENDS = {
    "running": "RUNNING",
    "finished": "FINISHED",
    "checked": "FINISHED",
    "lost": "KILLED",
    "interrupted": "KILLED",
    "terminated": "KILLED",
}


def write(run: Run, out: Path) -> str:
    """Settings as parameters, series and best values as metrics, reports, package versions and data as artifacts."""
    out.mkdir(parents=True, exist_ok=True)
    store = f"sqlite:///{out / 'mlflow.db'}"
    client = mlflow.MlflowClient(tracking_uri=store)
    known = client.get_experiment_by_name(_EXPERIMENT)
    place = (out / "artifacts").as_uri()
    experiment = (
        known.experiment_id if known else client.create_experiment(_EXPERIMENT, artifact_location=place)
    )
    began = int(1000 * _parts.started(run))
    number = client.create_run(experiment, start_time=began, run_name=run.id).info.run_id
    settings = [entities.Param(k.replace(":", "."), v[:_LONGEST]) for k, v in _parts.parameters(run).items()]
    for start in range(0, len(settings), 100):
        client.log_batch(number, params=settings[start : start + 100])
    client.log_batch(number, tags=[entities.RunTag(k, v) for k, v in _parts.tags(run).items()])
    waiting: list[Any] = [
        entities.Metric(name, value, began, step) for name, (value, step) in _parts.best(run).items()
    ]
    for step, values in _parts.points(run):
        waiting += [entities.Metric(name, value, began, step) for name, value in values.items()]
        while len(waiting) >= _AT_ONCE:
            client.log_batch(number, metrics=waiting[:_AT_ONCE])
            waiting = waiting[_AT_ONCE:]
    client.log_batch(number, metrics=waiting)
    for file in _parts.files(run):
        client.log_artifact(number, str(file))
    for name, text in _parts.texts(run).items():
        client.log_text(number, text, name)
    end = int(1000 * float(run.meta.get("ended") or time.time()))
    client.set_terminated(number, status=_ENDS.get(run.status, "FAILED"), end_time=end)
    return f"{out} (mlflow ui --backend-store-uri {store})"
