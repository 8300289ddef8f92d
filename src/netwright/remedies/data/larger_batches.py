"""Larger batches, from which batch normalization can take its statistics."""

from collections.abc import Sequence

import libcst as cst

from ...rerun import Intervention
from ...rule import Finding
from .._settings import number_of, set_setting
from ..remedy import Remedy
from ..source import Change, Refused, Source, last_name

remedy = Remedy(
    name="larger-batches",
    beyond_step="the recorded batches have the size that they have",
    mends=("NW212",),
    assumes="the batch size is a number in the call of a DataLoader, or a constant of the file",
)
_SIZE = "32"  # Wu and He (2018), "Group Normalization": the error of batch normalization rises below 16


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """A batch size of 32 in the loaders that have the one that was seen."""
    samples = finding.measured.get("samples")
    if not isinstance(samples, int):
        raise Refused("the batch size is not known")
    changes = [
        set_setting(source, call, "batch_size", _SIZE, position=1)
        for call in source.every(cst.Call)
        if last_name(call.func) == "DataLoader"
        and number_of(source, call, "batch_size", position=1) == samples
    ]
    if not changes:
        raise Refused("no DataLoader with this batch size is made in the file")
    return changes


@remedy.hook
def hook(finding: Finding) -> Intervention:
    """Every loader that has the batch size that was seen."""
    samples = finding.measured.get("samples")
    if not isinstance(samples, int):
        raise Refused("the batch size is not known")
    settings = {
        "call": "utils.data.DataLoader",
        "argument": "batch_size",
        "was": samples,
        "value": int(_SIZE),
    }
    return Intervention(name="argument", settings=settings)
