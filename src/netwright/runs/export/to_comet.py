"""To Comet: an offline experiment, which `comet upload` sends when a person wants it."""

from importlib import import_module
from pathlib import Path
from typing import Any

from ..run import Run
from . import _parts

comet_ml: Any = import_module("comet_ml")


def write(run: Run, out: Path) -> str:
    """Settings as parameters, series as metrics, best values as others, reports as assets."""
    out.mkdir(parents=True, exist_ok=True)
    theirs = comet_ml.OfflineExperiment(
        project_name="netwright", offline_directory=str(out), log_code=False, log_graph=False, parse_args=False,
        log_git_metadata=False, log_git_patch=False, log_env_details=False, auto_param_logging=False,
        auto_metric_logging=False, auto_output_logging=False, display_summary_level=0,
    )  # fmt: skip
    theirs.set_name(run.id)
    theirs.log_parameters(_parts.parameters(run))
    theirs.log_others(_parts.tags(run))
    for step, values in _parts.points(run):
        theirs.log_metrics(values, step=step)
    theirs.log_others({name: value for name, (value, _) in _parts.best(run).items()})
    for file in _parts.files(run):
        theirs.log_asset(str(file))
    for name, text in _parts.texts(run).items():
        theirs.log_asset_data(text, name=name)
    theirs.end()
    return f"{out / f'{theirs.id}.zip'} (comet upload {out / f'{theirs.id}.zip'})"
