"""Recurrent layers told which axis holds the samples."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from ..capture.tape import Call
from ..rerun.plan import Setting
from ..rule import NotApplicable

RECURRENT = ("lstm", "gru", "rnn_tanh", "rnn_relu")
_ARGUMENTS = 9  # of these functions, batch_first last, where the input is no packed sequence


def batch_first(call: Call, settings: Mapping[str, Setting]) -> Call:
    """The call with its axes told otherwise. A state that begins with zeros is made anew, as its form depends on the number of samples.

    Raises:
        NotApplicable: the layer is none of these, or its state does not begin with zeros.
    """
    if call.name not in RECURRENT or len(call.args) != _ARGUMENTS or call.kwargs:
        raise NotApplicable("the layer on the line is not recurrent, or is given packed sequences")
    first = bool(settings.get("value", False))
    function: Any = call.func

    def act(data: torch.Tensor, state: Any, *rest: Any) -> Any:
        samples = data.shape[0 if first else 1]
        if isinstance(state, torch.Tensor):
            state = _of(state, samples)
        else:
            state = tuple(_of(s, samples) for s in state)
        return function(data, state, *rest[:-1], first)

    return replace(call, func=act)


def _of(state: torch.Tensor, samples: int) -> torch.Tensor:
    if bool(state.any()):
        raise NotApplicable("the layer's state does not begin with zeros")
    return state.new_zeros(state.shape[0], samples, *state.shape[2:])
