"""Parameter groups as they are written in the call of an optimizer: ``[{"params": a, "lr": 1e-3}, dict(params=b)]``."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass

import libcst as cst

from ..source import Change, Refused, Source, name_of


@dataclass(frozen=True, slots=True)
class Group:
    """One group; ``rate`` is what is written for its ``lr``."""

    index: int
    node: cst.Dict | cst.Call
    rate: cst.BaseExpression | None

    def number(self, source: Source) -> float:
        """The rate as a number.

        Raises:
            Refused: it is not written as one.
        """
        try:
            found = ast.literal_eval(source.code(self.rate)) if self.rate is not None else None
        except (ValueError, SyntaxError):
            found = None
        if not isinstance(found, int | float):
            raise Refused("the rate of a parameter group is not written as a number")
        return float(found)


def groups_of(call: cst.Call) -> list[Group]:
    """The groups that are written out in the call of an optimizer; empty where none are, or not all are seen."""
    given = next((a.value for a in call.args if a.keyword is None or a.keyword.value == "params"), None)
    if not isinstance(given, cst.List | cst.Tuple):
        return []
    found: list[Group] = []
    for index, element in enumerate(given.elements):
        match element.value:
            case cst.Dict(elements=elements) as node:
                rates = [
                    e.value
                    for e in elements
                    if isinstance(e, cst.DictElement)
                    and isinstance(e.key, cst.SimpleString)
                    and e.key.value[1:-1] == "lr"
                ]
            case cst.Call(func=func) as node if name_of(func) == "dict":
                rates = [a.value for a in node.args if a.keyword is not None and a.keyword.value == "lr"]
            case _:
                return []
        found.append(Group(index, node, rates[0] if rates else None))
    return found


def group_rates(source: Source, call: cst.Call, rates: Mapping[int, float]) -> list[Change]:
    """Give groups rates of their own, to two digits.

    Raises:
        Refused: the groups are not seen.
    """
    groups = {g.index: g for g in groups_of(call)}
    changes: list[Change] = []
    for index, rate in rates.items():
        group = groups.get(index)
        if group is None:
            raise Refused("the parameter groups are not written out in the call of the optimizer")
        text = f"{rate:.2g}"
        if group.rate is not None:
            changes.append(source.replace(group.rate, text))
        elif isinstance(group.node, cst.Call):
            changes.append(source.set_argument(group.node, "lr", text))
        else:
            last = source.span(group.node.elements[-1])[1]
            changes.append(Change(last, last, f', "lr": {text}'))
    return changes
