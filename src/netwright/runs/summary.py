"""Runs as plain data, for programs that read them."""

from typing import Any

from . import data
from .compare import changed_code, comparable, differences, less, metric_pairs, parting
from .find import Broken
from .run import Run
from .since import since_commit


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
        "loss_divided_by": run.loss_divided_by,
        "metrics": run.metrics,
        "findings": [{k: f.get(k) for k in ("code", "name", "severity", "state")} for f in run.findings],
    }


def whole(run: Run) -> dict[str, Any]:
    """Everything of one run, its series by their ends; the whole series are in :attr:`Run.series`."""
    return {
        **summary(run),
        "meta": run.meta,
        "findings": run.findings,
        "data": {name: datum.text for name, datum in data.known(run).items()},
        "since_commit": since_commit(run),
        "sources": {path: kept.digest for path, kept in run.sources.items()},
        "series": {
            name: {
                "points": len(s), "first_step": s.steps[0], "last_step": s.steps[-1],
                "first": s.values[0], "last": s.values[-1],
            }
            for name, s in run.series.items()
        },
    }  # fmt: skip


def comparison(left: Run, right: Run) -> dict[str, Any]:
    """Two runs beside each other."""
    end = parting(left, right)
    return {
        "left": left.id,
        "right": right.id,
        "settings": [{"name": d.name, "left": d.left, "right": d.right} for d in differences(left, right)],
        "data": data.differences(left, right),
        "code": changed_code(left, right),
        "since_commit": [since_commit(left), since_commit(right)],
        "metrics": {
            name: {
                "left": a,
                "right": b,
                "last_difference": less(a.last, b.last)
                if a and b and comparable(name, left, right)
                else None,
                "best_difference": less(a.best, b.best)
                if a and b and comparable(name, left, right)
                else None,
            }
            for name, (a, b) in metric_pairs(left, right).items()
        },
        "losses": {
            "divided_by": [left.loss_divided_by, right.loss_divided_by],
            "compared_steps": end.compared,
            "same": end.same,
            "parts_at": end.step,
            "series": end.name,
            "values": None if end.step is None else [end.left, end.right],
        },
    }
