"""What every tracker gets of a run."""

import json
from collections.abc import Iterator
from pathlib import Path

from ...report.plain import to_plain
from .. import data
from ..compare import settings
from ..run import Run
from ..words import plain, script

# In the order in which a person reads them.
REPORT_FILES = ("report.html", "report.json")


def parameters(run: Run) -> dict[str, str]:
    """The settings, by dotted name, as texts; packages are apart (:func:`packages`), and data (:func:`data_known`)."""
    return {
        name: plain(value)
        for name, value in settings(run).items()
        if not name.startswith("environment.packages.")
    }


def data_known(run: Run) -> dict[str, str]:
    """What is known of the data, in words."""
    return {name: datum.text for name, datum in data.known(run).items()}


def texts(run: Run) -> dict[str, str]:
    """Files of text: package versions and data."""
    return {
        "packages.json": packages(run),
        "data.json": json.dumps(data_known(run), indent=2, ensure_ascii=False),
    }


def best(run: Run) -> dict[str, tuple[float, int]]:
    """The best value of every loss and metric with its step, by a name of its own; the last ones trackers know from the series."""
    return {
        f"best/{name}": (found.best, found.best_step)
        for name, found in run.metrics.items()
        if found.best is not None and found.best_step is not None
    }


def packages(run: Run) -> str:
    """Versions as JSON."""
    return json.dumps(to_plain(run.part("environment").get("packages", {})), indent=2)


def tags(run: Run) -> dict[str, str]:
    """What it is, in a few words."""
    commit = str(run.part("code").get("commit", ""))
    codes = " ".join(str(f.get("code")) for f in run.findings if f["state"] == "stands")
    found = {
        "netwright.run": run.id,
        "status": run.status,
        "command": script(run),
        "commit": commit,
        "findings": codes,
    }
    return {name: value for name, value in found.items() if value}


def started(run: Run) -> float:
    """Seconds since 1970."""
    return float(run.meta.get("started") or 0.0)


def points(run: Run) -> Iterator[tuple[int, dict[str, float]]]:
    """All values, step by step in order. Of several at one step the last."""
    by_step: dict[int, dict[str, float]] = {}
    for name, series in run.series.items():
        for step, value in zip(series.steps, series.values, strict=True):
            by_step.setdefault(step, {})[name] = value
    yield from sorted(by_step.items())


def files(run: Run) -> list[Path]:
    """Reports of the run that are there."""
    return [run.folder / name for name in REPORT_FILES if (run.folder / name).is_file()]
