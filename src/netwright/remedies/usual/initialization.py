"""Initialize anew: He for layers in front of a ReLU, orthogonal for the recurrent ones.

He et al. (2015): with ReLU the variance stays through the layers at 2 / n; torch's own is a sixth of it. Saxe et al. (2014), Le et al. (2015): an orthogonal matrix keeps the length of the state over time.
"""

from collections.abc import Sequence

import libcst as cst

from .._loops import loads_weights, needs_torch, network_of
from .._training import scope
from ..source import Change, Refused, Source, last_name
from ._usual import Usual

remedy = Usual(
    name="initialization",
    assumes="the network is fresh, has ReLU or recurrent layers, and is not initialized by hand; the optimizer is made by a statement of its own and given all of its parameters",
)
_LAYERS = ("Linear", "Bilinear", "Conv", "RNN", "LSTM", "GRU", "Lazy", "Multihead", "Transformer")
_RECURRENT = ("RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell")


@remedy.edit
def edit(source: Source, call: cst.Call) -> Sequence[Change]:
    """Right before the optimizer is made, over all parameters that are matrices."""
    needs_torch(source)
    network = network_of(source, call)
    if loads_weights(source):
        raise Refused("weights may have been loaded")
    if "init." in source.text:
        raise Refused("weights are initialized by hand")
    made = {last_name(c.func) for c in source.every(cst.Call)}
    if "Parameter" in made and not any(name.startswith(_LAYERS) for name in made):
        raise Refused("the weights are parameters made by hand, and not those of layers of torch's")
    recurrent = any(last_name(c.func) in _RECURRENT for c in source.every(cst.Call))
    if not recurrent and "relu" not in source.text.lower():
        raise Refused("the network has neither ReLU nor recurrent layers")
    statement = source.statement_of(call)
    if not isinstance(statement, cst.SimpleStatementLine) or not isinstance(
        source.parent(statement), cst.IndentedBlock | cst.Module
    ):
        raise Refused("the optimizer is not made by a statement of its own")
    step = "\t" if "\t" in source.indent(statement) else "    "
    lines = [f"for name, weight in {network}.named_parameters():"]
    used = {n.value for n in source.every(cst.Name, scope(source, statement))}
    if {"name", "weight"} & used:
        lines = [f"for layer_name, layer_weight in {network}.named_parameters():"]
    name, weight = lines[0].removeprefix("for ").partition(" in ")[0].split(", ")
    if recurrent:
        lines += [
            f'{step}if "weight_hh" in {name}:',
            f"{step * 2}torch.nn.init.orthogonal_({weight})",
        ]
    else:
        lines += [
            f'{step}if {weight}.dim() > 1 and {name}.endswith("weight"):',
            f'{step * 2}torch.nn.init.kaiming_normal_({weight}, nonlinearity="relu")',
        ]
    return [source.before(statement, *lines)]
