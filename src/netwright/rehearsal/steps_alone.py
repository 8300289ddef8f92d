"""What can be changed on a recorded step and not at hooks: there the values are known that the loss compares."""

from collections.abc import Mapping
from typing import cast

import torch

from ..inference import read_objective
from ..rerun.interventions.hooks import number
from ..rerun.plan import Setting
from ..rule import NotApplicable
from .calls import on_line, through
from .sandbox import Sandbox

_PLAIN = (torch.optim.SGD, torch.optim.ASGD, torch.optim.Rprop)


def detach_target(sandbox: Sandbox, settings: Mapping[str, Setting]) -> None:
    """No gradient goes through what the loss on the line takes for its target."""
    for step, capture in enumerate(sandbox.captures):
        term = read_objective(capture.graph, 0).term
        value = capture.value_of_node.get((term.target, term.target_output)) if term and term.target else None
        if term is None or value is None:
            raise NotApplicable("what the loss takes for its target is not known")
        for call in capture.tape.calls:
            if value in call.reads and on_line(call.where, settings):
                through(sandbox, step, call.index, call.index + 1, value, torch.Tensor.detach)


def match_shapes(sandbox: Sandbox, settings: Mapping[str, Setting]) -> None:
    """What is given to a call on the line loses the dimension of size 1 that the other lacks.

    Settings: ``first`` and ``second``, the two shapes.
    """
    shapes = [
        tuple(int(n) for n in cast("list[float]", settings.get(name) or ())) for name in ("first", "second")
    ]
    pairs = [(shapes, _surplus(*shapes)), (shapes[::-1], _surplus(*shapes[::-1]))]
    (wide, narrow), surplus = next(((p, s) for p, s in pairs if s is not None), (shapes, None))
    if surplus is None:
        raise NotApplicable("the shapes differ by more than one dimension of size 1")
    done = False
    for step, capture in enumerate(sandbox.captures):
        for call in capture.tape.calls:
            forms = {v: capture.tape.values[v].info.shape for v in call.reads}
            if not on_line(call.where, settings) or not {wide, narrow} <= set(forms.values()):
                continue
            for value in (v for v, form in forms.items() if form == wide):
                through(sandbox, step, call.index, call.index + 1, value, lambda t: t.squeeze(surplus))
                done = True
    if not done:
        raise NotApplicable("no recorded step combines the two on the line")


def _surplus(shape: tuple[int, ...], other: tuple[int, ...]) -> int | None:
    """The one dimension of size 1 that the other shape lacks."""
    places = (i for i, n in enumerate(shape) if n == 1 and shape[:i] + shape[i + 1 :] == other)
    return next(places, None)


def scale_outputs(sandbox: Sandbox, settings: Mapping[str, Setting]) -> None:
    """What the one network gives is multiplied and shifted.

    Settings: ``centre`` and ``width``.
    """
    centre, width = number(settings, "centre"), number(settings, "width")
    if any(issubclass(made.kind, _PLAIN) for made in sandbox.made.values()):
        raise NotApplicable("the steps of the optimizer grow with the target")
    for step, capture in enumerate(sandbox.captures):
        roots = capture.tape.roots
        if len(roots) != 1 or len(roots[0].outputs) != 1:
            raise NotApplicable("not exactly one network with one output is called in a step")
        last = capture.tape.calls[-1].index + 1
        through(sandbox, step, roots[0].end, last, roots[0].outputs[0], lambda t: t * width + centre)
