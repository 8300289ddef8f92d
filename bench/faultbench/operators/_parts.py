"""What several operators look for in a program."""

from __future__ import annotations

import ast

from bench.faultbench.source import DoesNotApply, Source, called

ACTIVATION_CALLS = ("relu", "gelu", "tanh", "elu", "leaky_relu", "silu", "selu", "softplus")
ACTIVATION_MODULES = ("ReLU", "GELU", "Tanh", "ELU", "LeakyReLU", "SiLU", "SELU", "Softplus")
CLASS_LOSSES = (("cross_entropy",), ("CrossEntropyLoss",))
BINARY_LOGIT_LOSSES = (("binary_cross_entropy_with_logits",), ("BCEWithLogitsLoss",))
DIFFERENCE_LOSSES = (
    ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"),
    ("MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss"),
)


def losses(source: Source, kind: tuple[tuple[str, ...], tuple[str, ...]]) -> list[ast.Call]:
    """Calls of a kind of loss that training depends on; raises DoesNotApply when there are none."""
    found = source.losses(*kind)
    if not found:
        raise DoesNotApply(f"no loss of the kind {kind[1][0]}")
    return found


def hidden_activations(source: Source) -> list[ast.Call]:
    """Activations of the network's hidden layers, as functions or as modules; not what the network returns."""
    network = source.network()
    output = source.output()
    inside = set(ast.walk(output)) if isinstance(network, ast.Call) else {output}
    found = [
        call
        for call in source.calls(*ACTIVATION_CALLS, *ACTIVATION_MODULES, within=network)
        if call not in inside and (called(call) in ACTIVATION_MODULES or operand(call) is not None)
    ]
    if not found:
        raise DoesNotApply("no hidden activation is written out in the network")
    return found


def hidden_call(source: Source) -> ast.Call:
    """The last hidden activation, which must be a function's call; raises DoesNotApply where activations are modules."""
    call = hidden_activations(source)[-1]
    if called(call) in ACTIVATION_MODULES:
        raise DoesNotApply("activations are modules")
    return call


def exchange_activations(source: Source, module: str, pattern: str) -> None:
    """Another activation in the place of every hidden one: a module's constructor, or a pattern around what it is applied to."""
    for call in hidden_activations(source):
        if called(call) in ACTIVATION_MODULES:
            source.replace(call, module)
        else:
            inner = operand(call)
            assert inner is not None
            source.replace(call, pattern.format(source.code(inner)))


def mark_layers(source: Source) -> None:
    """A finding on weights may rightly point where their layer is made."""
    for call in source.calls("Linear", "Conv2d", "Conv1d", "LSTM", "GRU", "Embedding"):
        source.mark(call)


def shuffled_loaders(source: Source) -> list[tuple[ast.Call, ast.keyword]]:
    """DataLoaders that shuffle, with that argument; raises DoesNotApply when there are none."""
    found = [
        (call, k)
        for call in source.calls("DataLoader")
        for k in call.keywords
        if k.arg == "shuffle" and source.code(k.value) == "True"
    ]
    if not found:
        raise DoesNotApply("no shuffled DataLoader")
    return found


def updates(source: Source) -> list[ast.stmt]:
    """Steps of an optimizer in the training loop."""
    loop = source.training_loop()
    found = [s for s in source.expression_statements("step") if loop in source.ancestors(s)]
    return [s for s in found if "sched" not in source.code(s)]


def last_update(source: Source) -> ast.stmt:
    """The last step of an optimizer in the training loop; raises DoesNotApply when there is none."""
    found = updates(source)
    if not found:
        raise DoesNotApply("no optimizer step in the training loop")
    return found[-1]


def operand(call: ast.Call) -> ast.expr | None:
    """What a function such as `torch.relu(x)` or `x.relu()` is applied to."""
    if call.args:
        return call.args[0]
    return call.func.value if isinstance(call.func, ast.Attribute) else None


def network_variable(source: Source) -> tuple[ast.Assign, str]:
    """The last statement that builds the network, and the variable it is bound to."""
    statement = source.models()[-1]
    return statement, source.code(statement.targets[0])


def model_in_loop(source: Source) -> str:
    """The name that the network has where `backward` is called."""
    statement, name = network_variable(source)
    functions = [a for a in source.ancestors(source.backward()) if isinstance(a, ast.FunctionDef)]
    if not functions or functions[0] in source.ancestors(statement):
        return name
    arguments = [argument.arg for argument in functions[0].args.args]
    if name in arguments or isinstance(source.parent(statement), ast.Module):
        return name
    for candidate in ("model", "net", "network"):
        if candidate in arguments:
            return candidate
    for candidate in ("self.model", "self.net", "self.network"):
        if candidate in source.code(functions[0]):
            return candidate
    raise DoesNotApply("the network has no known name where the loss is computed")


OPTIMIZERS = ("SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta", "NAdam", "RAdam", "Adamax", "LBFGS")


def optimizer_calls(source: Source) -> list[ast.Call]:
    """Calls that build an optimizer of torch's."""
    return source.calls(*OPTIMIZERS)


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    """The value of a keyword argument."""
    return next((k.value for k in call.keywords if k.arg == name), None)
