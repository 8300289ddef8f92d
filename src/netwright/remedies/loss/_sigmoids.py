"""A sigmoid where a softmax stands."""

import libcst as cst

from .._activations import activations_at, maker, makes_module
from .._calls import input_of, renamed
from ..source import Change, Refused, Source, name_of


def sigmoid_at(source: Source, line: int) -> list[Change]:
    """The softmax that is applied, or made as a module, on a line gets the other name and loses the dimension.

    Raises:
        Refused: there is none, or the sigmoid is not at hand.
    """
    for call in activations_at(source, line, "softmax"):
        made = call if makes_module(call) else maker(source, call)
        if made is None and isinstance(call.func, cst.Call):  # nn.Softmax(dim=1)(x)
            made = call.func
        if made is not None:
            library = name_of(made.func).rpartition(".")[0]
            if not library:
                raise Refused("nn.Sigmoid is not at hand by its module")
            return [source.replace(made, f"{library}.Sigmoid()")]
        if isinstance(call.func, cst.Name):
            raise Refused("the sigmoid is not at hand by its module")
        inner = input_of(source, call)
        if any(a.value is inner for a in call.args):
            return [
                source.replace(call, f"{name_of(call.func).rpartition('.')[0]}.sigmoid({source.code(inner)})")
            ]
        return [renamed(source, call, "sigmoid"), *(source.drop_argument(call, a) for a in call.args)]
    raise Refused("no softmax is written on the line")
