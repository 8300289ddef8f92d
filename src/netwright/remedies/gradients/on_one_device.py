"""Bring network and data to the one device that the program names."""

from collections.abc import Sequence

import libcst as cst

from ...rule import Finding
from .._loops import needs_torch, network_of
from .._training import OPTIMIZERS, calls_of, receiver
from ..remedy import Remedy
from ..source import Change, Refused, Source, called, last_name, name_of

remedy = Remedy(
    name="on-one-device",
    mends=("NW903",),
    assumes="the file names a device, and a loop over batches or the network was not moved to it; or a tensor becomes a numpy array on the line; or the device is missing here and written as text",
)
_SAFE = '"cuda" if torch.cuda.is_available() else "cpu"'


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """``x, y = x.to(device), y.to(device)`` first of all in the loops that feed the network; ``.cpu()`` before ``.numpy()``."""
    said = str(finding.measured.get("said"))
    assert finding.where.line is not None
    if "to numpy" in said:
        return _to_numpy(source, finding.where.line)
    if "map_location" in finding.fix:
        loads = called(source, finding.where.line, "load")
        if len(loads) == 1:
            return [source.set_argument(loads[0], "map_location", '"cpu"', 1)]
        raise Refused("torch.load does not stand on the line")
    if "is_available" in finding.fix:
        return _where_there_is_one(source)
    return _moved(source)


def _to_numpy(source: Source, line: int) -> Sequence[Change]:
    for call in called(source, line, "numpy"):
        if isinstance(call.func, cst.Attribute):
            end = source.span(call.func.value)[1]
            return [Change(end, end, ".detach().cpu()")]
    raise Refused("no call of numpy stands on the line")


def _where_there_is_one(source: Source) -> Sequence[Change]:
    """Every ``"cuda"`` asks whether there is one."""
    needs_torch(source)
    if "is_available" in source.text:
        raise Refused("the program asks for a device that is there already, and takes another one elsewhere")
    changes = [
        source.replace(text, _SAFE)
        for text in source.every(cst.SimpleString)
        if text.value[1:-1] in ("cuda", "cuda:0") and isinstance(source.parent(text), cst.Arg | cst.Assign)
    ]
    for call in calls_of(source, "cuda"):
        if not call.args and isinstance(call.func, cst.Attribute) and receiver(call) != "torch":
            inner = source.span(call.func.value)[1]
            changes.append(Change(inner, source.span(call)[1], f".to({_SAFE})"))
    if not changes:
        raise Refused("where the device is asked for is not seen")
    return changes


def _moved(source: Source) -> Sequence[Change]:
    if not any(name_of(t.target) == "device" for a in source.every(cst.Assign) for t in a.targets):
        raise Refused("no device has a name in the file")
    makers = [c for c in source.every(cst.Call) if last_name(c.func) in OPTIMIZERS]
    if len(makers) != 1:
        raise Refused("not exactly one optimizer of torch's is made in this file")
    network = network_of(source, makers[0])
    changes = [c for loop in source.every(cst.For) if (c := _batch(source, loop, network)) is not None]
    if not _is_moved(source, network):
        changes.append(source.before(source.statement_of(makers[0]), f"{network}.to(device)"))
    if not changes:
        raise Refused("network and batches are moved to the device already")
    return changes


def _batch(source: Source, loop: cst.For, network: str) -> Change | None:
    """The line that moves what a loop takes from a loader."""
    fed = any(name_of(c.func) == network for c in source.every(cst.Call, loop))
    inner = any(f is not loop for f in source.every(cst.For, loop))
    target = loop.target
    if not isinstance(target, cst.Tuple) or isinstance(loop.iter, cst.Call) or not fed or inner:
        return None
    names = [name_of(e.value) for e in target.elements]
    still = [n for n in names if n and not _is_moved(source, n, loop)]
    if len(still) < len(names) or not isinstance(loop.body, cst.IndentedBlock):
        return None
    moved = ", ".join(f"{n}.to(device)" for n in still)
    return source.before(loop.body.body[0], f"{', '.join(still)} = {moved}")


def _is_moved(source: Source, name: str, inside: cst.CSTNode | None = None) -> bool:
    if any(receiver(c) == name for c in calls_of(source, "to", "cuda", inside=inside)):
        return True
    made = [
        a.value for a in source.every(cst.Assign, inside) if any(name_of(t.target) == name for t in a.targets)
    ]
    return any(last_name(c.func) in ("to", "cuda") for m in made for c in source.every(cst.Call, m))
