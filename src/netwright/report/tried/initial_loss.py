"""What was found of the loss before training."""

from collections.abc import Iterator

from ...evidence import InitialLoss, TermShare
from ..model import Chart
from ..svg import Series


def sentence(found: InitialLoss) -> str:
    """First loss against chance, shares of the parts, penalties, direction."""
    return f"{'; '.join(_told(found))} ({found.seconds:.1f} s)"


def _told(found: InitialLoss) -> Iterator[str]:
    if first := found.first:
        prior = f", the best constant answer {first.prior:.3g}" if first.prior is not None else ""
        yield (
            f"{first.value:.3g} (99.9 % interval {first.low:.3g} to {first.high:.3g}, {first.samples} samples), a blind guess costs {first.chance:.3g}{prior}"
        )
    if found.terms:
        yield ", ".join(_part(t) for t in found.terms)
    off = next((s for s in found.strengths if s.factor == 0), None)
    used = next((s for s in found.strengths if s.factor == 1), None)
    if off is not None and used is not None:
        yield f"after {used.steps} steps the loss without penalties is {used.data:.3g}, and {off.data:.3g} when they are switched off"
    if d := found.direction:
        yield f"right answers give {d.right:.3g}, wrong ones {d.wrong:.3g}"
    if not (found.first or found.terms or found.direction):
        yield "its parts and its target have no form that is known"


def _part(term: TermShare) -> str:
    gradient = (
        "no shared parameters"
        if term.gradient_share is None
        else f"at most {term.gradient_share[1]:.1%} of the gradient"
    )
    return f"{term.op} at {term.where.at} is at most {term.value_share[1]:.1%} of the loss of a batch and has {gradient}"


def charts(found: InitialLoss) -> Iterator[Chart]:
    """The shares of the parts, and the strengths of the penalties."""
    if found.terms:
        yield Chart(
            title="Parts of the first loss: largest share of its value and of its gradient over the batches",
            names=tuple(f"{t.op} {t.where.at}" for t in found.terms),
            series=(
                Series(name="value", kind="forward", values=tuple(t.value_share[1] for t in found.terms)),
                Series(
                    name="gradient",
                    kind="backward",
                    values=tuple(
                        None if t.gradient_share is None else t.gradient_share[1] for t in found.terms
                    ),
                ),
            ),
        )
    if found.strengths:
        yield Chart(
            title=f"Loss without penalties after {found.strengths[0].steps} steps, by strength of the penalties",
            names=tuple(f"{s.factor:g} x" for s in found.strengths),
            series=(Series(name="loss", kind="forward", values=tuple(s.data for s in found.strengths)),),
        )
