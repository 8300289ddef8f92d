"""What decides how much memory a run takes, and how much it may: the batch size, a limit."""

import resource
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ..plan import Setting
from .hooks import Hooks, number


def batch_size(hooks: Hooks, settings: Mapping[str, Setting]) -> None:
    """Loaders that put together ``was`` samples put together ``becomes``, in every batch: a smaller last one is left out, unless all samples together are fewer."""
    was, becomes = int(number(settings, "was")), int(number(settings, "becomes"))

    def made(loader: Any) -> None:
        sampler = getattr(loader, "batch_sampler", None)
        if getattr(loader, "batch_size", None) == was and isinstance(sampler, torch.utils.data.BatchSampler):
            sampler.batch_size = becomes
            vars(loader)["batch_size"] = becomes  # it may not be set once the loader is made
            sampler.drop_last = becomes <= len(sampler.sampler)  # pyright: ignore[reportArgumentType]

    hooks.loader.append(made)


def limit(hooks: Hooks, settings: Mapping[str, Setting]) -> None:
    """From here on this process may take ``bytes`` more of the machine's memory: beyond that it fails, and nothing else does."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    sizes = {k: v for k, _, v in (line.partition(":") for line in lines)}
    most = int(sizes["VmData"].split()[0]) * 1024 + int(number(settings, "bytes"))
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    known = [n for n in (soft, hard) if n != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min(most, *known) if known else most, hard))
