"""Interventions of a re-run on copies of the recorded steps: the same name, the same settings, the same losses.

What is about more than a step (how long is trained, in which order the data come, what is done in an evaluation) has no form here, and says so.
"""

from collections.abc import Callable, Mapping

from torch.nn import Module

from ..capture.session import Session
from ..evidence import DROPOUTS
from ..rerun import Intervention
from ..rerun.interventions.hooks import number, words
from ..rerun.interventions.networks import ACTIVATION, Door
from ..rerun.plan import Setting
from ..rule import NotApplicable
from . import calls, steps_alone
from .iteration import BACKWARD, CLEAR, STEP, Act
from .optimizers import Made, made_otherwise
from .sandbox import Sandbox

Form = Callable[[Sandbox, Mapping[str, Setting]], None]


def treated(
    session: Session, intervention: Intervention, optimizers: Mapping[int, Made] | None = None
) -> Sandbox:
    """The recorded steps on copies, with an intervention made.

    Raises:
        NotApplicable: it has no form on a recorded step, or the steps cannot be run again; the message says why.
    """
    sandbox = Sandbox(session, optimizers)
    treat(sandbox, intervention)
    return sandbox


def treat(sandbox: Sandbox, intervention: Intervention) -> None:
    """Make an intervention on the recorded steps.

    Raises:
        NotApplicable: it has no form there; the message says why.
    """
    why = _WITHOUT.get(intervention.name)
    if why is not None:
        raise NotApplicable(why)
    form = FORMS.get(intervention.name)
    if form is None:
        raise NotApplicable(f"{intervention.name} is made in re-runs alone")
    form(sandbox, intervention.settings)


def _scale_rate(sandbox: Sandbox, settings: Mapping[str, Setting]) -> None:
    made_otherwise(sandbox.made, sandbox.session, rate=number(settings, "factor"))


def _clip(sandbox: Sandbox, settings: Mapping[str, Setting]) -> None:
    sandbox.clips.append(number(settings, "norm"))


def _divide(sandbox: Sandbox, settings: Mapping[str, Setting]) -> None:
    by = number(settings, "by")
    sandbox.losses.append(lambda loss: -loss if by == -1 else loss / by)


def _clear(sandbox: Sandbox, settings: Mapping[str, Setting]) -> None:
    """After the step that follows a backward pass on the line."""
    found: list[Act] = []
    waiting = False
    for act in sandbox.acts:
        found.append(act)
        waiting = waiting or (act.does == BACKWARD and calls.on_line(act.where, settings))
        if waiting and act.does == STEP:
            found.append(Act(does=CLEAR, optimizer=act.optimizer))
            waiting = False
    if len(found) == len(sandbox.acts):
        raise NotApplicable("no step follows the line")
    sandbox.acts = found


def _step(sandbox: Sandbox, settings: Mapping[str, Setting]) -> None:
    """After each backward pass on the line."""
    if len(sandbox.made) != 1:
        raise NotApplicable("which optimizer is meant is not known")
    ((index, made),) = sandbox.made.items()
    found: list[Act] = []
    for act in sandbox.acts:
        found.append(act)
        if act.does == BACKWARD and calls.on_line(act.where, settings):
            found.append(Act(does=STEP, where=act.where, optimizer=index, rates=made.begins))
    if len(found) == len(sandbox.acts):
        raise NotApplicable("no backward pass on the line was recorded")
    sandbox.acts = found


def _optimize_all(sandbox: Sandbox, settings: Mapping[str, Setting]) -> None:
    """Every parameter of the network that those given belong to."""
    done = False
    for made in sandbox.made.values():
        given = {p for g in made.groups for p in g.parameters}
        if not calls.on_line(made.where, settings) or len(made.groups) != 1 or made.groups[0].own:
            continue
        networks = list(sandbox.session.recorder.modules.networks.values())
        holding = [m for m in networks if given and given <= {id(p) for p in m.parameters()}]
        if len(holding) == 1:
            made.groups[0].parameters = [id(p) for p in holding[0].parameters()]
            done = True
    if not done:
        raise NotApplicable("which network the parameters belong to is not known")


def _unfreeze(sandbox: Sandbox, settings: Mapping[str, Setting]) -> None:
    """What the line froze takes part in training, where the optimizer has it."""
    frozen = sandbox.session.recorder.writes.frozen
    keys = [k for k in sandbox.weights if k in frozen and calls.on_line(frozen[k][1], settings)]
    held = {p for made in sandbox.made.values() for g in made.groups for p in g.parameters}
    if not keys or not held.issuperset(keys):
        raise NotApplicable(
            "the optimizer was not given what is frozen" if keys else "the line froze nothing"
        )
    for key in keys:
        sandbox.weights[key].requires_grad_(True)
    calls.without(sandbox, "requires_grad_", settings)


def _scale_inputs(sandbox: Sandbox, settings: Mapping[str, Setting]) -> None:
    """What comes in at the door of the network that is called on the line."""
    door = Door.of(settings)
    known: set[int] = set()
    for number_, capture in enumerate(sandbox.captures):
        for root in capture.tape.roots:
            if not (calls.on_line(root.where, settings) or root.key in known):
                continue
            known.add(root.key)
            names = [name for name, _ in root.inputs]
            wanted = settings.get("input")
            position = names.index(str(wanted)) if wanted in names else 0
            if not names:
                raise NotApplicable("what comes in at the network's door was not recorded")
            calls.through(sandbox, number_, root.start, root.end, root.inputs[position][1], door.scaled)
    if not known:
        raise NotApplicable("no network is called on the line in a recorded step")


def _activate(sandbox: Sandbox, settings: Mapping[str, Setting]) -> None:
    """A ReLU on what comes out of layers."""
    names = words(settings, "layers")
    for network in sandbox.session.recorder.modules.networks.values():
        inside: dict[str, Module] = dict(network.named_modules())  # pyright: ignore[reportUnknownArgumentType]
        if all(name in inside for name in names):
            calls.behind(sandbox, [inside[name] for name in names], ACTIVATION)
            return
    raise NotApplicable("the layers are in no network that was recorded")


def _without_regularization(sandbox: Sandbox, _settings: Mapping[str, Setting]) -> None:
    sandbox.omit = DROPOUTS
    for made in sandbox.made.values():
        for held in (made.settings, *(g.own for g in made.groups)):
            if held.get("weight_decay"):
                held["weight_decay"] = 0.0


FORMS: dict[str, Form] = {
    "activate-layers": _activate,
    "argument": calls.argument,
    "clear-gradients": _clear,
    "clip-gradients": _clip,
    "detach-target": steps_alone.detach_target,
    "divide-loss": _divide,
    "exchange-optimizer": calls.exchange_optimizer,
    "instead": calls.instead,
    "match-shapes": steps_alone.match_shapes,
    "optimize-all-parameters": _optimize_all,
    "scale-inputs": _scale_inputs,
    "scale-learning-rate": _scale_rate,
    "scale-outputs": steps_alone.scale_outputs,
    "step-the-optimizer": _step,
    "unfreeze": _unfreeze,
    "without-regularization": _without_regularization,
}
_WITHOUT = {
    "batch-size": "the batches are those that were recorded",
    "evaluation-mode": "it changes evaluations, and no step of training",
    "limit-memory": "it changes nothing in a step",
    "repeat-first-batch": "the batches are those that were recorded",
}


def has_form(intervention: str) -> bool:
    """Whether an intervention can be made on a recorded step."""
    return intervention in FORMS
