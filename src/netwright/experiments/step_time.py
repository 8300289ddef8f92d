"""How long the captured step takes, beside the same step in forms that a device may be faster in."""

import math
import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch

from ..capture.graphs import GraphCapture
from ..capture.replay import Replay
from ..capture.sandbox import untouched
from ..capture.step import Step
from ..evidence import NOWHERE, Node, RepeatedCall, StepTime, TriedForm
from ..rule import NotApplicable
from ..student import quantile
from ._repeated_calls import Group, both_ways, groups
from .experiment import Experiment, Material, Work
from .progress import Progress, unseen
from .trainee import ERRORS, require_replay

_FEWEST, _MOST = 3, 12  # pairs of runs
_CONVOLUTIONS = ("conv2d", "conv_transpose2d")
_SURE = 0.95

_Given = dict[int, torch.Tensor]


def step_time(step: Step, *, seconds: float = 5.0, progress: Progress = unseen) -> StepTime:
    """Time the step forward and backward, in turns with the same step in float32, with channels last, and in bfloat16, each where it applies; and layers that are called again and again, as one call.

    Args:
        step: the captured step.
        seconds: time for everything; a form gets three pairs of runs at least.
        progress: called with the share that is done.

    Raises:
        NotApplicable: the step cannot be run again, or there is nothing to try on it.
    """
    began = time.perf_counter()
    capture = step.capture
    require_replay(capture)
    device = next((t.device for t in capture.parameters.values()), torch.device("cpu"))
    if device.type not in ("cpu", "cuda"):
        raise NotApplicable(f"time is not measured on {device.type}")
    try:
        with untouched():
            clock = _Clock(capture, device)
            forms = _forms(clock)
            found = groups(capture.tape, clock.replay().calls)
            if not forms and not found:
                raise NotApplicable(
                    "there is no other form to try: neither float64, nor convolutions, nor layers called again and again, nor a device that is made for bfloat16"
                )
            clock.step({}, nullcontext)  # what the first run alone takes
            until = (seconds - (time.perf_counter() - began)) / (len(forms) + len(found))
            tried: list[TriedForm] = []
            for name, given, context, where in forms:
                tried.append(_tried(clock, name, given, context, where, until))
                progress(len(tried) / (len(forms) + len(found)))
            repeated = [r for g in found if (r := _repeated(clock, g, until)) is not None]
    except ERRORS as error:
        raise NotApplicable(f"the step could not be run again: {type(error).__name__}: {error}") from None
    return StepTime(
        step_s=statistics.median(clock.times),
        runs=len(clock.times),
        device=device.type,
        forms=tuple(tried),
        repeated=tuple(repeated),
        seconds=time.perf_counter() - began,
    )


class _Clock:
    """Runs the step and stops the time. ``times`` are those of the step as it is."""

    def __init__(self, capture: GraphCapture, device: torch.device) -> None:
        self.capture, self.device = capture, device
        self.times: list[float] = []

    def replay(self, given: _Given | None = None) -> Replay:
        assert self.capture.loss is not None
        return Replay(self.capture.tape, [self.capture.loss], given=given)

    def step(
        self, given: _Given, context: Callable[[], AbstractContextManager[object]]
    ) -> tuple[float, float]:
        """Seconds of one run forward and backward, and its loss."""
        run = self.replay(given)

        def both() -> torch.Tensor:
            with context():
                loss = run.run()[0]
            weights = [
                w
                for n in self.capture.parameters
                if (w := run.env.get(self.capture.value_of_node[(n, 0)])) is not None and w.requires_grad
            ]
            if loss.requires_grad and weights:
                torch.autograd.grad(loss.sum(), weights, allow_unused=True)
            return loss

        took, loss = self.timed(both)
        return took, float(loss.detach().double().sum())

    def timed(self, action: Callable[[], torch.Tensor | None]) -> tuple[float, torch.Tensor]:
        """Seconds until the device is done with it, and what it gave."""
        self._wait()
        start = time.perf_counter()
        out = action()
        self._wait()
        return time.perf_counter() - start, out if out is not None else torch.zeros(())

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


_Form = tuple[str, _Given, Callable[[], AbstractContextManager[object]], Node | None]


