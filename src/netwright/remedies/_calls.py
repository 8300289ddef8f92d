"""Changes of single calls: take one off its argument, give it another name."""

import libcst as cst

from .source import Change, Refused, Source, last_name, name_of

_LIBRARIES = frozenset(
    [
        "torch",
        "F",
        "nn.functional",
        "functional",
        "torch.nn.functional",
        "torch.special",
        "np",
        "numpy",
        "nn.init",
        "init",
    ]
)
_ATOMS = (cst.Name, cst.Attribute, cst.Call, cst.Subscript, cst.Tuple, cst.List, cst.BaseNumber)
_ALONE = (cst.Return, cst.Assign, cst.AnnAssign, cst.Arg, cst.Expr)


def is_function(call: cst.Call) -> bool:
    """Whether a call is of a function with its input as first argument, and not of a method of its input."""
    if isinstance(call.func, cst.Name):
        return True
    return isinstance(call.func, cst.Attribute) and name_of(call.func.value) in _LIBRARIES


def input_of(source: Source, call: cst.Call) -> cst.BaseExpression:
    """What a call works on: the first argument of a function, a module or a submodule (``self.act(x)``), the receiver of a method.

    Raises:
        Refused: it is not there.
    """
    if isinstance(call.func, cst.Attribute) and not is_function(call) and not _is_submodule(source, call):
        return call.func.value
    for argument in call.args:
        if (argument.keyword is None and not argument.star) or (
            argument.keyword is not None and argument.keyword.value in ("input", "x")
        ):
            return argument.value
    raise Refused(f"the input of {last_name(call.func) or 'the call'} is not seen")


def _is_submodule(source: Source, call: cst.Call) -> bool:
    """``self.act(x)``: an attribute that a module is assigned to."""
    name = name_of(call.func)
    if not name:
        return False
    for assign in source.every(cst.Assign):
        if any(name_of(t.target) == name for t in assign.targets):
            return isinstance(assign.value, cst.Call)
    return False


def unwrapped(source: Source, call: cst.Call) -> Change:
    """A call becomes its input."""
    inner = input_of(source, call)
    text = source.code(inner)
    if not isinstance(inner, _ATOMS) and not isinstance(source.parent(call), _ALONE):
        text = f"({text})"
    return source.replace(call, text)


def renamed(source: Source, call: cst.Call, name: str) -> Change:
    """A call gets another function or class of the same library."""
    func = call.func
    if isinstance(func, cst.Attribute):
        return source.replace(func.attr, name)
    return source.replace(func, name)
