"""What the outputs depend on."""

from ...evidence import Independence


def sentence(found: Independence) -> str:
    """Samples, time and inputs, as far as they could be looked at."""
    parts: list[str] = []
    mixing, future = found.mixing, found.future
    if mixing is None:
        parts.append(f"samples not told apart ({found.why_mixing})")
    else:
        held = f", with {', '.join(mixing.excepted)} held fixed" if mixing.excepted else ""
        if mixing.change == 0:
            parts.append(
                f"the outputs of {mixing.probed} of {mixing.samples} samples that were looked at do not depend on the others{held}"
            )
        else:
            at = f" from {mixing.op} at {mixing.call.at} on" if mixing.op else ""
            parts.append(
                f"outputs of a sample change by {mixing.change:.1%} with the other samples{at}{held}"
            )
    if future is not None and future.offset == 1:
        told = "do not depend on later ones" if future.change == 0 else "depend on later ones"
        parts.append(f"predictions at {future.steps} steps {told}")
    unused = [i.name for i in found.inputs if i.change == 0]
    if unused:
        parts.append(f"the outputs do not depend on {', '.join(unused)}")
    return f"{'; '.join(parts)} ({found.seconds:.1f} s)"
