"""Load the data in the process that trains: no workers."""

from collections.abc import Sequence

import libcst as cst

from ...rule import Finding
from ..remedy import Remedy
from ..source import Change, Refused, Source, last_name, name_of

remedy = Remedy(
    name="load-in-this-process",
    mends=("NW908", "NW910"),
    assumes="what fails is a DataLoader that has workers, not the saving of a network",
)
_OF_WORKERS = (
    "prefetch_factor",
    "persistent_workers",
    "multiprocessing_context",
    "timeout",
)  # refused without workers


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """``num_workers=0`` in every loader that has workers, without what only workers need."""
    _of_loading(source, finding)
    changes: list[Change] = []
    for call in source.every(cst.Call):
        workers = source.argument(call, "num_workers", 5) if last_name(call.func) == "DataLoader" else None
        if workers is None or source.code(workers.value) == "0":
            continue
        changes.append(source.replace(workers.value, "0"))
        changes += [
            source.drop_argument(call, a)
            for a in call.args
            if a.keyword is not None and a.keyword.value in _OF_WORKERS
        ]
    if not changes:
        raise Refused("no DataLoader with workers is made in the file")
    return changes


def _of_loading(source: Source, finding: Finding) -> None:
    if finding.where.line is None:
        return
    saving = [
        c for c in source.at(cst.Call, finding.where.line) if last_name(c.func) in ("save", "dump", "dumps")
    ]
    if any(name_of(c.func).split(".")[0] in ("torch", "pickle", "joblib") for c in saving):
        raise Refused("it is saved there, not loaded by workers")
