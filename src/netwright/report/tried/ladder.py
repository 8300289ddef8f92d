"""What smaller networks came to."""

from collections.abc import Callable, Iterator, Sequence

from ...evidence import Ladder, Rung
from ..model import Chart
from ..svg import Series


def sentence(ladder: Ladder) -> str:
    """The share of the loss that is left on every rung."""
    parts: list[str] = []
    if ladder.depth:
        stacks = ", ".join(f"{s.blocks} x ({s.block})" for s in ladder.stacks[:3])
        parts.append(f"depth of {stacks}: " + _rungs(ladder.depth, _blocks))
    if ladder.width:
        parts.append("hidden units: " + _rungs(ladder.width, _share))
    runs = len((ladder.depth or ladder.width)[0].last)
    return (
        f"loss after {ladder.steps} steps as a share of the first, median of {runs} runs; "
        f"{'; '.join(parts)} ({ladder.seconds:.1f} s)"
    )


def _blocks(rung: Rung) -> str:
    return f"{rung.blocks} block{'s' if rung.blocks != 1 else ''}"


def _share(rung: Rung) -> str:
    return "all" if rung.share >= 1 else f"1/{round(1 / rung.share)}"


def _rungs(rungs: Sequence[Rung], name: Callable[[Rung], str]) -> str:
    return ", ".join(
        f"{name(r)} {'not finite' if r.middle is None else format(r.middle, '.2f')}" for r in rungs
    )


def charts(ladder: Ladder) -> Iterator[Chart]:
    """What is left on each rung, and the curves."""
    for rungs, what in ((ladder.depth, "blocks in a stack"), (ladder.width, "share of the hidden units")):
        if not rungs:
            continue
        names = tuple(str(r.blocks) if rungs is ladder.depth else _share(r) for r in rungs)
        runs = max(len(r.last) for r in rungs)
        yield Chart(
            title=f"Loss after {ladder.steps} steps by {what}, one line for each initialization",
            names=names,
            series=tuple(
                Series(
                    name=f"run {i + 1}",
                    kind="forward",
                    values=tuple(r.last[i] if i < len(r.last) else None for r in rungs),
                )
                for i in range(runs)
            ),
        )
        passes = max(len(r.curve) for r in rungs)
        yield Chart(
            title=f"Loss by pass over {ladder.batches} batches, one line for each rung ({what})",
            names=tuple(str(i + 1) for i in range(passes)),
            series=tuple(
                Series(name=n, kind="forward", values=(*r.curve, *([None] * (passes - len(r.curve)))))
                for n, r in zip(names, rungs, strict=True)
            ),
        )
