"""The prediction and the target in the call of a loss."""

import libcst as cst

from .._activations import maker
from ..source import Source, last_name

FUNCTIONS = frozenset(
    "cross_entropy nll_loss mse_loss l1_loss smooth_l1_loss huber_loss binary_cross_entropy binary_cross_entropy_with_logits "
    "soft_margin_loss hinge_embedding_loss kl_div poisson_nll_loss multi_margin_loss multilabel_soft_margin_loss".split()
)
CLASSES = frozenset(
    "CrossEntropyLoss NLLLoss MSELoss L1Loss SmoothL1Loss HuberLoss BCELoss BCEWithLogitsLoss SoftMarginLoss HingeEmbeddingLoss "
    "KLDivLoss PoissonNLLLoss MultiMarginLoss MultiLabelSoftMarginLoss".split()
)
_ATOMS = (cst.Name, cst.Attribute, cst.Call, cst.Subscript)


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
