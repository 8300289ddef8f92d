"""The one place that guarantees that nothing is left behind: random state, autograd mode, autocast, our own recording."""

import random
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch


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
        with torch.inference_mode(False), torch.enable_grad(), torch.autocast("cpu", enabled=False):
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


def remove_mode(mode: object) -> None:
    """Take one mode off the stack, wherever it lies."""
    _push_modes([m for m in _pop_modes() if m is not mode])


def insert_mode_below(mode: object) -> None:
    """Put a mode at the bottom of the stack, below every mode of the program."""
    modes = _pop_modes()
    _push_modes([*modes, mode])
