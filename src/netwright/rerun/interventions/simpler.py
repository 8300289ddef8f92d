"""The whole run made simpler, for an experiment: one batch again and again, no regularization."""

import copy
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

import torch
from torch.utils.data.dataloader import _MultiProcessingDataLoaderIter, _SingleProcessDataLoaderIter

from ..plan import Setting
from .hooks import Hooks


def repeat_batch(hooks: Hooks, settings: Mapping[str, Setting]) -> None:
    """Every DataLoader of a data set hands out the first batch of it, again and again."""
    first: dict[int, tuple[object, Any]] = {}  # the data set is held, so that its id stays its own

    def again(original: Callable[..., Any]) -> Callable[..., Any]:
        def _next_data(iterator: Any) -> Any:
            batch = original(iterator)
            data = iterator._dataset
            _, kept = first.setdefault(id(data), (data, copy.deepcopy(batch)))
            return copy.deepcopy(kept)  # the program may write to what it is given

        return _next_data

    for kind in (_SingleProcessDataLoaderIter, _MultiProcessingDataLoaderIter):
        hooks.patches.wrap(kind, "_next_data", again)


def without_regularization(hooks: Hooks, settings: Mapping[str, Setting]) -> None:
    """No dropout in modules, no weight decay in optimizers."""

    def network(module: torch.nn.Module, frame: FrameType | None) -> None:
        for part in module.modules():
            if isinstance(part, torch.nn.modules.dropout._DropoutNd):
                part.p = 0.0

    def optimizer(made: torch.optim.Optimizer) -> None:
        for group in (*made.param_groups, made.defaults):
            if group.get("weight_decay"):
                group["weight_decay"] = 0.0

    hooks.network.append(network)
    hooks.optimizer.append(optimizer)
