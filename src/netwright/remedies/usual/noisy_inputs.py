"""Add noise to the inputs in training: a tenth of their spread.

Bishop (1995): training with noise is Tikhonov regularization. Holmstrom and Koistinen (1992) for classifiers.
"""

from collections.abc import Sequence

import libcst as cst

from .._loops import fed_at, needs_float_inputs, needs_torch, network_of, training_loop
from ..source import Change, Refused, Source
from ._usual import Usual

remedy = Usual(
    name="noisy-inputs",
    late=True,
    assumes="the network takes numbers and no symbols, no noise is added yet, and the training loop calls the network at one place with a name",
)


@remedy.edit
def edit(source: Source, call: cst.Call) -> Sequence[Change]:
    """Right before the network is called in the training loop."""
    needs_torch(source)
    needs_float_inputs(source)
    if "randn_like" in source.text:
        raise Refused("there is noise already")
    statement, x = fed_at(source, training_loop(source), network_of(source, call))
    return [source.before(statement, f"{x} = {x} + 0.1 * {x}.std() * torch.randn_like({x})")]
