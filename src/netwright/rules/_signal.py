"""What rules ask of the signal through the layers over all captured batches."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..evidence import Flow, LayerFlow, LayerSignal, ParameterFlow, SignalPropagation
from ..student import quantile

_BATCHES = 3
_SURE = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """A geometric mean over batches with its 95 % interval."""

    low: float
    middle: float
    high: float


def interval(values: Sequence[float]) -> Interval | None:
    """The geometric mean of positive numbers with its interval by Student's t; None for fewer than three, or where one is not above 0 and finite."""
    if len(values) < _BATCHES or not all(v > 0 and math.isfinite(v) for v in values):
        return None
    logs = [math.log(v) for v in values]
    middle = statistics.fmean(logs)
    half = quantile(len(logs) - 1, _SURE) * statistics.stdev(logs) / math.sqrt(len(logs))
    return Interval(math.exp(middle - half), math.exp(middle), _exp(middle + half))


def _exp(value: float) -> float:
    return math.exp(value) if value < 700 else math.inf


def main_parameters(flow: Flow) -> dict[int, ParameterFlow]:
    """The largest trained parameter of each layer with weights, by the layer's position."""
    found: dict[int, ParameterFlow] = {}
    for parameter in flow.parameters:
        known = found.get(parameter.layer)
        if known is None or parameter.size > known.size:
            found[parameter.layer] = parameter
    return found


def late(flow: Flow, layer: int, among: Sequence[int]) -> list[int]:
    """The last third of the layers that depend on a layer."""
    after = [i for i in sorted(among) if layer in flow.layers[i].before]
    return after[-math.ceil(len(after) / 3) :] if after else []


def medians(rows: Sequence[Sequence[float]]) -> list[float]:
    """The median over rows, for each column."""
    return [statistics.median(column) for column in zip(*rows, strict=True)]


def over_batches(
    signal: LayerSignal, propagation: SignalPropagation | None
) -> tuple[LayerSignal, LayerFlow | None]:
    """What one step showed, replaced by what all batches show where they were run."""
    flow = propagation.at(signal.graph, signal.node) if propagation is not None else None
    if flow is None or not flow.samples:
        return signal, None
    same = flow.units == signal.units
    return replace(
        signal,
        dead=flow.dead if same and flow.dead is not None else signal.dead,
        saturated=signal.saturated if flow.saturated is None else flow.saturated,
    ), flow
