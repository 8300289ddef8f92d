"""Analytic against numerical derivatives of the captured loss, in float64."""

import math
import time
from collections.abc import Iterator, Sequence

import torch

from ..capture.calls import plain_name
from ..capture.graphs import GraphCapture
from ..capture.replay import CannotReplay, Replay, Watch
from ..capture.sandbox import untouched
from ..capture.step import Step
from ..capture.tape import Call
from ..evidence import NOWHERE, Derivative, GradientCheck, Where
from ..rule import NotApplicable
from .experiment import Experiment, Material, Work
from .progress import Progress, unseen
from .trainee import ERRORS, differentiates, require_replay

_STEPS = (1e-5, 1e-6, 1e-7)  # relative to the size of the parameters; float64 resolves 1e-16
_CUTS = frozenset(["detach", "data"])
_KINK = 1e-3  # disagreement of both one-sided differences, relative


def gradient_check(
    step: Step, *, seconds: float = 5.0, directions: int = 3, progress: Progress = unseen
) -> GradientCheck:
    """Compare derivatives along random directions with central differences, for all parameters together and for each one.

    The step runs on float64 copies of its parameters and data with the recorded random numbers. The error of a direction is ``|a - n| / max(|a|, |n|)`` (CS231n,
    "Gradient checks") at the best of three step sizes. Where both one-sided differences disagree, the direction meets a kink (a ReLU at 0) and tells nothing.

    Args:
        step: the captured step.
        seconds: time for everything; parameters beyond it are left out, largest first.
        directions: random directions for all parameters together.
        progress: called with the share that is done.

    Raises:
        NotApplicable: the step cannot be run again in float64; the message says why.
    """
    began = time.perf_counter()
    capture = step.capture
    require_replay(capture)
    found: list[Derivative] = []
    with untouched():
        try:
            check = _Check(capture)
            first, again = check.loss(check.weights), check.loss(check.weights)
            if not math.isfinite(first):
                raise NotApplicable("the loss is not finite")
            for number, (what, where, direction) in enumerate(check.directions(directions)):
                if found and time.perf_counter() - began > seconds:
                    break
                found.append(check.derivative(what, where, direction))
                progress(min(0.99, number / (directions + len(check.weights))))
        except ERRORS as error:
            raise NotApplicable(
                f"the step could not be run in float64: {type(error).__name__}: {error}"
            ) from None
    return GradientCheck(
        directions=tuple(found),
        deterministic=first == again,
        loss_at=capture.graph.nodes[capture.graph.loss].where if capture.graph.loss is not None else NOWHERE,
        seconds=time.perf_counter() - began,
    )


