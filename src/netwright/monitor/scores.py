"""How right a network is, read off the calls of losses that the program makes anyway: what is predicted and what is the target stand in their arguments."""

import threading
import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch

from ..capture.calls import describe
from ..capture.compiled import is_compiled, needs_fast_path
from ..capture.compiling import something_compiled
from ..capture.flatten import tensors
from ..capture.measure import has_values
from ..capture.mode import Onlooker
from ..capture.sandbox import Below
from ..inference import BINARY_LOSSES, CLASS_LOSSES, LOSSES, VALUE_LOSSES
from .account import Account

_MOST_CLASSES = 64
_ANSWERS = "answers/"
_CALL_S = 5e-6  # what a call of torch costs more while a function mode is there, without our own work in it


@dataclass(slots=True, eq=False)
class Sums:
    """Running sums of one phase, on the device of the targets: ``table`` counts (target, prediction) pairs of classes."""

    count: torch.Tensor | None = None
    right: torch.Tensor | None = None
    loss: torch.Tensor | None = None
    error: torch.Tensor | None = None
    table: torch.Tensor | None = None
    sequence: bool = False
    dense: bool = False

    def numbers(self) -> tuple[list[str], torch.Tensor] | None:
        """Names of the metrics, and their values on the device."""
        if self.count is None:
            return None
        found: dict[str, torch.Tensor] = {}
        if self.loss is not None:
            found["loss"] = self.loss / self.count
            if self.sequence:
                found["perplexity"] = torch.exp(found["loss"])
        if self.right is not None:
            found["accuracy"] = self.right / self.count
        if self.error is not None:
            found["absolute_error"] = self.error / self.count
        if self.table is not None:
            found.update(_of_table(self.table, dense=self.dense))
            found.update(_answers(self.table))
        return list(found), torch.stack([v.double().reshape(()) for v in found.values()])


def _of_table(table: torch.Tensor, *, dense: bool) -> dict[str, torch.Tensor]:
    """Mean over the classes that occur, of F1; of the intersection over union where each place has a class."""
    hits, targets, predictions = table.diagonal(), table.sum(1), table.sum(0)
    occurs = (targets > 0).double()
    classes = occurs.sum().clamp_min(1)
    f1 = (2 * hits / (targets + predictions).clamp_min(1) * occurs).sum() / classes
    if not dense:
        return {"f1": f1}
    union = (targets + predictions - hits).clamp_min(1)
    return {"mean_iou": (hits / union * occurs).sum() / classes}


def _answers(table: torch.Tensor) -> dict[str, torch.Tensor]:
    """The share that the most frequent class has of the predictions, and of the targets."""
    total = table.sum().clamp_min(1)
    return {
        _ANSWERS + "predicted": table.sum(0).max() / total,
        _ANSWERS + "targets": table.sum(1).max() / total,
    }


def series_name(phase: str, name: str) -> str:
    """The name of the series of a number in a phase of the program."""
    if name.startswith(_ANSWERS):
        return f"{_ANSWERS}{phase}/{name.removeprefix(_ANSWERS)}"
    return f"metric/{phase}/{name}"


def add_call(
    sums: Sums, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any, rows: int
) -> None:
    """Add what a call of the loss ``name`` tells. ``rows`` is the batch size, 0 where it is not known."""
    prediction = args[0] if args else kwargs.get("input")
    target = args[1] if len(args) > 1 else kwargs.get("target")
    if not (isinstance(prediction, torch.Tensor) and isinstance(target, torch.Tensor)):
        return
    if not has_values(prediction) or not has_values(target) or not target.numel():
        return
    prediction, target = prediction.detach(), target.detach()
    if name in CLASS_LOSSES:
        count = _classes(sums, prediction, target, int(kwargs.get("ignore_index", -100)), rows)
    elif name in BINARY_LOSSES:
        limit = 0.0 if name.endswith("logits") else 0.5
        truth = (target > 0.5).long().reshape(-1)
        count = _labels(sums, (prediction > limit).long().reshape(-1), truth, truth >= 0, 2)
    elif name in VALUE_LOSSES and prediction.shape == target.shape:
        error = (prediction.double() - target.double()).abs()
        count = torch.ones_like(error).sum()
        sums.error = _plus(sums.error, error.sum())
    else:
        return
    if isinstance(out, torch.Tensor) and out.numel() == 1 and kwargs.get("reduction", "mean") == "mean":
        sums.loss = _plus(sums.loss, out.detach().double().reshape(()) * count)
    sums.count = _plus(sums.count, count)


def _plus(total: torch.Tensor | None, more: torch.Tensor) -> torch.Tensor:
    return more if total is None else total + more


