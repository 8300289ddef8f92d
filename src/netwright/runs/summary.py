"""Runs as plain data, for programs that read them."""

from typing import Any

from .find import Broken
from .run import Run


def summary(run: Run | Broken) -> dict[str, Any]:
    """A run in the list."""
    if isinstance(run, Broken):
        return {"id": run.id, "status": "unreadable", "why": run.why}
    return {
        "id": run.id,
        "folder": str(run.folder),
        "status": run.status,
        "command": run.command,
        "started": run.meta.get("started"),
        "ended": run.meta.get("ended"),
        "steps": run.steps,
        "last_loss": run.last_loss,
        "findings": [{k: f.get(k) for k in ("code", "name", "severity", "state")} for f in run.findings],
    }


def whole(run: Run) -> dict[str, Any]:
    """Everything of one run, its series by their ends; the whole series are in :attr:`Run.series`."""
    return {
        **summary(run),
        "meta": run.meta,
        "findings": run.findings,
        "metrics": run.metrics,
        "sources": {path: kept.digest for path, kept in run.sources.items()},
        "series": {
            name: {
                "points": len(s), "first_step": s.steps[0], "last_step": s.steps[-1],
                "first": s.values[0], "last": s.values[-1],
            }
            for name, s in run.series.items()
        },
    }  # fmt: skip
