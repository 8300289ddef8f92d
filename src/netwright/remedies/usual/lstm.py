"""An LSTM in place of a plain recurrent layer.

Hochreiter and Schmidhuber (1997): the gradient of a plain recurrent layer vanishes or explodes over time.
"""

from collections.abc import Sequence

import libcst as cst

from ..source import Change, Refused, Source, last_name, name_of
from ._optimizer import imported
from ._usual import Usual

remedy = Usual(
    name="lstm",
    assumes="an RNN is an attribute or a name, called with the sequence alone, and its results are given two names at once",
)


@remedy.edit
def edit(source: Source, call: cst.Call) -> Sequence[Change]:
    """``nn.RNN`` becomes ``nn.LSTM``; ``out, h = self.rnn(x)`` becomes ``out, (h, _) = self.rnn(x)``."""
    del call
    changes: list[Change] = []
    for assign in source.every(cst.Assign):
        made = assign.value
        if not isinstance(made, cst.Call) or last_name(made.func) != "RNN" or len(assign.targets) != 1:
            continue
        if any(a.star for a in made.args) or (
            isinstance(made.func, cst.Name) and not imported(source, "LSTM")
        ):
            raise Refused("the arguments of the layer are not all seen, or LSTM is not at hand")
        kind = made.func.attr if isinstance(made.func, cst.Attribute) else made.func
        changes.append(source.replace(kind, "LSTM"))
        nonlinearity = source.argument(made, "nonlinearity")
        if nonlinearity is not None:
            changes.append(source.drop_argument(made, nonlinearity))
        changes += _uses(source, name_of(assign.targets[0].target))
    return changes


def _uses(source: Source, name: str) -> list[Change]:
    """The state of an LSTM is a pair."""
    changes: list[Change] = []
    for used in source.every(cst.Call):
        if not name or name_of(used.func) != name:
            continue
        assign = source.parent(used)
        target = assign.targets[0].target if isinstance(assign, cst.Assign) else None
        if len(used.args) != 1 or not isinstance(target, cst.Tuple) or len(target.elements) != 2:
            raise Refused("the layer is called with a state, or its results have no names of their own")
        state = target.elements[1].value
        if not isinstance(state, cst.Name):
            raise Refused("the state has no name of its own")
        if state.value != "_":
            changes.append(source.replace(state, f"({state.value}, _)"))
    return changes