def _classes(
    sums: Sums, prediction: torch.Tensor, target: torch.Tensor, ignored: int, rows: int
) -> torch.Tensor:
    axis = 1 if prediction.dim() > 1 else 0
    if target.is_floating_point():  # shares of classes
        target = target.argmax(axis)
    guess, truth = prediction.argmax(axis).reshape(-1), target.reshape(-1)
    sums.sequence |= 0 < rows < truth.numel() and prediction.dim() < 4
    sums.dense |= prediction.dim() >= 4
    return _labels(sums, guess, truth, (truth >= 0) & (truth != ignored), prediction.shape[axis])


def _labels(
    sums: Sums, guess: torch.Tensor, truth: torch.Tensor, valid: torch.Tensor, classes: int
) -> torch.Tensor:
    sums.right = _plus(sums.right, ((guess == truth) & valid).sum().double())
    if classes <= _MOST_CLASSES and (sums.table is None or sums.table.shape[0] == classes):
        pairs = (truth.clamp_min(0) * classes + guess).long()
        table = torch.zeros(classes * classes, dtype=torch.float64, device=truth.device)
        sums.table = _plus(sums.table, table.scatter_add_(0, pairs, valid.double()).reshape(classes, classes))
    return valid.sum().double()


class Scores:
    """Sees the calls of losses between a network's pass and the next one (or backward). The function mode that does so is never there during a pass.

    Args:
        account: charged for what is done; an evaluation's batches are left out while the budget is spent.
        always: leave none out.
        failed: told of a failure of ours.
    """

    def __init__(self, account: Account, *, always: bool, failed: Callable[[], None]) -> None:
        self.account = account
        self.always = always
        self.failed = failed
        self.sums = Sums()
        self._mode = Below(Onlooker(self.called))
        self._handles: list[Any] = []
        self._networks: list[weakref.ref[torch.nn.Module]] = []
        self._rows = 0
        self._thread = threading.get_ident()
        self._training = False

    def follow(self, networks: Iterable[torch.nn.Module]) -> None:
        """The networks whose passes are waited for."""
        self._networks = [weakref.ref(n) for n in networks if not is_compiled(n)]

    def begin(self, *, training: bool) -> None:
        """An evaluation begins, or a sampled training step."""
        self.take_out()
        self.sums, self._training = Sums(), training
        if something_compiled():
            return
        networks = [n for ref in self._networks if (n := ref()) is not None]
        with torch.no_grad():
            if any(needs_fast_path(network) for network in networks):
                return  # it would be entered with the mode in place that another one's pass has left
        for network in networks:
            if isinstance(network, torch.jit.ScriptModule):
                continue
            self._handles.append(network.register_forward_pre_hook(self._enters, with_kwargs=True))
            self._handles.append(network.register_forward_hook(self._returned))

    def end(self) -> tuple[list[str], torch.Tensor] | None:
        """It is over: its metrics."""
        self.take_out()
        with torch.no_grad():
            numbers, self.sums = self.sums.numbers(), Sums()
        return numbers

    def take_out(self) -> None:
        """Take hooks and mode away."""
        self.leave()
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def leave(self) -> None:
        """Take the mode away. While it handles a call (a backward) torch holds it back: then it goes the next time."""
        self._mode.leave()

    def __deepcopy__(self, memo: object) -> "Scores":
        """A network that copies its own attributes takes hooks along: never with a second one of this behind them."""
        return self

    @property
    def in_place(self) -> bool:
        """Whether hooks stand on a network."""
        return bool(self._handles)

    @property
    def evaluating(self) -> bool:
        """Whether an evaluation is looked at."""
        return bool(self._handles) and not self._training

    def _enters(self, module: torch.nn.Module, args: Any, kwargs: Any = None) -> None:
        # Without kwargs where it is taken away while torch goes through the hooks of this very call.
        with self.account.charged():
            try:
                self.leave()
                if self._training and not torch.is_grad_enabled():
                    return
                with torch._C.DisableTorchFunction():  # pyright: ignore[reportPrivateUsage]
                    first = next((t for _, t in tensors((args, kwargs))), None)
                    self._rows = first.shape[0] if first is not None and first.dim() else 0
            except Exception:  # the harm boundary
                self.failed()

    def _returned(self, module: torch.nn.Module, args: Any, out: Any) -> None:
        account = self.account
        with account.charged():
            try:
                if self._mode.there or threading.get_ident() != self._thread:
                    return
                if self._training and not torch.is_grad_enabled():
                    return
                if self._training or self.always or account.affords(0.0, account.clock()):
                    self._mode.enter()
            except Exception:  # the harm boundary
                self.failed()

    def called(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], out: Any
    ) -> None:
        """The program has called torch."""
        account = self.account
        start = account.clock()
        try:
            with torch._C.DisableTorchFunction():  # pyright: ignore[reportPrivateUsage]
                name = describe(func).plain
                if name in LOSSES and self._mode.there:
                    with torch.no_grad():
                        add_call(self.sums, name, args, kwargs, out, self._rows)
        except Exception:  # the harm boundary
            self.failed()
        account.spent += account.clock() - start + _CALL_S
