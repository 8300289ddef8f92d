"""What the signal through the layers was found to do."""

from collections.abc import Iterator

from ...evidence import Flow, LayerFlow, SignalPropagation
from ..model import Chart
from ..svg import Series

_SHOWN = 0.005  # of the units: less is printed as 0 %


def sentence(found: SignalPropagation) -> str:
    """The size of the signal and of its gradient from end to end."""
    layers = [x for x in found.start.layers if x.weighted]
    told = f"through {_counted(len(layers), 'layer')} over {_counted(len(found.start.losses), 'batch')} at the first weights"
    told += _change("the output", [x.forward for x in layers])
    told += _change("its gradient on the way back", [x.backward for x in reversed(layers)])
    dead = [x for x in found.start.layers if (x.dead or 0.0) >= _SHOWN]
    if dead:
        worst = max(dead, key=lambda x: x.dead or 0.0)
        told += f"; at most {worst.dead:.0%} of the units behind a layer are never active ({worst.name})"
    return f"{told} ({found.seconds:.1f} s)"


def _counted(number: int, what: str) -> str:
    ending = "" if number == 1 else "es" if what.endswith("ch") else "s"
    return f"{number} {what}{ending}"


def _change(what: str, sizes: list[float | None]) -> str:
    known = [s for s in sizes if s]
    return f", {what} goes from {known[0]:.2g} to {known[-1]:.2g}" if len(known) > 1 else ""


def charts(found: SignalPropagation) -> Iterator[Chart]:
    """Gains by layer, at both states of the weights."""
    yield from _gains(found.start, "at the first weights")
    if found.now is not None:
        yield from _gains(found.now, "after the recorded steps")


def _gains(flow: Flow, when: str) -> Iterator[Chart]:
    layers = [x for x in flow.layers if x.forward_gain or x.backward_gain]
    if len(layers) > 1:
        yield Chart(
            title=f"Output over input, and gradient at the input over gradient at the output, by layer, {when}",
            names=tuple(_name(x) for x in layers),
            series=(
                Series(name="forward gain", kind="forward", values=tuple(x.forward_gain for x in layers)),
                Series(name="backward gain", kind="backward", values=tuple(x.backward_gain for x in layers)),
            ),
        )


def _name(layer: LayerFlow) -> str:
    return layer.name if layer.op in layer.name else f"{layer.name} {layer.op}"