class _Check:
    """The step as a function of its parameters, in float64."""

    def __init__(self, capture: GraphCapture) -> None:
        self.capture = capture
        self.nodes = [
            n
            for n, t in capture.parameters.items()
            if t.requires_grad and t.is_floating_point() and t.layout is torch.strided
        ]
        if not self.nodes:
            raise NotApplicable("no trainable parameter has a part in the step")
        self.weights = [capture.parameters[n].detach().double() for n in self.nodes]
        # What autograd does not follow (detach, no_grad) is constant for it, and so it is for the differences.
        self.constants: dict[int, torch.Tensor] = {}
        self._run(self.weights, grad=False, watch=self._hold)
        self.gradients = self._gradients()

    def _hold(self, call: Call, outputs: list[torch.Tensor]) -> None:
        if call.tainted and not call.inplace and (not call.grad_enabled or plain_name(call.name) in _CUTS):
            self.constants.update(zip(call.outputs, outputs, strict=False))

    def _run(self, weights: list[torch.Tensor], *, grad: bool, watch: Watch | None = None) -> torch.Tensor:
        capture = self.capture
        given = dict(self.constants)
        given |= {capture.value_of_node[(n, 0)]: w for n, w in zip(self.nodes, weights, strict=True)}
        assert capture.loss is not None
        grad = grad or differentiates(capture)
        return Replay(capture.tape, [capture.loss], given=given, grad=grad, dtype=torch.float64).run(watch)[0]

    def loss(self, weights: list[torch.Tensor]) -> float:
        """The loss at these parameters."""
        return float(self._run(weights, grad=False).sum())

    def _gradients(self) -> list[torch.Tensor]:
        leaves = [w.clone().requires_grad_(True) for w in self.weights]
        loss = self._run(leaves, grad=True)
        if loss.dtype != torch.float64:
            raise CannotReplay("the step computes in a type of its own")
        return list(torch.autograd.grad(loss.sum(), leaves, allow_unused=True, materialize_grads=True))

    def directions(self, count: int) -> Iterator[tuple[str, Where, Sequence[torch.Tensor | None]]]:
        """Random directions: over all parameters, then over each alone, small ones first."""
        generator = torch.Generator().manual_seed(0)

        def drawn(index: int) -> torch.Tensor:
            weight = self.weights[index]
            noise = torch.randn(weight.shape, generator=generator, dtype=torch.float64).to(weight.device)
            size = float(weight.square().mean().sqrt()) or 1.0
            for row in self._without_gradient(self.nodes[index]):
                noise[row] = 0
            return noise * size

        for _ in range(count):
            yield "all parameters", NOWHERE, [drawn(i) for i in range(len(self.weights))]
        for index in sorted(range(len(self.nodes)), key=lambda i: self.weights[i].numel()):
            node = self.capture.graph.nodes[self.nodes[index]]
            used = next((c.where for c in self.capture.graph.consumers(node)), NOWHERE)
            alone: list[torch.Tensor | None] = [None] * len(self.nodes)
            alone[index] = drawn(index)
            yield node.name or f"parameter of shape {tuple(self.weights[index].shape)}", used, alone

    def _without_gradient(self, node: int) -> Iterator[int]:
        """Rows of an embedding that stand for padding: they get no gradient by definition."""
        for call in self.capture.graph.ops("embedding", "embedding_bag"):
            padding = call.arg(2, "padding_idx") if call.op == "embedding" else call.kwargs.get("padding_idx")
            if (
                isinstance(padding, int)
                and not isinstance(padding, bool)
                and padding >= 0
                and node in {r.node for r in call.refs}
            ):
                yield padding

    def derivative(self, what: str, where: Where, direction: Sequence[torch.Tensor | None]) -> Derivative:
        """The derivative along a direction, both ways."""
        analytic = sum(
            float((g * d).sum()) for g, d in zip(self.gradients, direction, strict=True) if d is not None
        )
        middle = self.loss(self.weights)
        best = Derivative(what=what, analytic=analytic, numerical=0.0, error=math.inf, where=where)
        for size in _STEPS:
            up, down = self._moved(direction, size), self._moved(direction, -size)
            right, left = (up - middle) / size, (middle - down) / size
            numerical = (up - down) / (2 * size)
            scale = max(abs(analytic), abs(numerical))
            noise = 1e-13 * abs(middle) / size
            error = abs(analytic - numerical) / scale if scale > noise else 0.0
            kink = abs(right - left) > max(_KINK * max(abs(right), abs(left)), 10 * noise)
            if error < best.error:
                best = Derivative(
                    what=what, analytic=analytic, numerical=numerical, error=error, kink=kink, where=where
                )
        return best

    def _moved(self, direction: Sequence[torch.Tensor | None], size: float) -> float:
        return self.loss(
            [w if d is None else w + size * d for w, d in zip(self.weights, direction, strict=True)]
        )


def _of(material: Material, seconds: float, progress: Progress) -> GradientCheck:
    return gradient_check(material.step, seconds=seconds, progress=progress)


EXPERIMENT = Experiment(GradientCheck, 0.15, 5.0, _of, work=Work(copies=12, values=2, steps=10, few=True))
