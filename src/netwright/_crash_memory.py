"""After a program has died for want of memory: what one of its steps takes, measured on a few samples of the batch that it died of."""

# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false

import contextlib
import traceback
from collections.abc import Mapping
from types import FrameType
from typing import TYPE_CHECKING, Any

import torch

from .capture import memory
from .capture.facts import storage_of
from .capture.flatten import tensors
from .capture.raised import given_to, held_for, left_of_step, most_that_ran
from .capture.sandbox import untouched
from .capture.step_memory import growth
from .capture.tape import Tape
from .evidence import StepMemory
from .rule import NotApplicable

if TYPE_CHECKING:
    from .capture.session import Session

_FAILED = (
    RuntimeError,
    MemoryError,
    TypeError,
    ValueError,
    IndexError,
    AttributeError,
    KeyError,
    NotApplicable,
)
_PART = 1.5  # of the free memory: nobody else asks for it any more
_VIEWS = frozenset(
    "view reshape flatten unflatten transpose permute t mT T squeeze unsqueeze expand expand_as chunk split unbind __getitem__ narrow detach".split()
)


def step_memory(error: BaseException, session: "Session") -> StepMemory | None:
    """What a step takes, and what is free for it (None: that cannot be told).

    The locals of the functions that the exception went through are let go for that: the step that failed still fills the memory. The program has ended, and its traceback is printed.
    """
    died = _died(error, session)
    if died is None:
        return None
    network, given, tape = died
    batch, dim = _samples(session, given)
    if batch < 2:
        return None
    state = _state_to_come(session)
    # What had been made up to the failing call; in a step that was not recorded, what a recorded one makes with as many samples.
    counted = (
        float(_counted(tape, batch))
        if tape is session.recorder.values.tape
        else _scaled(tape, batch, session)
    )
    ran = most_that_ran(session.recording, tuple(next(iter(given.values())).shape), dim)
    mine = frozenset(k for t in _kept(network, given) if (k := storage_of(t)) is not None)
    left = left_of_step(error, mine)
    _let_go(error)
    device = next((p.device for p in network.parameters()), torch.device("cpu"))
    gradients = memory.bytes_of_tensors(p for p in network.parameters() if p.requires_grad and p.grad is None)
    inputs = sum(memory.bytes_of_tensors([t]) for t in given.values())
    free = _free(device)
    try:
        with untouched():
            run = _Step(network, given, batch, dim)
            found = growth(run, most=batch, free=free, system=device.type == "cpu", part=_PART)
    except _FAILED:
        if counted <= 0:
            return None
        return StepMemory(
            batch=batch, per_sample=counted / batch, fixed=0, free=free + left, state=state, ran=ran
        )
    free = _free(device)  # without what the threads of a first backward pass took for themselves
    # The batch itself is there already, and a loader makes the next one while it is.
    return StepMemory(
        batch=batch,
        per_sample=found.per_sample + 2 * inputs / batch,
        fixed=max(found.fixed, gradients),
        free=free + inputs + left,
        state=state,
        sizes=found.sizes,
        ran=ran,
    )


def _died(
    error: BaseException, session: "Session"
) -> tuple[torch.nn.Module, dict[str, torch.Tensor], Tape] | None:
    """The network, what it was given in the step that died, and the tape by which sizes can be counted."""
    tape, captures = session.recorder.values.tape, session.recording.captures
    root = None if session.recorded else tape.trained
    if root is not None and (network := root.module()) is not None:
        given = tape.given(root)
        return (network, given, tape) if given else None
    recorded = next((c for c in reversed(captures) if c.tape.roots), None)
    if recorded is None:
        return None
    found = given_to(error, session.recorder.modules) or held_for(error, recorded)
    return (*found, recorded.tape) if found is not None and found[1] else None


def _kept(network: torch.nn.Module, given: Mapping[str, torch.Tensor]) -> list[torch.Tensor]:
    return [*network.parameters(), *network.buffers(), *given.values()]


