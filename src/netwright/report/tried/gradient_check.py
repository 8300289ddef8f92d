"""What the gradient check found."""

from ...evidence import GradientCheck


def sentence(check: GradientCheck) -> str:
    """The worst direction."""
    told = [d for d in check.directions if not d.kink]
    worst = max((d.error for d in told), default=0.0)
    kinks = len(check.directions) - len(told)
    rest = f", {kinks} more met a kink" if kinks else ""
    if not told:
        return f"gradient check: each of {kinks} directions met a kink, so nothing was compared ({check.seconds:.1f} s)"
    return (
        f"along {len(told)} directions analytic and numerical derivatives differ by {worst:.1e} at most{rest} "
        f"({check.seconds:.1f} s)"
    )
