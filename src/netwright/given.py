"""What is given to ``netwright.check`` and ``netwright.watch`` is looked at before anything is touched: a sentence that says what to give beats a loop that nothing watches."""

from typing import Any, cast

import torch

from .options import ON_ERROR


def require(call: str, model: object, optimizer: object, *, needs_model: bool = False) -> None:
    """Refuse a model that is no network and an optimizer that is none. ``call`` is how it is to be called.

    Raises:
        TypeError: it is something else; the message says what, and what to give.
    """
    if isinstance(model, torch.optim.Optimizer) and isinstance(optimizer, torch.nn.Module):
        raise TypeError(
            f"model and optimizer are the wrong way round: {_kind(model)} is an optimizer and {_kind(optimizer)} a network; it is {call}"
        )
    if not isinstance(model, torch.nn.Module) and (model is not None or needs_model):
        raise TypeError(f"model is {_kind(model)}, and has to be a torch.nn.Module; it is {call}")
    if optimizer is not None and not isinstance(optimizer, torch.optim.Optimizer):
        hint, kind = "", _kind(optimizer)
        if isinstance(optimizer, list | tuple | dict):
            hint = "; of several optimizers give none: they are found when they are first used"
        elif isinstance(getattr(cast("Any", optimizer), "optimizer", None), torch.optim.Optimizer):
            hint = "; give the one that it holds (.optimizer)"
        raise TypeError(f"optimizer is {kind}, and has to be a torch.optim.Optimizer{hint}; it is {call}")


def require_loss(call: str, loss_fn: object, loader: object) -> None:
    """Refuse a loss that cannot be called and a loader that cannot be iterated over.

    Raises:
        TypeError: it is something else; the message says what, and what to give.
    """
    if loss_fn is not None and not callable(loss_fn):
        raise TypeError(
            f"loss_fn is {_kind(loss_fn)}, and has to be a function of outputs and targets, or None where the model returns its loss; it is {call}"
        )
    if isinstance(loader, torch.nn.Module | str | bytes | type) or not (
        hasattr(loader, "__iter__") or hasattr(loader, "__getitem__")
    ):
        raise TypeError(
            f"loader is {_kind(loader)}, and has to give batches: a DataLoader, or any iterable; it is {call}"
        )


def require_settings(
    *, steps: int, budget: float = 0.01, every: int | None = None, on_error: str = "warn"
) -> None:
    """Refuse settings that mean nothing.

    Raises:
        ValueError: one does; the message says what it may be.
    """
    if steps < 1:
        raise ValueError(f"steps is {steps}, and has to be 1 at least")
    if not 0 <= budget <= 1:
        raise ValueError(
            f"budget is {budget:g}, and has to be a share of the run time, from 0 to 1 (usually 0.01)"
        )
    if every is not None and every < 1:
        raise ValueError(f"every is {every}, and has to be 1 at least, or None")
    if on_error not in ON_ERROR:
        raise ValueError(f"on_error is {on_error!r}, and has to be one of {', '.join(map(repr, ON_ERROR))}")


def _kind(value: object) -> str:
    if value is None:
        return "None"
    if isinstance(value, type):
        return f"the class {value.__name__} itself, not an object of it"
    name = type(value).__name__
    return f"{'an' if name[:1] in 'AEIOaeio' else 'a'} {name}"