def _forms(clock: _Clock) -> list[_Form]:
    """The forms that apply."""
    capture = clock.capture
    graph, weights = capture.graph, list(capture.parameters.values())
    found: list[_Form] = []
    if weights and all(w.dtype is torch.float64 for w in weights if w.is_floating_point()):
        found.append(("float32", _changed(capture, _single), nullcontext, None))
    convolutions = graph.ops(*_CONVOLUTIONS)
    if convolutions and not any(_last(t) for t in weights):
        found.append(("channels-last", _changed(capture, _channels_last), nullcontext, convolutions[0]))
    mixed = any(n.autocast for n in graph.nodes)
    if not mixed and _bfloat16(clock.device) and any(w.dtype is torch.float32 for w in weights):
        kind = clock.device.type
        found.append(("bfloat16", {}, lambda: torch.autocast(kind, dtype=torch.bfloat16), None))
    return found


def _bfloat16(device: torch.device) -> bool:
    """Whether the device is made for it."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    able = (
        getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    )
    return any(ask is not None and ask() for ask in able)


def _changed(capture: GraphCapture, change: Callable[[torch.Tensor], torch.Tensor | None]) -> _Given:
    """The leaves of the step in another form, as copies; what the step writes to is left as it is."""
    given: _Given = {}
    for node, tensor in {**capture.data, **capture.parameters}.items():
        value = capture.value_of_node[(node, 0)]
        made = change(tensor.detach()) if capture.tape.values[value].saved is None else None
        if made is not None:
            wants = node in capture.parameters and tensor.requires_grad
            given[value] = made.requires_grad_(wants)
    return given


def _single(tensor: torch.Tensor) -> torch.Tensor | None:
    return tensor.float() if tensor.dtype is torch.float64 else None


def _channels_last(tensor: torch.Tensor) -> torch.Tensor | None:
    if tensor.dim() != 4 or not tensor.is_floating_point():
        return None
    return tensor.contiguous(memory_format=torch.channels_last)


def _last(tensor: torch.Tensor) -> bool:
    """Whether a filter lies in memory with its channels last, and only so."""
    return (
        tensor.dim() == 4
        and tensor.is_contiguous(memory_format=torch.channels_last)
        and not tensor.is_contiguous()
    )


def _tried(
    clock: _Clock,
    name: str,
    given: _Given,
    context: Callable[[], AbstractContextManager[object]],
    node: Node | None,
    seconds: float,
) -> TriedForm:
    """A form beside the step as it is, in turns."""
    began = time.perf_counter()
    _, other = clock.step(given, context)
    ratios: list[float] = []
    loss = math.nan
    while len(ratios) < _FEWEST or (len(ratios) < _MOST and time.perf_counter() - began < seconds):
        pair = [0.0, 0.0]
        for which in (0, 1) if len(ratios) % 2 else (1, 0):
            pair[which], value = clock.step({}, nullcontext) if which == 0 else clock.step(given, context)
            loss = value if which == 0 else loss
        clock.times.append(pair[0])
        ratios.append(pair[0] / pair[1])
    middle, half = _mean_of_logarithms(ratios)
    return TriedForm(
        name=name,
        times=math.exp(middle),
        low=math.exp(middle - half),
        high=math.exp(middle + half),
        pairs=len(ratios),
        apart=abs(other - loss) / abs(loss) if loss else abs(other),
        where=node.edit if node is not None else NOWHERE,
    )


def _mean_of_logarithms(ratios: list[float]) -> tuple[float, float]:
    """Their mean, and the half of its 95 % interval by Student's t."""
    logs = [math.log(r) for r in ratios]
    half = quantile(len(logs) - 1, _SURE) * statistics.stdev(logs) / math.sqrt(len(logs))
    return statistics.fmean(logs), half


def _repeated(clock: _Clock, group: Group, seconds: float) -> RepeatedCall | None:
    began = time.perf_counter()
    run = clock.replay()
    run.run()
    made = both_ways(group, run)
    if made is None:
        return None
    times: tuple[list[float], list[float]] = ([], [])
    for each in made:
        clock.timed(lambda each=each: each())
    while len(times[0]) < _FEWEST or (len(times[0]) < _MOST and time.perf_counter() - began < seconds):
        for taken, each in zip(times, made, strict=True):
            taken.append(clock.timed(lambda each=each: each())[0])
        clock.times.append(clock.step({}, nullcontext)[0])
    call = group.calls[0]
    frame = call.frame
    return RepeatedCall(
        where=call.where,
        op=group.op,
        calls=len(group.calls),
        apart_s=statistics.median(times[0]),
        together_s=statistics.median(times[1]),
        module=frame.type if frame is not None else None,
    )


def _of(material: Material, seconds: float, progress: Progress) -> StepTime:
    return step_time(material.step, seconds=seconds, progress=progress)


EXPERIMENT = Experiment(StepTime, 0.05, 5.0, _of, work=Work(copies=2, steps=8))