def _scaled(tape: Tape, batch: int, session: "Session") -> float:
    """What a recorded step made, for as many samples as another has."""
    root = tape.trained
    was, _ = _samples(session, tape.given(root) if root is not None else {})
    return _counted(tape, was) * batch / was if was else 0.0


def _free(device: torch.device) -> int:
    kept = memory.given_back() if device.type == "cpu" else 0
    return memory.available_memory(device) + kept


class _Step:
    """The network forward and backward on the first samples, in place of its loss the sum of what it gives. Its buffers stay as they are."""

    def __init__(
        self, network: torch.nn.Module, given: Mapping[str, torch.Tensor], batch: int, dim: int
    ) -> None:
        self.network, self.given, self.batch, self.dim = network, given, batch, dim
        if any("." in name for name in given):
            raise NotApplicable("its inputs are no plain tensors")

    def __call__(self, samples: int) -> None:
        inputs = {k: self._first(t, samples) for k, t in self.given.items()}
        weights = {n: p for n, p in self.network.named_parameters() if p.requires_grad}
        buffers = {n: b.detach().clone() for n, b in self.network.named_buffers()}
        out = torch.func.functional_call(self.network, buffers, (), inputs)
        found = [t for _, t in tensors(out) if t.requires_grad]
        # A loss holds about two more of what it is given: log-probabilities, and their gradient.
        beside = [torch.empty_like(t) for t in found for _ in range(2)]
        torch.autograd.grad([t.sum() for t in found], list(weights.values()), allow_unused=True)
        del beside

    def _first(self, tensor: torch.Tensor, samples: int) -> torch.Tensor:
        cut = tensor.dim() > self.dim and tensor.shape[self.dim] == self.batch
        return tensor.detach().narrow(self.dim, 0, samples) if cut else tensor.detach()


def _samples(session: "Session", given: Mapping[str, torch.Tensor]) -> tuple[int, int]:
    """How many samples the batch has, and along which dimension: by a loader where one knows, else the first of the first input."""
    shapes = [t.shape for t in given.values() if t.dim()]
    loaders: list[Any] = [r.loader() for r in session.recording.loaders]
    known = {s for x in loaders if isinstance(s := getattr(x, "batch_size", None), int)}
    for shape in shapes:
        for dim in range(min(2, len(shape))):
            if shape[dim] in known:
                return shape[dim], dim
    return (shapes[0][0], 0) if shapes else (0, 0)


def _state_to_come(session: "Session") -> int:
    """Bytes that optimizers will hold after their first step and do not hold yet."""
    total = 0
    for record in session.recording.optimizers:
        optimizer = record.optimizer()
        if optimizer is None or optimizer.state:
            continue
        for group in optimizer.param_groups:
            copies = 2 + bool(group.get("amsgrad")) if "betas" in group else int(bool(group.get("momentum")))
            total += copies * memory.bytes_of_tensors(p for p in group["params"] if p.requires_grad)
    return total


def _counted(tape: Tape, batch: int) -> int:
    """Bytes of what the step had made up to the failing call, by shape: what has one row for each sample."""
    total = 0
    for call in tape.calls:
        if call.dead or call.inplace or not call.tainted or call.name in _VIEWS:
            continue
        infos = [tape.values[v].info for v in call.outputs]
        total += sum(memory.bytes_of_info(i) for i in infos if batch in i.shape[:2])
    return total


def _let_go(error: BaseException) -> None:
    """The locals of finished functions on the way of an exception and of those it came from."""
    seen: set[int] = set()
    todo: list[BaseException | None] = [error]
    while todo:
        one = todo.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        for reached, _ in traceback.walk_tb(one.__traceback__):
            _clear(reached)
        todo += [one.__cause__, one.__context__]


def _clear(frame: FrameType | None) -> None:
    """This one and those that called it, our own among them, which no traceback shows."""
    while frame is not None:
        with contextlib.suppress(RuntimeError):  # it is still running
            frame.clear()
            _ = frame.f_locals  # up to Python 3.12 what was read there before is kept until it is read again
        frame = frame.f_back
