"""The one place that guarantees that nothing is left behind: random state, autograd mode, autocast, our own recording."""

import random
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch._C import _len_torch_dispatch_stack  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue, reportUnknownVariableType]
from torch.utils._python_dispatch import _disable_current_modes  # pyright: ignore[reportPrivateUsage]


class Unseen:
    """Work of ours on tensors of the program, which no mode and no tensor subclass of the program's gets to see."""

    def __enter__(self) -> None:
        self._functions = torch._C.DisableTorchFunction()  # pyright: ignore[reportPrivateUsage]
        self._functions.__enter__()
        self._dispatch = _disable_current_modes() if _len_torch_dispatch_stack() else None
        if self._dispatch is not None:
            self._dispatch.__enter__()

    def __exit__(self, *_: object) -> None:
        if self._dispatch is not None:
            self._dispatch.__exit__(None, None, None)
        self._functions.__exit__(None, None, None)


@contextmanager
def untouched(*, devices: bool = True) -> Iterator[None]:
    """Run something of ours: afterwards the random generators are exactly as before, and no torch mode of the program applied.

    The caller works on copies or aliases of tensors, never on the program's own (see ``capture.replay``).
    """
    cpu = torch.get_rng_state()
    python = random.getstate()
    numpy = sys.modules.get("numpy")
    arrays = numpy.random.get_state() if numpy is not None else None
    cuda = (
        [torch.cuda.get_rng_state(i) for i in range(torch.cuda.device_count())]
        if devices and torch.cuda.is_available() and torch.cuda.is_initialized()
        else []
    )
    modes = _pop_modes()
    warn = torch.is_warn_always_enabled()
    # What a replay warns of the program has said already. Changing the filters instead would make python forget which
    # warnings were shown, and the program would repeat them.
    shown, warnings.showwarning = warnings.showwarning, lambda *_, **__: None
    try:
        without_modes = _disable_current_modes() if _len_torch_dispatch_stack() else nullcontext()
        with (
            without_modes,
            torch._C.DisableTorchFunctionSubclass(),  # pyright: ignore[reportPrivateUsage]
            torch.inference_mode(False),
            torch.enable_grad(),
            torch.autocast("cpu", enabled=False),
        ):
            yield
    finally:
        warnings.showwarning = shown
        _push_modes(modes)
        torch.set_warn_always(warn)
        torch.set_rng_state(cpu)
        random.setstate(python)
        if numpy is not None:
            numpy.random.set_state(arrays)
        for index, state in enumerate(cuda):
            torch.cuda.set_rng_state(state, index)


def _pop_modes() -> list[object]:
    from torch.overrides import _get_current_function_mode_stack, _pop_mode

    return [_pop_mode() for _ in _get_current_function_mode_stack()]


def _push_modes(modes: list[object]) -> None:
    from torch.overrides import _push_mode

    for mode in reversed(modes):
        _push_mode(mode)  # type: ignore[arg-type]


def _remove(mode: object) -> bool:
    """Take one mode off the stack, wherever it lies. Whether it was there: while it handles a call torch holds it back, and puts it on the stack again afterwards."""
    modes = _pop_modes()
    _push_modes([m for m in modes if m is not mode])
    return any(m is mode for m in modes)


def _insert_below(mode: object) -> None:
    """Put a mode at the bottom of the stack, below every mode of the program."""
    modes = _pop_modes()
    _push_modes([*modes, mode])


class Below:
    """A mode at the bottom of the stack, where it is wanted and only then.

    While the mode handles a call (a backward pass) torch holds it back, and puts it on the stack again: one that leaves then goes the next time it is asked to.
    """

    def __init__(self, mode: object) -> None:
        self.mode = mode
        self.there = False
        self._held_back = False

    def enter(self) -> None:
        """Put it there, once."""
        self.sweep()
        if not self.there:
            if not self._held_back:
                _insert_below(self.mode)
            self.there, self._held_back = True, False

    def leave(self) -> None:
        """Take it away."""
        if self.there or self._held_back:
            self.there = False
            self._held_back = not _remove(self.mode)

    def sweep(self) -> bool:
        """Take away what was held back when it was to leave. Whether nothing of it is left."""
        if self._held_back:
            self.leave()
        return not (self.there or self._held_back)
