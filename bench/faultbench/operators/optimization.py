"""Faults of hyper-parameters: rate, batch, length, optimizer, regularization."""

from __future__ import annotations

import ast

from bench.faultbench.operators import Seen, operator
from bench.faultbench.operators._parts import keyword, optimizer_calls, shuffled_loaders
from bench.faultbench.source import DoesNotApply, Source, called


def _scale_rates(source: Source, factor: str) -> None:
    found = False
    for call in optimizer_calls(source):
        rate = keyword(call, "lr")
        if rate is None and len(call.args) > 1:
            rate = call.args[1]
        if rate is not None:
            source.wrap(rate, f"{factor} * {{}}")
            found = True
    for call in source.calls("OneCycleLR"):
        rate = keyword(call, "max_lr")
        if rate is not None:
            source.wrap(rate, f"{factor} * {{}}")
    if not found:
        raise DoesNotApply("no learning rate is written out")


@operator("NW501", "NW602", "NW603", "NW604", seen=Seen.EXPERIMENT, origin="DeepCrime: change learning rate")
def rate_far_too_high(source: Source) -> None:
    """The learning rate is 300 times too high."""
    _scale_rates(source, "300")


@operator("NW502", "NW601", "NW610", seen=Seen.EXPERIMENT, origin="DeepCrime: change learning rate")
def rate_far_too_low(source: Source) -> None:
    """The learning rate is 1000 times too low."""
    _scale_rates(source, "1e-3")


def _batch_size(source: Source) -> ast.expr:
    for loader, _ in shuffled_loaders(source):
        size = keyword(loader, "batch_size")
        if size is not None:
            return size
    raise DoesNotApply("no shuffled DataLoader with a batch size")


@operator("NW503", seen=Seen.EXPERIMENT, origin="DeepCrime: change batch size; Holden: batches too large")
def batch_far_too_large(source: Source) -> None:
    """The batch is 32 times larger with the same number of epochs and the same rate."""
    source.wrap(_batch_size(source), "32 * {}")


@operator("NW503", "NW501", seen=Seen.EXPERIMENT, origin="DeepCrime: disable batching")
def batch_of_one(source: Source) -> None:
    """Every update uses a single sample, at the rate chosen for batches."""
    if "BatchNorm" in source.text:
        raise DoesNotApply("batch normalization refuses single samples")
    source.replace(_batch_size(source), "1")


@operator("NW615", "NW701", seen=Seen.TRAINING, origin="DeepCrime: change number of epochs")
def stopped_far_too_early(source: Source) -> None:
    """Training stops after the first epoch."""
    for loop in source.ancestors(source.training_loop()):
        if isinstance(loop, ast.For) and called(loop.iter) == "range" and isinstance(loop.iter, ast.Call):
            last = loop.iter.args[-1] if len(loop.iter.args) < 3 else loop.iter.args[1]
            source.replace(last, "1" if len(loop.iter.args) == 1 else "2")
            return
    raise DoesNotApply("no loop over epochs")


@operator("NW504", seen=Seen.EXPERIMENT, origin="DeepCrime: change optimisation function")
def plain_gradient_descent_at_the_rate_of_adam(source: Source) -> None:
    """Adam was replaced by plain gradient descent, with the rate left as it was."""
    for call in source.calls("Adam", "AdamW"):
        rate = keyword(call, "lr") or (call.args[1] if len(call.args) > 1 else None)
        if rate is None or not call.args:
            raise DoesNotApply("no learning rate is written out")
        module = source.code(call.func).rpartition(".")[0]
        source.replace(
            call,
            f"{module + '.' if module else 'torch.optim.'}SGD({source.code(call.args[0])}, lr={source.code(rate)})",
        )


@operator("NW504", seen=Seen.EXPERIMENT, origin="SO 42064941: epsilon")
def epsilon_far_too_large(source: Source) -> None:
    """Adam's epsilon is 10, so that it hardly adapts and hardly moves."""
    for call in source.calls("Adam", "AdamW"):
        source.argument(call, "eps", "10.0")


@operator("NW504", "NW501", seen=Seen.EXPERIMENT, origin="optimizer settings: absurd momentum")
def momentum_far_too_high(source: Source) -> None:
    """Momentum is 0.9999."""
    for call in source.calls("SGD"):
        source.argument(call, "momentum", "0.9999")
        for k in call.keywords:
            if k.arg == "nesterov":
                source.mark(k.value)


@operator("NW506", seen=Seen.EXPERIMENT, origin="DeepCrime: change weights regularisation")
def weight_decay_far_too_strong(source: Source) -> None:
    """Weight decay is 10."""
    for call in optimizer_calls(source):
        if called(call) != "LBFGS":
            source.argument(call, "weight_decay", "10.0" if called(call) == "AdamW" else "1.0")


@operator("NW505", seen=Seen.TRAINING, origin="TrainCheck: scheduler stepped per batch")
def scheduler_stepped_every_batch(source: Source) -> None:
    """A schedule meant for epochs is stepped after every batch."""
    loop = source.training_loop()
    steps = [s for s in source.expression_statements("step") if "sched" in source.code(s)]
    if len(steps) != 1 or loop in source.ancestors(steps[0]):
        raise DoesNotApply("no schedule that is stepped outside of the training loop")
    updates = [s for s in source.expression_statements("step") if loop in source.ancestors(s)]
    if not updates:
        raise DoesNotApply("no optimizer step in the training loop")
    functions = [
        [a for a in source.ancestors(s) if isinstance(a, ast.FunctionDef)][:1]
        for s in (steps[0], updates[-1])
    ]
    if functions[0] != functions[1]:
        raise DoesNotApply("the schedule lives in another function")
    source.delete(steps[0])
    source.after(updates[-1], source.code(steps[0]))


@operator("NW702", seen=Seen.TRAINING, origin="DeepCrime: remove weights regularisation")
def regularization_removed(source: Source) -> None:
    """Weight decay and dropout are missing."""
    for call in optimizer_calls(source):
        if keyword(call, "weight_decay") is not None:
            source.argument(call, "weight_decay", "0.0")
    for call in source.calls("Dropout", "Dropout2d"):
        source.replace(call, "nn.Identity()")
