"""Faults of gradients and connections: who is trained, in which order, in which mode."""

from __future__ import annotations

import ast

from bench.faultbench.operators import Seen, operator
from bench.faultbench.operators._parts import (
    hidden_call,
    last_update,
    mark_layers,
    model_in_loop,
    network_variable,
    optimizer_calls,
    updates,
)
from bench.faultbench.source import DoesNotApply, Source, called

CLIPS = ("clip_grad_norm_", "clip_grad_value_")


def _mark_update(source: Source) -> None:
    source.mark(source.backward())
    for statement in updates(source):
        source.mark(statement)


@operator("NW408", origin="TrainCheck; SO 60335387")
def zero_grad_missing(source: Source) -> None:
    """Gradients are never cleared, so every update uses the sum of all before."""
    statements = source.expression_statements("zero_grad")
    if not statements:
        raise DoesNotApply("no zero_grad")
    for statement in statements:
        source.delete(statement)
    _mark_update(source)


@operator("NW409", origin="Shao: updates not applied")
def optimizer_step_missing(source: Source) -> None:
    """The optimizer never steps."""
    for statement in updates(source):
        source.delete(statement)
    source.mark(source.backward())
    for call in optimizer_calls(source):
        source.mark(call)


@operator("NW409", "NW404", "NW314", origin="Shao: updates not applied")
def backward_missing(source: Source) -> None:
    """Nothing calls backward, so the optimizer has no gradients to apply."""
    source.delete(source.backward())
    for statement in updates(source):
        source.mark(statement)


@operator("NW410", "NW409", origin="Shao: wrong update expressions")
def zero_grad_between_backward_and_step(source: Source) -> None:
    """Gradients are cleared after backward and before the step."""
    loop = source.training_loop()
    statements = [s for s in source.expression_statements("zero_grad") if loop in source.ancestors(s)]
    if len(statements) != 1 or statements[0].lineno > source.backward().lineno:
        raise DoesNotApply("no single zero_grad before backward")
    source.delete(statements[0])
    source.after(source.backward(), source.code(statements[0]))
    _mark_update(source)


@operator("NW410", origin="Shao: wrong update expressions")
def clip_after_step(source: Source) -> None:
    """Gradients are clipped after the update has been made."""
    clips = [s for s in source.expression_statements(*CLIPS) if source.training_loop() in source.ancestors(s)]
    steps = updates(source)
    if len(clips) != 1 or len(steps) != 1 or clips[0].lineno > steps[0].lineno:
        raise DoesNotApply("no single clipping before a single step")
    source.delete(clips[0])
    source.after(steps[0], source.code(clips[0]))


@operator("NW410", origin="torch: scheduler before optimizer")
def step_before_backward(source: Source) -> None:
    """The optimizer steps before backward: with the gradients of the batch before, or none."""
    steps = updates(source)
    if len(steps) != 1 or source.parent(steps[0]) is not source.parent(source.backward()):
        raise DoesNotApply("no single step beside backward")
    zero = [
        s for s in source.expression_statements("zero_grad") if source.training_loop() in source.ancestors(s)
    ]
    if not zero or zero[0].lineno > source.backward().lineno:
        raise DoesNotApply("zero_grad does not stand before backward")
    source.delete(steps[0])
    source.before(source.backward(), source.code(steps[0]))
    source.mark(source.backward())


@operator("NW402", "NW401", origin="TrainCheck: optimizer built before the model moved")
def optimizer_holds_a_replaced_network(source: Source) -> None:
    """The network is copied after the optimizer was built, so that the optimizer updates the old one."""
    statement, name = network_variable(source)
    calls = [
        c
        for c in optimizer_calls(source)
        if f"{name}.parameters()" in source.code(c) and c.lineno > statement.lineno
    ]
    if not calls:
        raise DoesNotApply("no optimizer over the network's parameters")
    built = source.statement(calls[-1])
    if not isinstance(built, ast.Assign):
        raise DoesNotApply("the optimizer is not assigned to a variable")
    source.imported("import copy")
    source.after(built, f"{name} = copy.deepcopy({name})")
    source.mark(built)
    source.mark(statement)
    _mark_update(source)


@operator("NW401", origin="Emam: variables not training")
def only_two_tensors_in_the_optimizer(source: Source) -> None:
    """The optimizer is given only the last two tensors of the network."""
    for call in optimizer_calls(source):
        if call.args and called(call.args[0]) == "parameters":
            source.wrap(call.args[0], "list({})[-2:]")
    mark_layers(source)


@operator("NW403", origin="Emam: not trainable")
def frozen_by_accident(source: Source) -> None:
    """All parameters of a fresh network but the last two are frozen."""
    statement, name = network_variable(source)
    source.after(statement, f"for p in list({name}.parameters())[:-2]:", "    p.requires_grad = False")
    source.mark(statement)
    mark_layers(source)


@operator("NW405", "NW404", origin="Emam: variables not training; detached branch")
def hidden_values_detached(source: Source) -> None:
    """Hidden values are detached, so that the layers before them never learn."""
    source.wrap(hidden_call(source), "{}.detach()")
    _mark_update(source)


