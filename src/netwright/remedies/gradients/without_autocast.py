"""Compute in float32 throughout: mixed precision and its gradient scaler are switched off."""

from collections.abc import Sequence

import libcst as cst

from ...rule import Finding
from ..remedy import Remedy
from ..source import Change, Refused, Source, last_name

remedy = Remedy(
    name="without-autocast",
    mends=("NW509",),
    assumes="the scaler, and autocast where it is used, are made by calls in this file",
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """``enabled=False`` for every ``GradScaler`` and ``autocast`` of the file: the calls stay, and do nothing."""
    del finding
    calls = [c for c in source.every(cst.Call) if last_name(c.func) in ("GradScaler", "autocast")]
    if not any(last_name(c.func) == "GradScaler" for c in calls):
        raise Refused("the gradient scaler is not made in this file")
    if any(a.star for c in calls for a in c.args):
        raise Refused("the arguments of the scaler are not seen")
    return [source.set_argument(c, "enabled", "False") for c in calls]
