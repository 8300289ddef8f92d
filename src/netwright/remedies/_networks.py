"""Finds the network that a line calls: the name it is called by, and the class or the ``Sequential`` behind the name."""

from dataclasses import dataclass

import libcst as cst

from .source import Change, Refused, Source, last_name, name_of


@dataclass(frozen=True, slots=True)
class Network:
    """A network called by a name.

    ``made`` is the assignment that makes it (``None`` where it is made as an argument); ``forward`` the method of its class where the class stands in the file, ``None`` for a
    ``Sequential``.
    """

    name: str
    call: cst.Call
    made: cst.Assign | None
    forward: cst.FunctionDef | None


def networks_at(source: Source, line: int) -> list[Network]:
    """The networks that are called on a line, outermost first."""
    found: list[Network] = []
    for call in source.at(cst.Call, line):
        name = name_of(call.func)
        network = _network(source, name, call) if name else None
        if network is not None:
            found.append(network)
    return found


def network_at(source: Source, line: int) -> Network:
    """The one network that is called on a line.

    Raises:
        Refused: there is none that is made in this file, or more than one.
    """
    found = networks_at(source, line)
    if len({n.name for n in found}) != 1:
        raise Refused("not one network whose making is seen in this file is called on the line")
    return found[0]


def hooked(source: Source, network: Network, call: str) -> list[Change]:
    """A hook on a network whose ``forward`` is not in this file, registered right behind where it is made: ``call`` is the method with its argument.

    Raises:
        Refused: the hook would not stay with the network.
    """
    if network.made is None:
        raise Refused("the network has no name where it is made")
    if "jit.script" in source.text or f"torch.save({network.name}," in source.text:
        raise Refused("the network is saved or compiled as a whole, and a hook would be lost")
    return [source.after(source.statement_of(network.made), f"{network.name}.{call}")]


def calls_by_name(source: Source, name: str) -> list[cst.Call]:
    """Every call of a name."""
    return [c for c in source.every(cst.Call) if name_of(c.func) == name]


def parameters_of(function: cst.FunctionDef) -> list[str]:
    """Names of a method's parameters, without ``self``."""
    return [p.name.value for p in function.params.params][1:]


def first_statement(function: cst.FunctionDef) -> cst.CSTNode:
    """The first statement of a function after its docstring.

    Raises:
        Refused: the body stands on the line of ``def``, or is a docstring alone.
    """
    body = function.body
    if not isinstance(body, cst.IndentedBlock):
        raise Refused("the body of forward stands on its first line")
    for statement in body.body:
        match statement:
            case cst.SimpleStatementLine(body=[cst.Expr(value=cst.SimpleString())]):
                continue
            case _:
                return statement
    raise Refused("forward is empty")


def _network(source: Source, name: str, call: cst.Call) -> Network | None:
    made, given = _assigned(source, name), None
    if made is not None and name.startswith("self.") and isinstance(made.value, cst.Name):
        given = _held(source, made, made.value.value)
    elif made is None:
        given = _passed(source, name, call)
    if given is not None:
        outside = name_of(given)
        made = _assigned(source, outside) if outside else None
        name = name if name.startswith("self.") else outside or name
    value = made.value if made is not None else given
    if value is None or (made is not None and len(made.targets) != 1):
        return None
    root = _root(value)
    kind = last_name(root.func) if root is not None else ""
    if kind == "Sequential":
        return Network(name, call, made, None)
    classes = [c for c in source.every(cst.ClassDef) if c.name.value == kind]
    if len(classes) != 1:
        return None
    methods = [
        f
        for f in source.every(cst.FunctionDef, classes[0])
        if f.name.value == "forward" and source.above(f, cst.ClassDef) is classes[0]
    ]
    return Network(name, call, made, methods[0]) if len(methods) == 1 else None


def _assigned(source: Source, name: str) -> cst.Assign | None:
    """The one assignment that makes what a name stands for (``model = model.to(device)`` makes nothing)."""
    made = [
        a
        for a in source.every(cst.Assign)
        if any(name_of(t.target) == name for t in a.targets)
        and not any(n.value == name for n in source.every(cst.Name, a.value))
    ]
    return made[0] if len(made) == 1 else None


def _root(value: cst.BaseExpression) -> cst.Call | None:
    """``Net()`` of ``Net().to(device)``."""
    while isinstance(value, cst.Call):
        inner = value.func.value if isinstance(value.func, cst.Attribute) else None
        if not isinstance(inner, cst.Call):
            return value
        value = inner
    return None


def _passed(source: Source, name: str, call: cst.Call) -> cst.BaseExpression | None:
    """What callers pass for a parameter of the function around a call, where all pass the same."""
    function = source.above(call, cst.FunctionDef)
    names = [p.name.value for p in function.params.params] if function is not None else []
    if function is None or name not in names:
        return None
    return _given(source, function.name.value, name, names.index(name))


def _held(source: Source, made: cst.Assign, name: str) -> cst.BaseExpression | None:
    """What the objects of a class are made with, where ``self.model = model`` keeps it: a trainer's network."""
    function, owner = source.above(made, cst.FunctionDef), source.above(made, cst.ClassDef)
    if function is None or owner is None or function.name.value != "__init__":
        return None
    names = parameters_of(function)
    return _given(source, owner.name.value, name, names.index(name)) if name in names else None


def _given(source: Source, callee: str, name: str, position: int) -> cst.BaseExpression | None:
    """The argument of all calls, where it is the same name in all of them, or there is only one call."""
    uses = [c for c in source.every(cst.Call) if name_of(c.func) == callee]
    passed = [source.argument(use, name, position) for use in uses]
    values = [a.value for a in passed if a is not None]
    if not values or len(values) != len(uses):
        return None
    same = len(uses) == 1 or (len({name_of(v) for v in values}) == 1 and name_of(values[0]) != "")
    return values[0] if same else None
