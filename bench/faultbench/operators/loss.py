"""Faults of the loss: what goes into it, how it is summed, what it asks."""

from __future__ import annotations

import ast
import re

from bench.faultbench.operators import Seen, operator
from bench.faultbench.operators._parts import (
    BINARY_LOGIT_LOSSES,
    CLASS_LOSSES,
    DIFFERENCE_LOSSES,
    keyword,
    losses,
    model_in_loop,
    operand,
)
from bench.faultbench.source import DoesNotApply, Source, called

NLL_LOSSES = (("nll_loss",), ("NLLLoss",))
GUIDE = "Tobin: wrong input to the loss"


def _returned(
    source: Source, pattern: str, kind: tuple[tuple[str, ...], tuple[str, ...]], module: str
) -> None:
    """Put something behind the network's output, where such a loss follows, and count the loss's lines as right too."""
    for call in losses(source, kind):
        source.mark(call)
    network = source.network()
    output = source.output()
    if isinstance(network, ast.Call):
        source.replace(output, f"{source.code(output)}, {module}")
    else:
        source.wrap(output, pattern)


@operator("NW302", origin=GUIDE)
def softmax_before_cross_entropy(source: Source) -> None:
    """The network ends with a softmax although the loss applies one itself."""
    _returned(source, "torch.softmax({}, dim=1)", CLASS_LOSSES, "nn.Softmax(dim=1)")


@operator("NW303", origin=GUIDE)
def sigmoid_before_bce_with_logits(source: Source) -> None:
    """The network ends with a sigmoid although the loss applies one itself."""
    _returned(source, "torch.sigmoid({})", BINARY_LOGIT_LOSSES, "nn.Sigmoid()")


@operator("NW204", "NW302", origin="DeepCrime: add activation function")
def relu_before_cross_entropy(source: Source) -> None:
    """The logits go through a ReLU: no class can get a negative score, and units that start negative never learn."""
    _returned(source, "torch.relu({})", CLASS_LOSSES, "nn.ReLU()")


@operator("NW204", "NW303", origin="DeepCrime: add activation function")
def relu_before_bce_with_logits(source: Source) -> None:
    """The logits of a binary loss go through a ReLU: no probability below one half can be said."""
    _returned(source, "torch.relu({})", BINARY_LOGIT_LOSSES, "nn.ReLU()")


@operator("NW204", origin="Holden: wrong activation on the last layer")
def relu_on_regression_output(source: Source) -> None:
    """A regression network ends with a ReLU although targets are negative too."""
    if source.task not in {"regression", "forecasting"}:
        raise DoesNotApply("not a regression")
    _returned(source, "torch.relu({})", DIFFERENCE_LOSSES, "nn.ReLU()")


@operator("NW204", origin="Holden: tanh saturates; DeepCrime: add activation function")
def sigmoid_on_regression_output(source: Source) -> None:
    """A regression network ends with a sigmoid although targets lie outside 0..1."""
    if source.task not in {"regression", "forecasting"}:
        raise DoesNotApply("not a regression")
    _returned(source, "torch.sigmoid({})", DIFFERENCE_LOSSES, "nn.Sigmoid()")


@operator("NW304", origin=GUIDE)
def logits_into_nll(source: Source) -> None:
    """The log-softmax in front of the negative log-likelihood is missing."""
    for call in losses(source, NLL_LOSSES):
        source.mark(call)
    for call in source.calls("log_softmax"):
        inner = operand(call)
        assert inner is not None
        source.replace(call, source.code(inner))
    for call in source.calls("LogSoftmax"):
        source.replace(call, "nn.Identity()")


@operator("NW304", origin=GUIDE)
def probabilities_into_nll(source: Source) -> None:
    """Softmax instead of log-softmax in front of the negative log-likelihood."""
    for call in losses(source, NLL_LOSSES):
        source.mark(call)
    for call in source.calls("log_softmax", "LogSoftmax"):
        source.replace(
            call.func,
            source.code(call.func).replace("log_softmax", "softmax").replace("LogSoftmax", "Softmax"),
        )


@operator("NW304", "NW204", origin=GUIDE)
def cross_entropy_of_probabilities_by_hand(source: Source) -> None:
    """The hand-written cross-entropy forgets the logarithm: `-(onehot * softmax)`."""
    for call in losses(source, CLASS_LOSSES):
        if call.keywords or source.task != "classification":
            raise DoesNotApply("the cross-entropy has options")
        prediction, target = (source.code(a) for a in call.args[:2])
        source.replace(
            call, f"-torch.softmax({prediction}, dim=1)[torch.arange(len({target})), {target}].mean()"
        )


