"""Let the network answer in the unit of the target: its output is scaled and shifted by the target's standard deviation and mean."""

from collections.abc import Sequence

import libcst as cst

from ...rerun import Intervention
from ...rule import Finding
from .._networks import Network, hooked, networks_at
from .._training import OPTIMIZERS, calls_of, scope
from ..remedy import Remedy
from ..source import Change, Refused, Source, last_name, name_of

remedy = Remedy(
    name="scale-outputs",
    mends=("NW104",),
    assumes="the network is a Sequential or a class of this file with one return in forward, and the optimizer one whose steps do not grow with the target (Adam and its like)",
)
_PLAIN = ("SGD", "ASGD", "LBFGS", "Rprop")


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """``return out * STD + MEAN``: the loss, the evaluation and every prediction stay in the original unit."""
    mean, std = finding.measured.get("target_mean"), finding.measured.get("target_std")
    if not isinstance(mean, float | int) or not isinstance(std, float | int) or not std > 0:
        raise Refused("mean and standard deviation of the target are not known")
    assert finding.where.line is not None
    plain = any(last_name(c.func) in _PLAIN for c in source.every(cst.Call))
    known = any(last_name(c.func) in OPTIMIZERS for c in source.every(cst.Call))
    if plain or not known:
        raise Refused(
            "the optimizer is not seen to be one whose steps do not grow with the target (Adam and its like)"
        )
    network = _behind(source, finding.where.line)
    shift = f"+ {mean:.4g}" if mean >= 0 else f"- {-mean:.4g}"
    if network.forward is None:
        scaled = f"output * {std:.4g} {shift}"
        return hooked(source, network, f"register_forward_hook(lambda _, inputs, output: {scaled})")
    returns = list(source.every(cst.Return, network.forward))
    if len(returns) != 1 or returns[0].value is None or isinstance(returns[0].value, cst.Tuple | cst.Dict):
        raise Refused("forward does not return one tensor at one place")
    value = returns[0].value
    text = source.code(value)
    if not isinstance(value, cst.Name | cst.Attribute | cst.Call | cst.Subscript):
        text = f"({text})"
    return [source.replace(value, f"{text} * {std:.4g} {shift}")]


def _behind(source: Source, line: int) -> Network:
    """The network whose output enters the loss on a line: called there, or by the statement that made the loss's argument."""
    found = networks_at(source, line)
    if not found:
        statement = source.statement(line)
        used = {n.value for n in source.every(cst.Name, statement)}
        for assign in source.every(cst.Assign, scope(source, statement)):
            names = {name_of(t.target) for t in assign.targets}
            if names & used and source.line_of(assign) < line:
                found += networks_at(source, source.line_of(assign))
    if len({n.name for n in found}) != 1:
        raise Refused("the one network behind the loss is not seen")
    if not any(True for _ in calls_of(source, "backward")):
        raise Refused("no backward pass is seen in this file")
    return found[0]


@remedy.on_steps
def on_steps(finding: Finding) -> Intervention:
    """What comes out of the one network."""
    mean, std = finding.measured.get("target_mean"), finding.measured.get("target_std")
    if not isinstance(mean, float | int) or not isinstance(std, float | int) or not std > 0:
        raise Refused("mean and standard deviation of the target are not known")
    settings = {"centre": float(f"{mean:.4g}"), "width": float(f"{std:.4g}")}
    return Intervention(name="scale-outputs", settings=settings)
