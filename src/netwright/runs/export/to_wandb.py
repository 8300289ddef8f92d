"""To Weights & Biases: an offline run, which `wandb sync` uploads when a person wants it."""

from importlib import import_module
from pathlib import Path
from typing import Any

from ..run import Run
from . import _parts

wandb: Any = import_module("wandb")


def write(run: Run, out: Path) -> str:
    """Settings and data as configuration, series as history, last and best values as summary, findings as a table."""
    out.mkdir(parents=True, exist_ok=True)
    theirs = wandb.init(
        mode="offline", dir=str(out), project="netwright", name=run.id, config={**_parts.parameters(run), "data": _parts.data_known(run)},
        tags=[run.status], settings=wandb.Settings(silent=True, console="off", disable_git=True, save_code=False),
    )  # fmt: skip
    for step, values in _parts.points(run):
        theirs.log(values, step=step)
    for name, (value, step) in _parts.best(run).items():
        theirs.summary.update({name: value, f"{name}.step": step})
    theirs.summary.update({**_parts.tags(run), **{name: found.last for name, found in run.metrics.items()}})
    if run.findings:
        rows = [[str(f.get(k)) for k in ("code", "name", "severity", "message")] for f in run.findings]
        theirs.log({"findings": wandb.Table(columns=["code", "name", "severity", "message"], data=rows)})
    folder = Path(theirs.dir).parent
    theirs.finish()
    wandb.teardown()  # its service writes the file, and may do so after `finish`
    return f"{folder} (wandb sync {folder})"