@operator("NW305", origin="DeepCrime: change loss function")
def squared_error_for_classes(source: Source) -> None:
    """Squared error between the logits and one-hot classes instead of the cross-entropy."""
    if source.task not in {"classification", "language-model"}:
        raise DoesNotApply("not a classification")
    for call in losses(source, CLASS_LOSSES):
        if called(call.func) == "CrossEntropyLoss" or keyword(call, "reduction"):
            raise DoesNotApply("the loss has options")
        prediction, target = (source.code(a) for a in call.args[:2])
        source.replace(
            call, f"(({prediction}) - torch.eye(({prediction}).shape[-1])[{target}]).pow(2).mean()"
        )


@operator("NW305", origin="real programs: class index as a number")
def regression_on_class_index(source: Source) -> None:
    """The class index is treated as a number: squared error between the largest logit and the index."""
    if source.task != "classification":
        raise DoesNotApply("not a classification")
    for call in losses(source, CLASS_LOSSES):
        prediction, target = (source.code(a) for a in call.args[:2])
        source.replace(call, f"(({prediction}).mean(dim=1) - ({target}).float()).pow(2).mean()")


@operator("NW305", origin="real programs: softmax for independent labels")
def softmax_for_independent_labels(source: Source) -> None:
    """Labels that do not exclude each other are trained with a cross-entropy over a softmax."""
    if source.task != "multilabel":
        raise DoesNotApply("not a multi-label task")
    for call in losses(source, BINARY_LOGIT_LOSSES):
        prediction, target = (source.code(a) for a in call.args[:2])
        source.replace(call, f"torch.nn.functional.cross_entropy({prediction}, {target})")


@operator("NW306", origin="Tobin: wrong tensor shapes (silent broadcasting)")
def broadcast_in_difference_loss(source: Source) -> None:
    """Predictions of shape (N, 1) meet targets of shape (N): every prediction is compared with every target."""
    if source.task not in {"regression", "forecasting", "reinforcement", "recommendation"}:
        raise DoesNotApply("not a regression")
    loop = source.statement(source.backward())
    for call in losses(source, DIFFERENCE_LOSSES):
        if source.statement(call).lineno > loop.lineno:
            continue
        prediction, target = (source.code(a) for a in call.args[:2])
        source.replace(call.args[0], f"({prediction}).reshape(-1, 1)")
        source.replace(call.args[1], f"({target}).reshape(-1)")


@operator("NW307", seen=Seen.EXPERIMENT, origin="Tobin: flipped sign")
def wrong_sign(source: Source) -> None:
    """The loss is maximized: its sign is flipped."""
    name = source.loss_name()
    source.before(source.backward(), f"{name} = -{name}")


# A summed loss with a rate that fits is right, so only the size of the updates can tell.
@operator("NW310", "NW501", seen=Seen.EXPERIMENT, origin="Shao: loss summed where the rate assumes the mean")
def summed_instead_of_averaged(source: Source) -> None:
    """The loss is summed over the batch while the learning rate was chosen for the mean."""
    functions = CLASS_LOSSES[0] + BINARY_LOGIT_LOSSES[0] + DIFFERENCE_LOSSES[0]
    modules = CLASS_LOSSES[1] + BINARY_LOGIT_LOSSES[1] + DIFFERENCE_LOSSES[1]
    calls = source.calls(*modules) or source.calls(*functions)
    if not calls or any(keyword(call, "reduction") for call in calls):
        raise DoesNotApply("no loss with the default reduction")
    for call in calls:
        source.argument(call, "reduction", '"sum"')
    source.mark(source.backward())
    for call in source.losses(functions, modules):
        source.mark(call)


@operator("NW310", origin="TrainCheck, Hugging Face issue on gradient accumulation")
def accumulated_loss_not_divided(source: Source) -> None:
    """Gradients of several micro-batches are added without dividing by their number."""
    source.mark(source.backward())
    for node in source.nodes(ast.BinOp, source.training_loop()):
        if isinstance(node.op, ast.Div) and (
            "accum" in source.code(node.right).lower() or "micro" in source.code(node.right).lower()
        ):
            source.replace(node, source.code(node.left))
    loss = source.backward()
    assert (
        isinstance(loss, ast.Expr)
        and isinstance(loss.value, ast.Call)
        and isinstance(loss.value.func, ast.Attribute)
    )
    inner = loss.value.func.value
    if (
        isinstance(inner, ast.BinOp)
        and isinstance(inner.op, ast.Div)
        and isinstance(inner.right, ast.Constant)
    ):
        source.replace(inner, source.code(inner.left))


