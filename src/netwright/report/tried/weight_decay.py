"""What weight decay did to the first steps."""

from ...evidence import WeightDecay


def sentence(found: WeightDecay) -> str:
    """The loss with it and without it."""
    with_it, without = (f"{v:.2f} of the first" if v is not None else "not finite" for v in found.end)
    decay = ", ".join(f"{d:g}" for d in found.decays)
    return (
        f"weight decay {decay}: after {found.steps} steps the loss is {with_it} with it and {without} without it; its part of the update is {found.share:.2g} times that of "
        f"the gradient ({found.optimizer}, {found.seconds:.1f} s)"
    )
