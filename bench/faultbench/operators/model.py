"""Faults of the network: layers, activations, shapes, initialization."""

from __future__ import annotations

import ast

from bench.faultbench.operators import Seen, operator
from bench.faultbench.operators._parts import (
    ACTIVATION_MODULES,
    exchange_activations,
    hidden_activations,
    hidden_call,
    mark_layers,
    network_variable,
    shuffled_loaders,
)
from bench.faultbench.source import DoesNotApply, Source, called

INITS = "DeepCrime: change weights initialisation"


@operator("NW205", origin="DeepCrime: remove activation function")
def hidden_activations_removed(source: Source) -> None:
    """All hidden activations are missing: layers in a row make one linear map."""
    exchange_activations(source, "nn.Identity()", "{}")
    for call in source.calls("Linear", "Conv2d", "Conv1d", within=source.network()):
        source.mark(call)
    if isinstance(source.network(), ast.ClassDef):
        for statement in source.forward().body:
            source.mark(statement)


@operator(
    "NW206",
    "NW406",
    seen=Seen.EXPERIMENT,
    origin="DeepCrime: change activation function; Emam: not sigmoid",
)
def hidden_activations_sigmoid(source: Source) -> None:
    """All hidden activations are sigmoids."""
    exchange_activations(source, "nn.Sigmoid()", "torch.sigmoid({})")


@operator("NW214", origin="Tobin: wrong tensor shapes")
def softmax_over_wrong_dimension(source: Source) -> None:
    """A softmax runs over the batch instead of the classes."""
    for call in source.calls("softmax", "log_softmax", "Softmax", "LogSoftmax"):
        for k in call.keywords:
            if k.arg == "dim":
                source.replace(k.value, "0")
        position = (
            1
            if called(call) in {"softmax", "log_softmax"}
            and isinstance(call.func, ast.Attribute)
            and source.code(call.func.value) in {"F", "torch"}
            else 0
        )
        if not call.keywords and len(call.args) > position and called(call) in {"softmax", "log_softmax"}:
            source.replace(call.args[position], "0")
    for call in source.calls("cross_entropy", "nll_loss", "NLLLoss"):
        source.mark(call)


@operator("NW210", "NW401", origin="TrainCheck; torch forum: layers in a plain list")
def layers_in_a_plain_list(source: Source) -> None:
    """Layers stand in a plain Python list, so that nobody knows of their parameters."""
    for call in source.calls("ModuleList"):
        if call.args:
            source.replace(call, f"list({source.code(call.args[0])})")


@operator("NW213", origin="DeepCrime: change dropout rate")
def dropout_far_too_strong(source: Source) -> None:
    """Dropout takes away 95 % of the units."""
    for call in source.calls("Dropout", "Dropout2d", "dropout"):
        at = 1 if called(call) == "dropout" else 0
        for k in call.keywords:
            if k.arg == "p":
                source.replace(k.value, "0.95")
        if len(call.args) > at:
            source.replace(call.args[at], "0.95")


@operator("NW213", origin="Holden: dropout before linear layers, not after the last")
def dropout_on_the_output(source: Source) -> None:
    """Dropout stands behind the output layer."""
    network, output = source.network(), source.output()
    if isinstance(network, ast.Call):
        source.replace(output, f"{source.code(output)}, nn.Dropout(0.5)")
    else:
        source.wrap(output, "torch.nn.functional.dropout({}, 0.5, self.training)")


@operator("NW213", "NW419", "NW416", origin="Hugging Face: dropout active in evaluation")
def dropout_left_on_in_evaluation(source: Source) -> None:
    """A functional dropout in the network does not look at the mode, so it stays on in evaluation."""
    source.wrap(hidden_call(source), "torch.nn.functional.dropout({}, 0.5)")


@operator("NW209", origin="Holden: too few hidden units; DeepFD")
def narrow_bottleneck(source: Source) -> None:
    """Everything passes through a hidden layer of one unit."""
    call = hidden_activations(source)[-1]
    network = source.network()
    if not isinstance(network, ast.Call) and called(call) not in ACTIVATION_MODULES:
        raise DoesNotApply("no nn.Sequential to put it in")
    container = source.parent(call)
    if not (isinstance(container, ast.Call) and called(container) == "Sequential"):
        raise DoesNotApply("the activation stands in no nn.Sequential")
    at = container.args.index(call)
    before = [
        layer for layer in container.args[:at] if isinstance(layer, ast.Call) and called(layer) == "Linear"
    ]
    if not before:
        raise DoesNotApply("no linear layer before the activation")
    width, activation = source.code(before[-1].args[1]), source.code(call)
    source.replace(
        call, f"{activation}, nn.Linear({width}, 1), {activation}, nn.Linear(1, {width}), {activation}"
    )


@operator("NW216", origin="guides: does the output depend on the input")
def output_ignores_the_input(source: Source) -> None:
    """The network works on zeros of the input's shape."""
    forward = source.forward()
    argument = forward.args.args[1].arg
    body = (
        forward.body[1]
        if isinstance(forward.body[0], ast.Expr) and isinstance(forward.body[0].value, ast.Constant)
        else forward.body[0]
    )
    source.before(body, f"{argument} = torch.zeros_like({argument})")
    source.mark(forward)
    for statement in forward.body:
        source.mark(statement)
    for call in source.calls(*[source.code(s.targets[0]) for s in source.models()]):
        source.mark(call)


@operator(
    "NW217",
    "NW221",
    seen=Seen.EXPERIMENT,
    definition="a leak: one sample's prediction depends on the others",
    origin="TheDeepChecker; TrainCheck",
)
def samples_mix_across_the_batch(source: Source) -> None:
    """Hidden values are centred over the batch, in evaluation too."""
    call = hidden_call(source)
    code = source.code(call)
    source.replace(call, f"({code} - {code}.mean(dim=0, keepdim=True))")


