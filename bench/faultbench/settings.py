"""Hyper-parameters of a program changed at the hooks of a re-run: the optimizer with its rate and decay, the batch size. Named in a plan as `bench.faultbench.settings:<function>`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch.utils.data import BatchSampler

from netwright.rerun.interventions import Hooks
from netwright.rerun.interventions.hooks import number
from netwright.rerun.plan import Setting

OPTIMIZERS: dict[str, tuple[type[torch.optim.Optimizer], dict[str, Any]]] = {
    "sgd": (torch.optim.SGD, {}),
    "momentum": (torch.optim.SGD, {"momentum": 0.9}),
    "adam": (torch.optim.Adam, {}),
    "adamw": (torch.optim.AdamW, {}),
}
_STAYS = ("params", "maximize")  # which parameters, and uphill or downhill: no hyper-parameters


def optimizer(hooks: Hooks, settings: Mapping[str, Setting]) -> None:
    """Every optimizer of the program becomes one of `kind` with `rate` and `decay`. Rates of parameter groups keep their ratios, and groups that are left out of the decay stay so."""
    kind, extra = OPTIMIZERS[str(settings["kind"])]
    rate, decay = number(settings, "rate"), number(settings, "decay")
    # Made once for its defaults, before the hook is there.
    defaults = kind([torch.nn.Parameter(torch.zeros(1))], lr=rate, weight_decay=decay, **extra).defaults  # type: ignore[call-arg]
    begun: set[int] = set()

    def made(found: torch.optim.Optimizer) -> None:
        base = float(found.defaults.get("lr") or found.param_groups[0].get("lr") or 0.0)
        for group in found.param_groups:
            own = float(group.get("lr") or 0.0)
            free = group.get("weight_decay") == 0 and found.defaults.get("weight_decay")
            group.update({k: v for k, v in defaults.items() if k not in _STAYS or k not in group})
            group["lr"] = rate * own / base if base else rate
            group["weight_decay"] = 0.0 if free else decay
        found.defaults = dict(defaults)
        found.__class__ = kind

    def steps(found: torch.optim.Optimizer) -> None:
        if id(found) not in begun:  # what its own class has put there means nothing to the new one
            begun.add(id(found))
            found.state.clear()

    hooks.optimizer.append(made)
    hooks.gradients.append(steps)


def batches(hooks: Hooks, settings: Mapping[str, Setting]) -> None:
    """DataLoaders with these `turns` (numbers with commas, 0: the first one made) give batches of `size`. Those with a batch sampler of the program's own stay as they are."""
    size = int(number(settings, "size")) or 1
    turns = {int(turn) for turn in str(settings["turns"]).split(",")}
    made = 0

    def change(loader: Any) -> None:
        nonlocal made
        if made in turns and type(loader.batch_sampler) is BatchSampler:
            loader.batch_sampler.batch_size = size
            loader.__dict__["batch_size"] = size  # its own __setattr__ refuses this after __init__
        made += 1

    hooks.loader.append(change)