@operator("NW310", origin="Tobin: padding counted")
def padding_counted_in_loss(source: Source) -> None:
    """The loss no longer ignores the padding tokens."""
    for call in source.calls("cross_entropy", "CrossEntropyLoss", "nll_loss", "NLLLoss"):
        for k in call.keywords:
            if k.arg == "ignore_index":
                source.replace(k.value, "-100")
                source.mark(call)
    for call in source.losses(("cross_entropy", "nll_loss"), ("CrossEntropyLoss", "NLLLoss")):
        source.mark(call)


@operator("NW309", origin="Emam: regularization must not overwhelm the loss")
def penalty_overwhelms_loss(source: Source) -> None:
    """A penalty on the weights outweighs the loss on the data many times over."""
    model = model_in_loop(source)
    name = source.loss_name()
    source.before(
        source.backward(), f"{name} = {name} + 5.0 * sum(p.pow(2).sum() for p in {model}.parameters())"
    )
    source.mark(source.backward())


@operator("NW311", origin="Tobin: numerical instability; CS231n: softmax by hand")
def unstable_cross_entropy(source: Source) -> None:
    """Cross-entropy by hand: logarithm of a softmax in float32, without the shift."""
    if source.task != "classification":
        raise DoesNotApply("not a classification")
    for call in losses(source, CLASS_LOSSES):
        if call.keywords:
            raise DoesNotApply("the cross-entropy has options")
        prediction, target = (source.code(a) for a in call.args[:2])
        source.replace(
            call,
            f"-torch.log(torch.exp({prediction}) / torch.exp({prediction}).sum(1, keepdim=True))[torch.arange(len({target})), {target}].mean()",
        )


@operator("NW312", origin="TrainCheck; deep Q-learning without a fixed target")
def target_carries_gradient(source: Source) -> None:
    """The target is computed with gradient: the `no_grad` around it is missing."""
    for node in source.nodes(ast.With):
        if called(node.items[0].context_expr) == "no_grad" and re.search(
            r"target_\w*(net|model|q)|teacher", source.code(node)
        ):
            source.replace(node.items[0].context_expr, "torch.enable_grad()")
            for statement in node.body:
                source.mark(statement)
    for call in source.losses(DIFFERENCE_LOSSES[0] + ("kl_div",), (*DIFFERENCE_LOSSES[1], "KLDivLoss")):
        source.mark(call)


@operator("NW313", origin="DeepCrime: unbalance; class weights inverted")
def class_weights_inverted(source: Source) -> None:
    """The weight of the rare class is inverted: common samples count more instead of less."""
    for call in source.calls(
        "CrossEntropyLoss", "cross_entropy", "BCEWithLogitsLoss", "binary_cross_entropy_with_logits"
    ):
        for name in ("weight", "pos_weight"):
            value = keyword(call, name)
            if value is not None:
                source.wrap(value, "1.0 / {}")
                source.mark(call)
    for call in source.losses(
        CLASS_LOSSES[0] + BINARY_LOGIT_LOSSES[0], CLASS_LOSSES[1] + BINARY_LOGIT_LOSSES[1]
    ):
        source.mark(call)


@operator("NW314", "NW405", "NW404", origin="Emam: the right tensor optimized")
def loss_of_another_tensor(source: Source) -> None:
    """The loss is computed on the inputs passed through a fresh random layer instead of the network's output."""
    batch = source.batch()
    if source.task != "classification":
        raise DoesNotApply("not a classification")
    for call in losses(source, CLASS_LOSSES):
        if batch.targets in source.code(call):
            prediction = source.code(call.args[0])
            source.replace(call.args[0], f"torch.randn_like({prediction}).requires_grad_()")
    source.mark(source.backward())


@operator("NW308", seen=Seen.EXPERIMENT, origin="Shao: losses of one order of magnitude")
def terms_of_different_magnitude(source: Source) -> None:
    """One of two loss terms is a thousand times the other."""
    for node in source.nodes(ast.BinOp, source.training_loop()):
        statement = source.statement(node)
        assigned = (
            isinstance(statement, ast.Assign) and source.code(statement.targets[0]) == source.loss_name()
        )
        if assigned and isinstance(node.op, ast.Add) and statement.value is node:  # type: ignore[attr-defined]
            source.wrap(node.right, "1000.0 * {}")
            return
    raise DoesNotApply("the loss has no two terms")
