"""Convert numbers to the type that the network, or the loss, takes."""

from collections.abc import Sequence

import libcst as cst

from ...rule import Finding
from .._networks import calls_by_name, first_statement, network_at, parameters_of
from ..loss._arguments import argument_of, atom, losses_at
from ..remedy import Remedy
from ..source import Change, Refused, Source

remedy = Remedy(
    name="convert-input",
    mends=("NW902",),
    assumes="one network of this file, or one loss of torch's, is called on the line, and which type is wanted is known",
)
_METHODS = {"int64": "long", "float32": "float"}


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """``x = x.float()`` first of all in ``forward``, ``model(x.float())`` for a Sequential, ``y.long()`` in the loss."""
    got, wanted = finding.measured.get("got"), finding.measured.get("wanted")
    if {got, wanted} == {"float32", "float64"}:
        wanted = "float32"
    method = _METHODS.get(str(wanted))
    if method is None or "float16" in str(got):
        raise Refused("which type is wanted is not known")
    assert finding.where.line is not None
    losses = losses_at(source, finding.where.line)
    if finding.measured.get("phase") == "forward" and method == "float":
        return _network(source, finding.where.line)
    if len(losses) == 1:
        target = argument_of(source, losses[0], "target", 1)
        if target is not None:
            return [source.replace(target, f"{atom(source, target)}.{method}()")]
    raise Refused("what is to be converted is not seen on the line")


def _network(source: Source, line: int) -> Sequence[Change]:
    network = network_at(source, line)
    if network.forward is not None:
        names = parameters_of(network.forward)
        if len(names) != 1:
            raise Refused("forward has more than one argument")
        return [source.before(first_statement(network.forward), f"{names[0]} = {names[0]}.float()")]
    changes: list[Change] = []
    for call in calls_by_name(source, network.name):
        if len(call.args) != 1 or call.args[0].star:
            raise Refused("the network is called with more than one argument")
        given = call.args[0].value
        if isinstance(given, cst.Call) and source.code(given).endswith(".float()"):
            continue
        changes.append(source.replace(given, f"{atom(source, given)}.float()"))
    return changes