@operator(
    "NW218",
    seen=Seen.EXPERIMENT,
    definition="a leak: the future is read",
    origin="DEFault++: causal mask broken",
)
def causal_mask_missing(source: Source) -> None:
    """The causal mask is missing: every position reads what it must predict."""
    for call in source.calls("masked_fill"):
        if isinstance(call.func, ast.Attribute):
            source.replace(call, source.code(call.func.value))
    for k in source.nodes(ast.keyword):
        if k.arg == "is_causal" and source.code(k.value) == "True":
            source.replace(k.value, "False")


@operator("NW212", origin="Tobin; Shao: batch norm with tiny batches")
def batch_norm_on_two_samples(source: Source) -> None:
    """Batch normalization over batches of two samples."""
    if not source.calls("BatchNorm1d"):
        raise DoesNotApply("no batch normalization of vectors")
    for call in source.calls("BatchNorm1d"):
        source.mark(call)
    loader, _ = shuffled_loaders(source)[0]
    source.argument(loader, "batch_size", "2")
    source.argument(loader, "drop_last", "True")


@operator("NW208", "NW406", "NW202", seen=Seen.EXPERIMENT, origin="DEFault++: residual removed")
def residual_connections_removed(source: Source) -> None:
    """Residual additions are missing: `x + f(x)` became `f(x)`."""
    for function in source.nodes(ast.FunctionDef):
        if function.name != "forward":
            continue
        for node in source.nodes(ast.BinOp, function):
            if (
                isinstance(node.op, ast.Add)
                and isinstance(node.left, ast.Name)
                and isinstance(node.right, ast.Call)
            ):
                source.replace(node, source.code(node.right))


@operator("NW220", seen=Seen.EXPERIMENT, origin="DEFault++: scores not scaled")
def attention_not_scaled(source: Source) -> None:
    """The scores of attention are not divided by the square root of the width."""
    for node in source.nodes(ast.BinOp):
        if (
            isinstance(node.op, ast.Div | ast.Mult)
            and "sqrt" in source.code(node.right)
            and "@" in source.code(node.left)
        ):
            source.replace(node, source.code(node.left))


@operator("NW211", seen=Seen.EXPERIMENT, origin="DEFault++: positions none")
def positions_not_added(source: Source) -> None:
    """The embedding of the positions is not added to that of the tokens."""
    for node in source.nodes(ast.BinOp):
        if (
            isinstance(node.op, ast.Add)
            and "pos" in source.code(node.right).lower()
            and "emb" in source.code(node).lower()
        ):
            source.replace(node, source.code(node.left))


@operator("NW421", "NW420", seen=Seen.EXPERIMENT, origin="TrainCheck: tied weights broken")
def tied_weights_broken(source: Source) -> None:
    """The output layer no longer shares its weights with the embedding."""
    for node in source.nodes(ast.Assign):
        if source.code(node.targets[0]).endswith(".weight") and source.code(node.value).endswith(".weight"):
            source.delete(node)


@operator("NW204", "NW301", seen=Seen.EXPERIMENT, origin="DeepCrime: remove bias")
def biases_removed(source: Source) -> None:
    """Linear layers have no bias."""
    for call in source.calls("Linear", within=source.network()):
        source.argument(call, "bias", "False")


def _initialize(source: Source, *lines: str) -> None:
    statement, name = network_variable(source)
    built = called(statement.value) if isinstance(statement.value, ast.Call) else ""
    for kind in source.nodes(ast.ClassDef):
        if kind.name == built and not any("Module" in source.code(base) for base in kind.bases):
            raise DoesNotApply("the network stands inside an object of the program's own")
    source.after(statement, f"for p in {name}.parameters():", *(f"    {line}" for line in lines))
    source.mark(statement)
    mark_layers(source)


@operator("NW201", origin=INITS)
def weights_all_zero(source: Source) -> None:
    """All weights and biases start at zero."""
    _initialize(source, "nn.init.zeros_(p)")


@operator("NW201", origin=INITS)
def weights_all_equal(source: Source) -> None:
    """All weights start at the same constant."""
    _initialize(source, "nn.init.constant_(p, 0.1)")


@operator("NW202", origin=INITS + "; Holden: not small random numbers")
def weights_far_too_small(source: Source) -> None:
    """Weights are drawn from a normal distribution of standard deviation 0.0001."""
    _initialize(source, "if p.dim() > 1:", "    nn.init.normal_(p, std=1e-4)")


@operator("NW202", "NW206", origin=INITS)
def weights_far_too_large(source: Source) -> None:
    """Weights are drawn from a normal distribution of standard deviation 1, whatever the width."""
    _initialize(source, "if p.dim() > 1:", "    nn.init.normal_(p, std=1.0)")


@operator("NW207", "NW203", origin="Holden: dead ReLUs; biases zero")
def hidden_units_start_dead(source: Source) -> None:
    """Biases start at -10, so that units never activate."""
    if not any(called(c) in {"relu", "ReLU"} for c in hidden_activations(source)):
        raise DoesNotApply("no ReLU")
    _initialize(source, "if p.dim() == 1:", "    nn.init.constant_(p, -10.0)")
    for call in hidden_activations(source):
        source.mark(call)


@operator("NW203", origin="Holden: biases zero")
def biases_far_too_large(source: Source) -> None:
    """Biases start at 5."""
    _initialize(source, "if p.dim() == 1:", "    nn.init.constant_(p, 5.0)")
