"""Each setting at its bounds, on optimizers made by hand."""

import pytest

from netwright.evidence import (
    LossTerm,
    Objective,
    OptimizerInfo,
    Optimizers,
    ParameterInfo,
    Parameters,
    Task,
    TaskKind,
)
from netwright.registry import find_rule

from ...handmade import stats
from ...remedies.variants import mended


def weight(name, shape=(32, 32), std=0.1, gradient=0.32, kind="Linear"):
    return ParameterInfo(
        name=name,
        shape=shape,
        dtype="float32",
        module_type=kind,
        groups=((0, 0),),
        grad_steps=(gradient,),
        initial=stats(0.0, std),
    )


def findings(kind, loss_weight=1.0, parameters=None, **group):
    term = LossTerm(op="cross_entropy", node=0, weight=loss_weight)
    task = Task(
        kind=TaskKind.CLASSIFICATION,
        objectives=(Objective(graph=0, kind=TaskKind.CLASSIFICATION, terms=(term,), main=0),),
    )
    held = parameters or (weight("a.weight"), weight("b.weight"))
    optimizers = Optimizers(optimizers=(OptimizerInfo(index=0, type=kind, groups=({"lr": 1e-3, **group},)),))
    return find_rule("NW504").function(optimizers, Parameters(parameters=held), task)


def found(*args, **settings):
    return {f.measured["setting"]: f.severity.value for f in findings(*args, **settings)}


@pytest.mark.parametrize(
    ("kind", "group"),
    [
        ("SGD", {"lr": 1.0, "weight_decay": 1.0}),  # all of the weights at every step
        ("SGD", {"lr": 0.1, "weight_decay": 0.2}),
        ("SGD", {"momentum": 1.0}),
        ("RMSprop", {"alpha": 1.0}),
        ("Adadelta", {"rho": 1.0}),
        ("SGD", {"lr": -0.1}),
    ],
)
def test_the_remedy_does_what_the_finding_says(kind, group):
    (finding,) = findings(kind, **group)
    setting = finding.measured["setting"]
    text = f"opt = torch.optim.{kind}(p, {', '.join(f'{k}={v}' for k, v in group.items())})"
    assert finding.fix in mended("usual-setting", "NW504", text, "opt", **finding.measured)
    assert finding.fix.startswith(f"{setting}=")


@pytest.mark.parametrize(
    ("kind", "group", "expected"),
    [
        ("SGD", {"lr": 0.1, "momentum": 0.9, "weight_decay": 5e-4}, {}),
        ("SGD", {"momentum": 1.0}, {"momentum": "error"}),
        ("SGD", {"momentum": 0.9999}, {"momentum": "warning"}),
        ("SGD", {"momentum": 0.9, "dampening": 1.0}, {"dampening": "error"}),
        ("SGD", {"momentum": 0.9, "dampening": 0.9}, {}),
        ("SGD", {"lr": -0.1}, {"lr": "error"}),
        ("SGD", {"lr": 0.1, "momentum": 0.9, "weight_decay": 1.0}, {"weight_decay": "error"}),
        ("SGD", {"lr": 0.1, "weight_decay": 0.2}, {"weight_decay": "warning"}),
        ("AdamW", {"weight_decay": 0.1}, {}),
        ("AdamW", {"weight_decay": 10.0}, {"weight_decay": "warning"}),
        ("Adam", {"betas": (0.9, 0.999), "eps": 1e-8}, {}),
        ("Adam", {"betas": (0.5, 0.999)}, {}),
        ("Adam", {"betas": (0.0, 0.9)}, {}),
        ("Adam", {"betas": (0.999, 0.9)}, {"betas": "warning"}),
        ("Adam", {"betas": (0.9, 1.0)}, {"betas": "error"}),
        # Gradients of 0.32 over 1024 numbers: 0.01 each.
        ("Adam", {"eps": 1.0}, {"eps": "warning"}),
        ("Adam", {"eps": 0.05}, {}),
        ("Adam", {"lr": 2.0}, {"lr": "warning"}),
        ("Adam", {"weight_decay": 0.05}, {"weight_decay in the gradient": "info"}),
        ("Adam", {"weight_decay": 0.05, "decoupled_weight_decay": True}, {}),
        ("RMSprop", {"alpha": 1.0}, {"alpha": "error"}),
        ("Mine", {"momentum": 5.0}, {}),
    ],
)
def test_settings(kind, group, expected):
    assert found(kind, **group) == expected


def test_maximize_is_right_for_what_is_negated():
    assert found("SGD", maximize=True) == {"maximize": "error"}
    assert found("SGD", maximize=True, loss_weight=-1.0) == {}
    assert found("SGD", maximize=False) == {}


def test_what_need_not_decay_is_mentioned():
    held = (weight("a.weight"), weight("a.bias", (32,)), weight("norm.weight", (32,), kind="LayerNorm"))
    assert found("AdamW", parameters=held, weight_decay=0.01) == {"weight_decay of norms and biases": "info"}
    assert found("AdamW", parameters=held, weight_decay=0.0) == {}


def test_pixels_may_move_by_more_than_one():
    held = (weight("picture", (3, 64, 64), std=60.0), weight("other", (3, 64, 64), std=60.0))
    assert found("Adam", parameters=held, lr=10.0) == {}
