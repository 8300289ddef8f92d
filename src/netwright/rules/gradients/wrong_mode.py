"""Training runs in evaluation mode, or evaluation in training mode.

## What it measures
The ``training`` flag of the modules for which it matters (dropout with a rate above 0, batch normalization...) at their calls in
training steps and in evaluation passes, and whether autograd records evaluation passes.

## Why it matters
Evaluation in training mode drops units and uses the batch's own statistics: the numbers are worse, depend on the batch, and
the running statistics are fed with evaluation data. Training in evaluation mode switches off dropout and leaves batch
normalization with statistics it never learns.

## How to fix
``model.train()`` at the start of every training epoch, ``model.eval()`` before every evaluation, ``torch.no_grad()`` around it.

## Known false alarms
Passes without gradients whose result the loss uses (target and teacher networks, pseudo-labels) are part of training and not
judged, nor are programs with several losses. Loaded networks kept in evaluation mode (frozen batch
normalization when fine-tuning) are information. Evaluation that records gradients only costs memory: information.

## Source
Tobin, "Troubleshooting deep neural networks" (train/eval mode forgotten, one of the five most common bugs).
"""

from ...evidence import Evaluation, Events, ModuleInfo, Modules, Parameters, Task, Where
from ...rule import Finding, Kind, Rule, Severity, Threshold
from .._gradients import first_known, listed

rule = Rule(
    code="NW416",
    name="wrong-mode",
    severity=Severity.ERROR,
    kind=Kind.BUG,
    guides=("T4",),
    remedies=("evaluate-in-evaluation-mode",),
    explains=("NW419",),
    thresholds={
        "share": Threshold(
            value=0.99,
            unit="share of modules in training mode",
            source="all; single ones are left on purpose",
        ),
    },
)

_DROPOUT = ("Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout")
_NORMS = ("BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm")


def _matters(module: ModuleInfo) -> bool:
    if module.type in _DROPOUT:
        return module.config.get("p") != 0
    return module.type in _NORMS and module.config.get("track_running_stats") is not False


@rule.check
def check(
    modules: Modules, events: Events, evaluation: Evaluation, task: Task, parameters: Parameters
) -> list[Finding]:
    """Training first, evaluation second."""
    found = [*_training(modules, events, parameters)]
    judged = task.sole is not None
    if judged and evaluation.training_flags is not None and evaluation.training_flags > rule["share"]:
        found.append(_evaluated_in_training(evaluation, modules))
    if judged and evaluation.grad_enabled and evaluation.detected_by == "eval_mode":
        found.append(_recorded(evaluation))
    return found


def _training(modules: Modules, events: Events, parameters: Parameters) -> list[Finding]:
    found: list[Finding] = []
    for root in range(len(modules.roots)):
        mine = [m for m in modules.modules if m.root == root and m.calls_train and _matters(m)]
        trained = any(p.root == root and p.changed for p in parameters.parameters)
        if not mine or not trained or any(m.training_in_train is not False for m in mine):
            continue
        loaded = not parameters.fresh or any(p.loaded for p in parameters.parameters if p.root == root)
        found.append(_trained_in_evaluation(mine, _switched(events), loaded))
    return found


def _switched(events: Events) -> Where:
    return first_known(*(e.where for e in events.of("eval_mode")))


def _trained_in_evaluation(modules: list[ModuleInfo], switched: Where, loaded: bool) -> Finding:
    names = [m.path for m in modules]
    where = first_known(switched, modules[0].made)
    return rule.found(
        f"the network trains in evaluation mode: {len(names)} modules that behave differently in training are switched off "
        f"({listed(names)})",
        where=where,
        severity=Severity.INFO if loaded else None,
        expected="model.train() is in force during training steps",
        fix=f"call model.train() at the start of every training epoch (evaluation mode was set at {where.at})",
        modules=names,
    )


def _evaluated_in_training(evaluation: Evaluation, modules: Modules) -> Finding:
    names = list(evaluation.mode_modules) or [m.path for m in modules.modules if _matters(m)]
    return rule.found(
        "the network is evaluated in training mode: units are still dropped, or the batch's own statistics used, "
        f"in {listed(names)}",
        where=evaluation.where,
        expected="model.eval() is in force during evaluation",
        fix=f"call model.eval() before the evaluation at {evaluation.where.at}, and model.train() before training goes on",
        training_share=evaluation.training_flags,
        modules=names,
    )


def _recorded(evaluation: Evaluation) -> Finding:
    return rule.found(
        f"autograd records the evaluation at {evaluation.where.at}: it takes the memory of a training step",
        where=evaluation.where,
        severity=Severity.INFO,
        expected="evaluation runs under torch.no_grad() or torch.inference_mode()",
        fix=f"put the evaluation at {evaluation.where.at} under torch.no_grad()",
        grad_enabled=True,
    )
