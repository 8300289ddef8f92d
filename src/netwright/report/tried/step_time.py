"""What the step takes, and what it would take in other forms."""

from ...evidence import StepTime


def sentence(found: StepTime) -> str:
    """The time of a step, then each form beside it."""
    parts = [f"a step takes {1e3 * found.step_s:.3g} ms forward and backward on {found.device}"]
    parts += [f"{f.times:.2g} times as fast in {f.name} ({f.low:.2g} to {f.high:.2g})" for f in found.forms]
    parts += [
        f"{r.calls} calls of {r.op} at {r.where.at} take {1e3 * r.apart_s:.3g} ms, one on all of their inputs {1e3 * r.together_s:.3g} ms"
        for r in found.repeated
    ]
    return "; ".join(parts) + f" ({found.seconds:.1f} s)"
