"""Activations as people write them: functions, methods, modules in a Sequential, modules called as attributes."""

import libcst as cst

from ._calls import unwrapped
from .source import Change, Refused, Source, last_name, name_of

FUNCTIONS = {
    "softmax": "Softmax",
    "log_softmax": "LogSoftmax",
    "sigmoid": "Sigmoid",
    "logsigmoid": "LogSigmoid",
    "tanh": "Tanh",
    "relu": "ReLU",
    "relu6": "ReLU6",
    "leaky_relu": "LeakyReLU",
    "elu": "ELU",
    "gelu": "GELU",
    "silu": "SiLU",
    "softplus": "Softplus",
    "hardtanh": "Hardtanh",
    "softmin": "Softmin",
    "softsign": "Softsign",
    "clamp": "",
    "clip": "",
}
MODULES = {m: f for f, m in FUNCTIONS.items() if m} | {"Softmax2d": "softmax"}


def kind_of(source: Source, call: cst.Call) -> str:
    """The activation that a call applies or makes, as the name of its function; empty where it is none."""
    name = last_name(call.func)
    if name in FUNCTIONS or name in MODULES:
        return MODULES.get(name, name)
    if isinstance(call.func, cst.Call):  # nn.Softmax(dim=1)(x)
        return MODULES.get(last_name(call.func.func), "")
    made = maker(source, call)
    return MODULES.get(last_name(made.func), "") if made is not None else ""


def maker(source: Source, call: cst.Call) -> cst.Call | None:
    """The call that made the module which a call applies: ``nn.Softmax(dim=1)`` for ``self.act(x)``."""
    name = name_of(call.func)
    for assign in source.every(cst.Assign):
        if (
            name
            and any(name_of(t.target) == name for t in assign.targets)
            and isinstance(assign.value, cst.Call)
        ):
            return assign.value
    return None


def makes_module(call: cst.Call) -> bool:
    """Whether a call makes a module (``nn.ReLU()``) rather than applying it."""
    return last_name(call.func) in MODULES


def activations_at(source: Source, line: int, *kinds: str) -> list[cst.Call]:
    """Calls on a line that apply or make one of these activations (any, without names), outermost first."""
    found = [c for c in source.at(cst.Call, line) if (k := kind_of(source, c)) and (not kinds or k in kinds)]
    return [c for c in found if not (isinstance(p := source.parent(c), cst.Call) and p.func is c)]


def removal(source: Source, call: cst.Call) -> Change:
    """Take an activation out.

    Raises:
        Refused: it is a module that is made here and applied somewhere that is not seen.
    """
    if not makes_module(call):
        return unwrapped(source, call)
    parent = source.parent(call)
    if isinstance(parent, cst.Arg):
        owner = source.parent(parent)
        if isinstance(owner, cst.Call) and last_name(owner.func) == "Sequential":
            return source.drop_argument(owner, parent)
    if isinstance(parent, cst.Element):
        return _dropped_element(source, parent)
    if isinstance(parent, cst.Assign | cst.Arg):
        return source.replace(
            call,
            "torch.nn.Identity()"
            if "." not in name_of(call.func)
            else name_of(call.func).rpartition(".")[0] + ".Identity()",
        )
    raise Refused("the activation is made where it cannot be left out")


def _dropped_element(source: Source, element: cst.Element) -> Change:
    owner = source.parent(element)
    if not isinstance(owner, cst.List | cst.Tuple):
        raise Refused("the activation is made where it cannot be left out")
    elements = list(owner.elements)
    index = next(i for i, e in enumerate(elements) if e is element)
    start, end = source.span(element)
    if index + 1 < len(elements):
        return Change(start, source.span(elements[index + 1])[0], "")
    if index:
        return Change(source.span(elements[index - 1])[1], end, "")
    return Change(start, end, "")
