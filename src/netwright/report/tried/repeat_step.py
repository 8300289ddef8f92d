"""Whether the step can be repeated to the bit."""

from ...evidence import RepeatStep


def sentence(found: RepeatStep) -> str:
    """Same or not, and from where on."""
    if found.same_loss and found.same_gradients:
        told = "loss and gradients are the same to the bit"
    else:
        what = "loss and gradients differ" if not found.same_loss else "gradients differ"
        told = f"{what}, first at {found.op or 'an unknown call'} ({found.where.at})"
    return f"one step, run {found.runs} times: {told} ({found.seconds:.1f} s)"
