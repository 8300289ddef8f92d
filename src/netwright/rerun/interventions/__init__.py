"""Named changes of a re-run. Each is a function of :class:`Hooks` and its settings, which asks to be called where it wants to change something."""

from importlib import import_module

from ..plan import Intervention
from . import calls, losses, memory, networks, simpler, updates
from .hooks import Apply as Apply
from .hooks import Hooks as Hooks

INTERVENTIONS: dict[str, Apply] = {
    "activate-layers": networks.activate,
    "argument": calls.argument,
    "batch-size": memory.batch_size,
    "clear-gradients": updates.clear,
    "clip-gradients": updates.clip,
    "divide-loss": losses.divide,
    "evaluation-mode": networks.evaluate,
    "exchange-optimizer": calls.exchange_optimizer,
    "instead": calls.instead,
    "limit-memory": memory.limit,
    "optimize-all-parameters": updates.optimize_all,
    "repeat-first-batch": simpler.repeat_batch,
    "scale-inputs": networks.scale_inputs,
    "scale-learning-rate": updates.scale_rate,
    "step-the-optimizer": updates.step,
    "unfreeze": updates.unfreeze,
    "without-regularization": simpler.without_regularization,
}


def apply(interventions: tuple[Intervention, ...], hooks: Hooks) -> None:
    """Put interventions in place. A name with a colon is a function of another module: ``package.module:function``.

    Raises:
        ValueError: there is none of that name.
    """
    for wanted in interventions:
        module, colon, name = wanted.name.partition(":")
        function: Apply | None = (
            getattr(import_module(module), name, None) if colon else INTERVENTIONS.get(wanted.name)
        )
        if function is None:
            raise ValueError(f"there is no intervention {wanted.name!r}")
        function(hooks, wanted.settings)
