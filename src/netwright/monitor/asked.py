"""What is looked for in the calls that a program makes of its network's outputs, by the task that its loss asks for."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..evidence import Objective, TaskKind
from ..inference import BINARY_LOSSES, CLASS_LOSSES, VALUE_LOSSES

_VALUES = frozenset({TaskKind.REGRESSION, TaskKind.DENSE_REGRESSION, TaskKind.AUTOENCODER})
PICKS, BINARY, SQUARED, ABSOLUTE, LABELS = "picks", "binary", "squared", "absolute", "labels"
_FORMS = {"mse_loss": SQUARED, "l1_loss": ABSOLUTE}


@dataclass(frozen=True, slots=True)
class Asked:
    """The forms that are looked for in training (none where the loss is a function of torch's) and in evaluation; ``loss`` is that of which the mean is the loss."""

    training: frozenset[str] = frozenset()
    evaluation: frozenset[str] = frozenset()
    loss: str = ""


def asked(objectives: Sequence[Objective]) -> Asked:
    """By the losses that were recorded: nothing where there are several of them, or it is no measure of what is learned."""
    if len(objectives) != 1 or objectives[0].moves:
        return Asked()
    objective, term = objectives[0], objectives[0].term
    parts = [t for t in objective.terms if t.prediction is not None]
    if term is None or objective.kind is TaskKind.UNKNOWN:
        # Labels that the program itself compares are what they are, whatever the loss is, but for one of values.
        return Asked(evaluation=frozenset({LABELS} if term is None or term.op not in VALUE_LOSSES else ()))
    if objective.kind in _VALUES:
        form = _FORMS.get(term.op, "")
        evaluation = frozenset({SQUARED, ABSOLUTE})
    else:
        form = PICKS if term.op in CLASS_LOSSES else BINARY if term.op in BINARY_LOSSES else ""
        evaluation = frozenset({LABELS, form}) - {""}
    by_hand = bool(form) and term.handmade and len(parts) == 1
    return Asked(frozenset({form}) if by_hand else frozenset(), evaluation, form)