@operator("NW405", "NW404", "NW314", "NW409", origin="torch forum: .data and new tensors from values")
def loss_made_a_new_tensor(source: Source) -> None:
    """The loss is made a new tensor, which cuts the graph; `requires_grad` silences the complaint."""
    name = source.loss_name()
    source.before(source.backward(), f"{name} = torch.tensor({name}.item(), requires_grad=True)")
    _mark_update(source)


@operator("NW415", origin="Holden: round, clip, argmax have zero gradient")
def hidden_values_rounded(source: Source) -> None:
    """Hidden values are rounded, which has zero gradient."""
    source.wrap(hidden_call(source), "torch.round({})")


@operator("NW417", origin="TrainCheck: parameter updated twice")
def optimizer_steps_twice(source: Source) -> None:
    """Every gradient is applied twice."""
    step = last_update(source)
    source.after(step, source.code(step))
    _mark_update(source)


@operator("NW418", origin="TrainCheck: encoder restored after each step")
def weights_shrunk_after_every_step(source: Source) -> None:
    """All weights are multiplied by 0.9 after every step, behind the optimizer's back."""
    step = last_update(source)
    model = model_in_loop(source)
    source.after(step, "with torch.no_grad():", f"    for p in {model}.parameters():", "        p.mul_(0.9)")
    _mark_update(source)


@operator("NW418", "NW402", origin="torch forum: model built anew in every epoch")
def weights_put_back_every_step(source: Source) -> None:
    """The initial weights are loaded again after every step."""
    step = last_update(source)
    model = model_in_loop(source)
    loop = source.training_loop()
    source.imported("import copy")
    source.before(loop, f"start = copy.deepcopy({model}.state_dict())")
    source.after(step, f"{model}.load_state_dict(start)")
    _mark_update(source)


def _mode_matters(source: Source) -> None:
    if "Dropout" not in source.text and "BatchNorm" not in source.text and "dropout" not in source.text:
        raise DoesNotApply("the network behaves the same in both modes")


@operator("NW416", origin="Tobin: train/eval mode forgotten")
def eval_forgotten(source: Source) -> None:
    """Evaluation runs in training mode."""
    _mode_matters(source)
    statements = [s for s in source.expression_statements("eval") if source.code(s).endswith(".eval()")]
    if not statements:
        raise DoesNotApply("no statement model.eval()")
    for statement in statements:
        source.delete(statement)
        around = (
            a for a in source.ancestors(statement) if isinstance(a, ast.FunctionDef | ast.With | ast.For)
        )
        near = next(around, None)
        for inner in source.nodes(ast.stmt, near) if near is not None else ():  # type: ignore[type-abstract]
            source.mark(inner)
    for node in source.nodes(ast.With):
        source.mark(node)
    for call in source.doors():
        source.mark(call)


@operator("NW416", origin="Tobin: train/eval mode forgotten")
def training_in_eval_mode(source: Source) -> None:
    """Training runs in evaluation mode."""
    _mode_matters(source)
    statements = [
        s
        for s in source.expression_statements("train")
        if source.code(s).endswith((".train()", ".train(True)"))
    ]
    if statements:
        for statement in statements:
            source.replace(
                statement,
                source.code(statement).replace(".train(True)", ".eval()").replace(".train()", ".eval()"),
            )
    else:
        model = model_in_loop(source)
        source.before(source.training_loop(), f"{model}.eval()")
    loop = source.training_loop()
    for statement in source.nodes(ast.stmt, loop):  # type: ignore[type-abstract]
        source.mark(statement)


@operator("NW421", origin="Hugging Face issue 17877: weights initialized again after loading")
def weights_overwritten_after_loading(source: Source) -> None:
    """Loaded weights are initialized again before training begins."""
    _initialize_again(source, [s for s in _loads(source) if s.lineno < source.training_loop().lineno])


@operator(
    "NW421", seen=Seen.TRAINING, origin="Hugging Face issue 17877: weights initialized again after loading"
)
def weights_overwritten_after_training(source: Source) -> None:
    """The best weights are loaded in the end, or those of a target network during training, and initialized again."""
    _initialize_again(source, [s for s in _loads(source) if s.lineno > source.training_loop().lineno])


def _loads(source: Source) -> list[ast.Expr]:
    return [s for s in source.expression_statements("load_state_dict") if isinstance(s, ast.Expr)]


def _initialize_again(source: Source, loads: list[ast.Expr]) -> None:
    if not loads:
        raise DoesNotApply("nothing is loaded there")
    call = loads[-1].value
    assert isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)
    owner = source.code(call.func.value)
    source.after(
        loads[-1],
        f"for module in {owner}.modules():",
        "    if hasattr(module, 'reset_parameters'):",
        "        module.reset_parameters()",
    )


@operator("NW413", origin="DeepCrime: gradient clip")
def clipping_far_too_small(source: Source) -> None:
    """Gradients are clipped to a norm of 0.001."""
    if any(
        called(c) in {"Adam", "AdamW", "RMSprop", "NAdam", "RAdam", "LBFGS"} for c in optimizer_calls(source)
    ):
        raise DoesNotApply("the optimizer does not care for the size of gradients")
    model = model_in_loop(source)
    source.after(source.backward(), f"torch.nn.utils.clip_grad_norm_({model}.parameters(), 0.001)")
