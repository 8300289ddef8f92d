"""Copies of the program's parameters, trained by running the captured steps again."""

import inspect
import math
from collections.abc import Sequence
from typing import Any

import torch

from ..capture import memory
from ..capture.graphs import GraphCapture
from ..capture.replay import CannotReplay, Replay
from ..evidence import DROPOUTS
from ..rule import NotApplicable

ERRORS = (
    CannotReplay,
    RuntimeError,
    TypeError,
    ValueError,
    IndexError,
    AttributeError,
    MemoryError,
    AssertionError,
)
_COPIES = 4  # weights, gradients, a start to go back to, one for the allocator; what an optimizer holds is not counted


def differentiates(capture: GraphCapture) -> bool:
    """Whether the step itself asks for derivatives on its way to the loss (a physics-informed network, a gradient penalty)."""
    return any(call.name == "grad" for call in capture.tape.calls)


def require_replay(capture: GraphCapture) -> None:
    """Say why a step cannot be run again.

    Raises:
        NotApplicable: it cannot.
    """
    if capture.loss is None:
        raise NotApplicable("the loss was not recorded")
    if capture.why_not_replayed is not None:
        raise NotApplicable(f"the step could not be run again: {capture.why_not_replayed}")


class Trainee:
    """The captured steps on copies of their parameters, as these were in the first step where that is known. Use it inside
    :func:`netwright.capture.sandbox.untouched`.

    Args:
        captures: steps of the same program, one batch each.
        dropout: whether dropout stays on.
        copies: whether there are copies: without them nothing can be trained, and the weights are the program's own, as they are now.

    Raises:
        NotApplicable: the step cannot be run again, or there is no memory for the copies.
    """

    def __init__(
        self, captures: Sequence[GraphCapture], *, dropout: bool = False, copies: bool = True
    ) -> None:
        usable = [c for c in captures if c.loss is not None]
        require_replay((usable or captures)[0])
        self.captures = usable
        # Tensors by value of the tape that are used in place of a batch's own.
        self.given: dict[int, torch.Tensor] = {}
        self.omit: frozenset[str] = frozenset[str]() if dropout else DROPOUTS
        found = {id(t): t for c in usable for t in c.parameters.values()}
        self.copies = copies
        if not copies:
            self.start = {key: t.detach() for key, t in found.items()}
            self.weights = {key: t.detach().requires_grad_(t.requires_grad) for key, t in found.items()}
            return
        device = next((t.device for t in found.values()), None)
        need, have = _COPIES * memory.bytes_of_tensors(found.values()), memory.available_memory(device)
        if need > have // 2:
            raise NotApplicable(
                f"copies of the parameters take {need >> 20} MiB and {have >> 20} MiB are free"
            )
        first = usable[0].start
        self.start = {key: first[key] if key in first else t.detach().clone() for key, t in found.items()}
        self.weights = {
            key: t.clone().requires_grad_(found[key].requires_grad) for key, t in self.start.items()
        }

    @property
    def trained(self) -> list[torch.Tensor]:
        """The copies that take part in training."""
        return [w for w in self.weights.values() if w.requires_grad]

    def reset(self) -> None:
        """Go back to the weights that the copies began with."""
        with torch.no_grad():
            for key, weight in self.weights.items():
                weight.copy_(self.start[key])
                weight.grad = None

    def replay(self, index: int, *goals: int, grad: bool = True) -> Replay:
        """A batch on the copies, ready to run: its loss, then the values of ``goals``."""
        capture = self.captures[index]
        given = {
            capture.value_of_node[(node, 0)]: self.weights[id(t)] for node, t in capture.parameters.items()
        }
        given.update(self.given)
        assert capture.loss is not None
        grad = grad or differentiates(capture)
        return Replay(capture.tape, [capture.loss, *goals], given=given, grad=grad, omit=self.omit)

    def run(self, index: int, *goals: int, grad: bool = True) -> list[torch.Tensor]:
        """The loss of a batch on the copies, then the values of ``goals``.

        Raises:
            CannotReplay: a part of the step cannot be run again.
        """
        return self.replay(index, *goals, grad=grad).run()

    def backward(self, index: int) -> float:
        """Put the gradients of a batch's loss into the copies; the loss. Not by ``backward()``, which is the program's to call."""
        loss = self.run(index)[0]
        weights = self.trained
        grads = torch.autograd.grad(loss.sum(), weights, allow_unused=True)
        for weight, grad in zip(weights, grads, strict=True):
            weight.grad = grad
        return float(loss.detach().sum())

    def step(self, optimizer: torch.optim.Optimizer | Sequence[torch.optim.Optimizer], index: int) -> float:
        """One training step on a batch, with one optimizer or with several that share the gradients; the loss before it."""
        losses: list[float] = []

        def closure() -> torch.Tensor:
            losses.append(self.backward(index))
            return torch.tensor(losses[-1])

        several = [optimizer] if isinstance(optimizer, torch.optim.Optimizer) else list(optimizer)
        with torch.no_grad():
            for each in several:
                # Past the hooks on every optimizer's step, of which some belong to the program.
                function = inspect.unwrap(type(each).step)
                if isinstance(each, torch.optim.LBFGS):
                    function(each, torch.enable_grad()(closure))
                    continue
                if not losses:
                    with torch.enable_grad():
                        closure()
                function(each)
        return losses[0]

    def mean_loss(self) -> float:
        """The mean loss over all batches, without a step."""
        values = [float(self.run(i, grad=False)[0].sum()) for i in range(len(self.captures))]
        return sum(values) / len(values) if all(math.isfinite(v) for v in values) else math.nan

    def like(
        self,
        optimizer: torch.optim.Optimizer,
        *,
        factor: float | Sequence[float] = 1.0,
        decay: bool = False,
    ) -> torch.optim.Optimizer:
        """An optimizer of the same kind and settings for the copies, its rates multiplied by ``factor`` (one for all groups, or one for each).

        Raises:
            NotApplicable: the optimizer cannot be built anew, or holds none of the step's parameters.
        """
        groups: list[dict[str, Any]] = []
        for position, group in enumerate(optimizer.param_groups):
            held = [self.weights[id(p)] for p in group["params"] if id(p) in self.weights]
            settings = {k: v for k, v in group.items() if k not in ("params", "initial_lr")}
            if not decay and "weight_decay" in settings:
                settings["weight_decay"] = 0
            settings["lr"] = float(settings.get("lr", 1.0)) * (
                factor if isinstance(factor, int | float) else factor[position]
            )
            if held:
                groups.append({**settings, "params": held})
        if not groups:
            raise NotApplicable("the optimizer holds none of the parameters that the step uses")
        build: Any = type(optimizer)
        try:
            return build(groups)
        except (TypeError, ValueError):
            pass
        try:
            return build(groups, lr=groups[0]["lr"])
        except (TypeError, ValueError) as error:
            raise NotApplicable(f"{type(optimizer).__name__} cannot be built anew: {error}") from None
