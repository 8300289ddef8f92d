"""Keep the weights of the best epoch: early stopping, with what the program measures after each epoch.

Prechelt, "Early stopping: but when?" (1998). The epoch is chosen by the same numbers that are reported, so that a test set is still needed for the result.
"""

import re
from collections.abc import Sequence

import libcst as cst

from .._loops import ends_plainly, epoch_loop, needs_free, network_of, training_loop
from .._training import scope
from ..source import Change, Refused, Source, name_of
from ._usual import Usual

remedy = Usual(
    name="best-epoch",
    late=True,
    assumes="the loop over epochs assigns a number whose name says that it is an accuracy or a loss of validation or test, and the network and something to be judged after the loop have names there",
)
_HIGH = re.compile(r"(?i)^(?:(?:val|valid|validation|test|eval|dev)_?)?(?:acc|accuracy|f1)$")
_LOW = re.compile(r"(?i)^(?:val|valid|validation|test|eval|dev)_?(?:loss|error|mse|rmse|mae)$")


@remedy.edit
def edit(source: Source, call: cst.Call) -> Sequence[Change]:
    """The weights are copied where the number is the best so far, and put back behind the loop."""
    needs_free(source, "best", "best_weights")
    network, loop = network_of(source, call), training_loop(source)
    epochs = epoch_loop(source, loop)
    if epochs is loop.batches or not ends_plainly(epochs) or not isinstance(epochs.body, cst.IndentedBlock):
        raise Refused("the loop over epochs is not seen")
    if not any(n.value == network.partition(".")[0] for n in source.every(cst.Name, scope(source, epochs))):
        raise Refused("the network has no name beside the loop over epochs")
    found = [(s, n) for s in epochs.body.body if (n := _measured(s))]
    later = source.siblings(epochs)
    if len(found) != 1 or later[-1] is epochs:
        raise Refused("no one number of validation is assigned in the loop, or nothing is done after it")
    statement, name = found[0]
    sign, worst = (">", '-float("inf")') if _HIGH.match(name) else ("<", 'float("inf")')
    step = "\t" if "\t" in source.indent(statement) else "    "
    return [
        source.before(epochs, f"best, best_weights = {worst}, {network}.state_dict()"),
        source.after(
            statement,
            f"if {name} {sign} best:",
            f"{step}best, best_weights = {name}, {{k: v.clone() for k, v in {network}.state_dict().items()}}",
        ),
        source.after(epochs, f"{network}.load_state_dict(best_weights)"),
    ]


def _measured(statement: cst.CSTNode) -> str:
    """The name of a validation number that a statement assigns."""
    match statement:
        case cst.SimpleStatementLine(body=[cst.Assign(targets=[cst.AssignTarget(target=target)])]):
            name = name_of(target)
            return name if _HIGH.match(name) or _LOW.match(name) else ""
        case _:
            return ""
