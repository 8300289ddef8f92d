"""The few calls of the program that are wrapped while a run is watched. Every wrapper runs the original exactly as called, and tells the watcher about it."""

import itertools
import sys
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data.dataloader import _BaseDataLoaderIter

from ..capture.compiling import compiling, not_compiled
from ..capture.patches import Patches

if TYPE_CHECKING:
    from .watcher import Watcher

Original = Callable[..., Any]

# Batches passed over between two that are timed, seven on average: without a period that those of a loader's workers could meet.
_GAPS = (7, 2, 11, 5, 12, 1, 9, 4, 13, 6, 10, 3, 8)


def install(watcher: "Watcher", patches: Patches) -> None:
    """Put the wrappers in place, but for that of backward, which comes and goes."""
    wrap = patches.wrap
    wrap(_BaseDataLoaderIter, "__next__", lambda o: _loader_next(watcher, o))
    wrap(torch.amp.GradScaler, "scale", lambda o: _scale(watcher, o))
    wrap(torch.amp.GradScaler, "step", lambda o: _scaler_step(watcher, o))
    clip = sys.modules["torch.nn.utils.clip_grad"]
    if hasattr(clip, "_clip_grads_with_norm_"):  # what the public function calls, however that was imported
        wrap(clip, "_clip_grads_with_norm_", lambda o: _clip_norm(watcher, o))
    else:  # before torch 2.6
        for owner in (clip, torch.nn.utils):
            wrap(owner, "clip_grad_norm_", lambda o: _clip_norm_whole(watcher, o))
    for owner in (clip, torch.nn.utils):
        wrap(owner, "clip_grad_value_", lambda o: _clip_value(watcher, o))
    # A network that is copied, written whole or compiled to a script would take our hooks with it.
    wrap(torch.nn.Module, "__reduce_ex__", lambda o: _reduce(watcher, o))
    for owner, name in (
        (torch.jit, "script"),
        (torch.jit, "trace"),
        (torch.jit, "trace_module"),
        (torch.fx, "symbolic_trace"),
    ):
        wrap(owner, name, lambda o: _bare(watcher, o))
    for module, name in (("torch.export", "export"), ("torch.onnx", "export")):
        if module in sys.modules:
            wrap(sys.modules[module], name, lambda o: _bare(watcher, o))
    if watcher.session is None:
        wrap(torch.nn.Module, "train", lambda o: _train(watcher, o))
        for block in (torch.no_grad, torch.inference_mode):
            wrap(block, "__enter__", lambda o: _no_grad(watcher, o))


def backward(watcher: "Watcher", original: Original) -> Original:
    """``torch.autograd.backward``, which ``Tensor.backward`` calls as well."""

    @not_compiled
    def backward(tensors: Any, *args: Any, **kwargs: Any) -> Any:
        if watcher.awake:
            if not compiling():
                watcher.work(watcher.backward, tensors)
        elif watcher.glance.losses:
            watcher.glance.loss(tensors)
        return original(tensors, *args, **kwargs)

    return backward


def _reduce(watcher: "Watcher", original: Original) -> Original:
    def __reduce_ex__(self: Any, protocol: Any) -> Any:
        watcher.bare()
        return original(self, protocol)

    return __reduce_ex__


def _bare(watcher: "Watcher", original: Original) -> Original:
    def taken(*args: Any, **kwargs: Any) -> Any:
        watcher.bare()
        return original(*args, **kwargs)

    return taken


def _loader_next(watcher: "Watcher", original: Original) -> Original:
    """Waiting for data, by the clock. While steps are only counted one batch in eight is timed, and stands for those passed over before it: to read the clock twice costs more than counting a step."""
    account, clock = watcher.account, watcher.account.clock
    gaps = itertools.cycle(_GAPS)
    passed = left = 0

    def fetched(iterator: Any) -> Any:
        first = not getattr(iterator, "_num_yielded", 1)  # nothing is raised here, whatever torch calls it
        batch = original(iterator)  # not where the loader is at its end
        if first or watcher.scores.in_place:
            watcher.scores.fetches(iterator, first=first)
        return batch

    def __next__(self: Any) -> Any:
        nonlocal passed, left
        if left and not watcher.awake:
            left -= 1
            passed += 1
            return fetched(self)
        start = clock()
        try:
            return fetched(self)
        finally:
            watcher.throughput.loading += (1 + passed) * (clock() - start)
            account.entered()
            passed, left = 0, next(gaps)

    return __next__


def _scale(watcher: "Watcher", original: Original) -> Original:
    def scale(self: Any, outputs: Any) -> Any:
        out = original(self, outputs)
        wanted = watcher.awake or watcher.glance.losses
        if wanted and not compiling() and out is not outputs and isinstance(out, torch.Tensor):
            watcher.reader.scaled = (weakref.ref(out), outputs.detach())
        return out

    return scale


def _scaler_step(watcher: "Watcher", original: Original) -> Original:
    def step(self: Any, *args: Any, **kwargs: Any) -> Any:
        before = watcher.steps
        if watcher.awake and not compiling():
            watcher.work(watcher.reader.scaler_steps, self)
        out = original(self, *args, **kwargs)
        if not compiling() and watcher.steps == before:
            watcher.step_skipped(self, args[0] if args else kwargs.get("optimizer"))
        return out

    return step


def _clip_norm(watcher: "Watcher", original: Original) -> Original:
    def _clip_grads_with_norm_(
        parameters: Any, max_norm: Any, total_norm: Any, *args: Any, **kwargs: Any
    ) -> Any:
        if watcher.awake and not compiling():
            watcher.work(watcher.reader.clipped, total_norm, max_norm)
        return original(parameters, max_norm, total_norm, *args, **kwargs)

    return _clip_grads_with_norm_


def _clip_norm_whole(watcher: "Watcher", original: Original) -> Original:
    def clip_grad_norm_(parameters: Any, max_norm: Any, *args: Any, **kwargs: Any) -> Any:
        out = original(parameters, max_norm, *args, **kwargs)
        if watcher.awake and not compiling():
            watcher.work(watcher.reader.clipped, out, max_norm)
        return out

    return clip_grad_norm_


def _clip_value(watcher: "Watcher", original: Original) -> Original:
    def clip_grad_value_(parameters: Any, clip_value: Any, *args: Any, **kwargs: Any) -> Any:
        if watcher.sampling and not compiling():
            if not isinstance(parameters, torch.Tensor):
                parameters = list(parameters)
            watcher.work(watcher.reader.clips_values, parameters, clip_value)
        return original(parameters, clip_value, *args, **kwargs)

    return clip_grad_value_


def _train(watcher: "Watcher", original: Original) -> Original:
    def train(self: torch.nn.Module, mode: bool = True) -> Any:
        out = original(self, mode)
        watcher.mode_changes(self, mode)
        return out

    return train


def _no_grad(watcher: "Watcher", original: Original) -> Original:
    def __enter__(self: Any) -> Any:
        out = original(self)
        watcher.blocks.entered(sys._getframe(1))
        return out

    return __enter__
