"""Fill what is not finite with 0 where the network takes it in; leave out targets that are not finite."""

from collections.abc import Sequence

from ...rule import Finding
from .._activations import maker
from .._networks import first_statement, hooked, network_at, parameters_of
from ..loss._arguments import argument_of, atom, losses_at
from ..remedy import Remedy
from ..source import Change, Refused, Source, last_name

remedy = Remedy(
    name="fill-non-finite",
    mends=("NW105", "NW414"),
    assumes="inputs: the network is a Sequential or a class of this file, called by name on the line; targets: the loss is one over single numbers, called on the line",
)
_BY_NUMBER = (
    "mse_loss MSELoss l1_loss L1Loss smooth_l1_loss SmoothL1Loss huber_loss HuberLoss binary_cross_entropy BCELoss "
    "binary_cross_entropy_with_logits BCEWithLogitsLoss"
).split()


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """``x = x.nan_to_num(0.0, 0.0, 0.0)`` first of all in ``forward``, or a hook before it; a mask in the call of the loss."""
    assert finding.where.line is not None
    if finding.code == "NW414" and finding.measured.get("phase") != "data":
        raise Refused("the values that come in are finite")
    if finding.measured.get("is_target") is True:
        return _masked(source, finding.where.line)
    network = network_at(source, finding.where.line)
    if network.forward is None:
        filled = "(inputs[0].nan_to_num(0.0, 0.0, 0.0), *inputs[1:])"
        return hooked(source, network, f"register_forward_pre_hook(lambda _, inputs: {filled})")
    names, name = parameters_of(network.forward), finding.measured.get("input")
    if name not in names:
        if len(names) != 1:
            raise Refused("which argument of forward is meant is not known")
        (name,) = names
    return [source.before(first_statement(network.forward), f"{name} = {name}.nan_to_num(0.0, 0.0, 0.0)")]


def _masked(source: Source, line: int) -> Sequence[Change]:
    """``loss(out[y.isfinite()], y[y.isfinite()])``."""
    losses = [c for c in losses_at(source, line) if last_name((maker(source, c) or c).func) in _BY_NUMBER]
    if len(losses) != 1:
        raise Refused("no loss over single numbers is called on the line")
    prediction, target = (argument_of(source, losses[0], n, i) for i, n in enumerate(("input", "target")))
    if prediction is None or target is None:
        raise Refused("prediction and target are not both seen in the call")
    keep = f"{atom(source, target)}.isfinite()"
    return [source.replace(node, f"{atom(source, node)}[{keep}]") for node in (prediction, target)]
