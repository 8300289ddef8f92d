"""How the program evaluates."""

from ..evidence import Evaluation
from ..rule import NotApplicable
from .observed import Observed


def evaluation(observed: Observed) -> Evaluation:
    """The evaluation passes that were seen, told by the first one after training began where there is one."""
    found = observed.recording.evaluations
    if not found:
        raise NotApplicable("no evaluation was seen")
    chosen = next((e for e in found if not e.before_training), found[0])
    return Evaluation(
        where=chosen.where,
        detected_by=chosen.by,
        grad_enabled=chosen.grad_enabled,
        training_flags=chosen.training_flags,
        mode_modules=chosen.mode_modules,
        noise=chosen.noise,
        repeatable=chosen.repeatable,
        batches=len(found),
        before_training=chosen.before_training,
    )
