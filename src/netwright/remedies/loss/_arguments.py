"""The prediction and the target in the call of a loss."""

from collections.abc import Container

import libcst as cst

from .._activations import maker
from .._calls import renamed
from .._loops import needs_torch
from ..source import Change, Source, last_name, name_of

FUNCTIONS = frozenset(
    "cross_entropy nll_loss mse_loss l1_loss smooth_l1_loss huber_loss binary_cross_entropy binary_cross_entropy_with_logits "
    "soft_margin_loss hinge_embedding_loss kl_div poisson_nll_loss multi_margin_loss multilabel_soft_margin_loss".split()
)
CLASSES = frozenset(
    "CrossEntropyLoss NLLLoss MSELoss L1Loss SmoothL1Loss HuberLoss BCELoss BCEWithLogitsLoss SoftMarginLoss HingeEmbeddingLoss "
    "KLDivLoss PoissonNLLLoss MultiMarginLoss MultiLabelSoftMarginLoss".split()
)
_ATOMS = (cst.Name, cst.Attribute, cst.Call, cst.Subscript)


def loss_named(source: Source, line: int, names: Container[str]) -> cst.Call | None:
    """The first call on a line that bears one of the names, or the one that made what is called there."""
    return next(
        (
            c
            for call in source.at(cst.Call, line)
            for c in (call, maker(source, call))
            if c is not None and last_name(c.func) in names
        ),
        None,
    )


def losses_at(source: Source, line: int) -> list[cst.Call]:
    """Calls of torch's losses on a line, as functions or as modules that were made before, outermost first."""
    found: list[cst.Call] = []
    for call in source.at(cst.Call, line):
        made = maker(source, call)
        direct = isinstance(call.func, cst.Call) and last_name(call.func.func) in CLASSES
        if (
            last_name(call.func) in FUNCTIONS
            or direct
            or (made is not None and last_name(made.func) in CLASSES)
        ):
            found.append(call)
    return found


def argument_of(source: Source, call: cst.Call, name: str, position: int) -> cst.BaseExpression | None:
    """The prediction (``input``, 0) or the target (``target``, 1)."""
    found = source.argument(call, name, position)
    return found.value if found is not None else None


def atom(source: Source, node: cst.BaseExpression) -> str:
    """The text of an expression, in parentheses where a method or an operator would else bind to its last part."""
    text = source.code(node)
    return text if isinstance(node, _ATOMS) and "\n" not in text else f"({text})"


def functional(source: Source) -> str:
    """By which name ``torch.nn.functional`` is at hand.

    Raises:
        Refused: by none.
    """
    for statement in source.every(cst.Import):
        for name in statement.names:
            if name_of(name.name) == "torch.nn.functional" and name.asname is not None:
                return name_of(name.asname.name)
    for statement in source.every(cst.ImportFrom):
        if statement.module is not None and name_of(statement.module) == "torch.nn":
            for name in statement.names if not isinstance(statement.names, cst.ImportStar) else ():
                if name_of(name.name) == "functional":
                    return name_of(name.asname.name) if name.asname is not None else "functional"
    needs_torch(source)
    return "torch.nn.functional"


def renamed_loss(source: Source, loss: cst.Call, name: str) -> Change:
    """The call of a loss, or the one that makes it, by another name; in full where the old one was imported by itself.

    Raises:
        Refused: torch is not at hand then.
    """
    if not isinstance(loss.func, cst.Name):
        return renamed(source, loss, name)
    if name in CLASSES:
        needs_torch(source)
        return source.replace(loss.func, f"torch.nn.{name}")
    return source.replace(loss.func, f"{functional(source)}.{name}")
