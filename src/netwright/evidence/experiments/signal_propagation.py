"""The size of signal and gradient through the layers, over all captured batches."""

from dataclasses import dataclass
from typing import ClassVar

from ..where import NOWHERE, Where


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerFlow:
    """One layer or activation over all batches. Calls with the same weights (a network unrolled over time) are one layer.

    ``graph`` and ``node`` are the place of its first call in ``Graphs.train``, ``weighted`` tells layers with weights from activations. ``before`` are the positions (in
    ``Flow.layers``) of the layers with weights that it depends on. ``forward`` is the root mean square of the output, ``backward`` that of the gradient of the loss with respect to it;
    ``forward_gain`` is output over input, ``backward_gain`` gradient at the input over gradient at the output (``None``: no gradient, or the input is data).
    ``gradients`` is the norm of the gradient at the input, one number per batch (0 where none arrives, not finite where it is not).
    ``finite`` and ``gradient_finite`` say whether all of the output and all of its gradient are.
    ``units`` are its channels (images) or features, ``dead`` the share of them never active in ``samples`` samples, ``saturated`` the share of outputs of sigmoid and tanh
    in the flat part (beyond 0.99 of the range, where the derivative is below 0.01 and 0.02).
    ``steps`` is the number of time steps, ``over_time`` the largest norm of the gradient at any step over that at the last one that has a gradient, one number per batch.
    """

    name: str
    op: str
    graph: int
    node: int
    weighted: bool
    before: tuple[int, ...]
    where: Where = NOWHERE
    made: Where | None = None
    samples: int = 0
    forward: float | None = None
    forward_gain: float | None = None
    backward: float | None = None
    backward_gain: float | None = None
    gradients: tuple[float, ...] = ()
    finite: bool = True
    gradient_finite: bool = True
    units: int | None = None
    dead: float | None = None
    saturated: float | None = None
    steps: int = 1
    over_time: tuple[float, ...] = ()

    @property
    def edit(self) -> Where:
        """The line to edit: where the module was made when it is one of torch's own, else the line of the call."""
        return self.made if self.made is not None and self.made.known else self.where


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterFlow:
    """One trained parameter over all batches, one number per batch each.

    ``layer`` is the position in ``Flow.layers`` of the layer with weights that uses it. ``gradients`` are the norm of its gradient over the square root of its size, before any clipping
    (0 where it gets none), ``touched`` the share of its numbers with a gradient other than 0 in some batch. ``updates`` are the norm of the change by one step of the program's own kind of
    optimizer (fresh, without weight decay; divided by ``1 - momentum`` where it has one, which is what equal gradients come to) over the norm of the weights; empty where that is not known.
    """

    name: str
    layer: int
    size: int
    gradients: tuple[float, ...]
    touched: float
    updates: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """The signal at one state of the weights. ``losses`` has one number per batch; layers are in the order of the forward pass."""

    layers: tuple[LayerFlow, ...]
    parameters: tuple[ParameterFlow, ...]
    losses: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalPropagation:
    """The signal at the first weights, and at the weights after the captured steps (``None``: no time was left), over the same batches.

    ``scaled`` says that the loss is multiplied before it is differentiated (mixed precision): then sizes of gradients and updates say nothing, their ratios do.
    """

    experiment: ClassVar[str] = "signal-propagation"

    start: Flow
    now: Flow | None
    optimizer: str | None = None
    scaled: bool = False
    seconds: float = 0.0

    def at(self, graph: int, node: int) -> LayerFlow | None:
        """The layer at the first weights to which a call of a recorded graph belongs."""
        return next((x for x in self.start.layers if (x.graph, x.node) == (graph, node)), None)
