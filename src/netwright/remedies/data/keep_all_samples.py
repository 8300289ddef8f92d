"""Train on all samples: take out the mask that leaves some of them away."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import libcst as cst

from ...rule import Finding
from .._removal import removed
from .._training import scope
from ..remedy import Remedy
from ..source import Change, Refused, Source, name_of

remedy = Remedy(
    name="keep-all-samples",
    bends_training=True,
    for_rare=True,
    mends=("NW107",),
    assumes="one mask of the file is made by comparing the labels, and does nothing but choose the rows of the training inputs and of the labels (x[keep], y[keep])",
)
_HELD_OUT = ("test", "val", "valid", "eval", "dev", "holdout")


@dataclass(frozen=True, slots=True)
class _Mask:
    """A statement that makes a mask, and the tables whose rows it chooses."""

    statement: cst.SimpleStatementLine
    chosen: tuple[cst.Subscript, ...]


@remedy.edit
def edit(source: Source, _: Finding) -> Sequence[Change]:
    """``x[keep]`` becomes ``x``, and the statement that makes ``keep`` goes."""
    masks = list(_masks(source))
    if len(masks) != 1:
        raise Refused(f"{len(masks) or 'no'} masks choose rows of inputs and labels")
    (mask,) = masks
    return [
        *removed(source, mask.statement),
        *(source.replace(c, source.code(c.value)) for c in mask.chosen),
    ]


def _masks(source: Source) -> Iterator[_Mask]:
    for statement in source.every(cst.SimpleStatementLine):
        match statement.body:
            case [cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value=name))], value=value)]:
                compared = list(source.every(cst.Comparison, value))
            case _:
                continue
        around = scope(source, statement)
        uses = [n for n in source.every(cst.Name, around) if n.value == name][1:]
        chosen = [c for c in source.every(cst.Subscript, around) if _index(c) == name]
        tables = {name_of(c.value) for c in chosen}
        labels = {n.value for c in compared for n in source.every(cst.Name, c)}
        if len(chosen) != len(uses) or len(tables) < 2 or not tables & labels:
            continue
        # Of a table that is split later, or of the training part: never of what is held out.
        if all(tables) and not any(word in t.lower().split("_") for t in tables for word in _HELD_OUT):
            yield _Mask(statement, tuple(chosen))


def _index(node: cst.Subscript) -> str:
    match node.slice:
        case [cst.SubscriptElement(slice=cst.Index(value=cst.Name(value=name)))]:
            return name
        case _:
            return ""
