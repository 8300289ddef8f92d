"""Keep the fractions of the data: floating-point division and conversion in place of those that cut them off."""

from collections.abc import Iterator, Sequence

import libcst as cst

from ...rule import Finding
from ..remedy import Remedy
from ..source import Change, Refused, Source, name_of

remedy = Remedy(
    name="keep-fractions",
    mends=("NW118",),
    assumes="the fractions are cut off on the line by //, by a conversion to integers that is written as such, or by floor, trunc or a rounding division",
)
_WHOLE = frozenset(("long", "int", "short", "byte", "char"))
_TYPES = frozenset("int int8 int16 int32 int64 uint8 long short LongTensor IntTensor ByteTensor".split())
_ROUNDED = frozenset(("floor", "trunc", "fix"))


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """``x // 255`` becomes ``x / 255``, ``x.long()`` ``x.float()``."""
    line = finding.where.line
    assert line is not None
    statement = source.statement(line)
    changes = [*_divisions(source, statement), *_calls(source, statement)]
    if not changes:
        raise Refused("no conversion to integers and no division that rounds stands on the line")
    return changes


def _divisions(source: Source, statement: cst.CSTNode) -> Iterator[Change]:
    for product in source.every(cst.BinaryOperation, statement):
        if isinstance(product.operator, cst.FloorDivide):
            middle = source.span(product.left)[1], source.span(product.right)[0]
            between = source.text[slice(*middle)]
            yield Change(*middle, between.replace("//", "/", 1))
    for changed in source.every(cst.AugAssign, statement):
        if isinstance(changed.operator, cst.FloorDivideAssign):
            # Not /=, which writes into what may be a tensor of integers.
            name, by = source.code(changed.target), source.code(changed.value)
            yield source.replace(changed, f"{name} = {name} / ({by})")


def _calls(source: Source, statement: cst.CSTNode) -> Iterator[Change]:
    for call in source.every(cst.Call, statement):
        if not isinstance(call.func, cst.Attribute):
            continue
        method, inner = call.func.attr.value, source.code(call.func.value)
        given = [name_of(a.value).rpartition(".")[2] for a in call.args]
        rounding = source.argument(call, "rounding_mode")
        if method in _WHOLE and not call.args:
            yield source.replace(call.func.attr, "float")
        elif method in ("to", "type", "astype") and any(g in _TYPES for g in given):
            yield source.replace(
                call, f'{inner}.astype("float32")' if method == "astype" else f"{inner}.float()"
            )
        elif method in ("div", "divide", "true_divide") and rounding is not None:
            yield source.drop_argument(call, rounding)
        elif method == "floor_divide":
            yield source.replace(call.func.attr, "true_divide")
        elif method in _ROUNDED:
            whole = source.code(call.args[0].value) if call.args else inner
            alone = not call.args or isinstance(call.args[0].value, cst.Name | cst.Attribute | cst.Call)
            yield source.replace(call, whole if alone else f"({whole})")
