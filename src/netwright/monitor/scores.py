"""How right a network is, read off the calls that the program makes anyway: what is predicted and what is the target stand in the arguments of a loss, or are held against each other by hand."""

import threading
import weakref
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

import torch

from ..capture.calls import describe
from ..capture.compiled import is_compiled, needs_fast_path
from ..capture.compiling import something_compiled
from ..capture.flatten import tensors
from ..capture.measure import has_values
from ..capture.mode import Onlooker
from ..capture.sandbox import Below, Unseen
from ..inference import BINARY_LOSSES, CLASS_LOSSES, LOSSES, VALUE_LOSSES
from .account import Account
from .asked import Asked
from .by_hand import ByHand
from .pairs import Pass, Place, address
from .sums import Sums as Sums
from .sums import of_labels, of_scores, plus
from .sums import series_name as series_name

_CALL_S = 5e-6  # what a call of torch costs more while a function mode is there, without our own work in it


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
        count = of_scores(sums, prediction, target, int(kwargs.get("ignore_index", -100)), rows)
    elif name in BINARY_LOSSES:
        limit = 0.0 if name.endswith("logits") else 0.5
        truth = (target > 0.5).long().reshape(-1)
        count = of_labels(sums, (prediction > limit).long().reshape(-1), truth, truth >= 0, 2)
    elif name in VALUE_LOSSES and prediction.shape == target.shape:
        error = (prediction.double() - target.double()).abs()
        count = torch.ones_like(error).sum()
        sums.error = plus(sums.error, error.sum())
    else:
        return
    if isinstance(out, torch.Tensor) and out.numel() == 1 and kwargs.get("reduction", "mean") == "mean":
        sums.loss = plus(sums.loss, out.detach().double().reshape(()) * count)
    sums.count = plus(sums.count, count)


class Scores:
    """Sees the calls of losses between a network's pass and the next one (or backward). The function mode that does so is never there during a pass.

    Args:
        account: charged for what is done; an evaluation's batches are left out while the budget is spent.
        always: leave none out.
        failed: told of a failure of ours.
        goes_on: told when a pass with gradients ends an evaluation of a network that was not switched to it (``guarded`` is false).
        steps: how many the program has made.

    ``passed`` says that a training pass was seen since the sampled step began. ``trained_data`` are the data sets that are trained on, by ``id``.
    """

    def __init__(
        self,
        account: Account,
        *,
        always: bool,
        failed: Callable[[], None],
        goes_on: Callable[[], None] = lambda: None,
        steps: Callable[[], int] = lambda: 0,
    ) -> None:
        self.account = account
        self.always = always
        self.failed = failed
        self.goes_on, self.steps = goes_on, steps
        self.by_hand = ByHand()
        self.guarded, self.passed = True, False
        self.trained_data: frozenset[int] = frozenset()
        # Steps made when a DataLoader gave its last batch, the number of that iteration of it, and its data set.
        self._fetched = (-1, 0, 0)
        self.sums = Sums()
        self._mode = Below(Onlooker(self.called))
        self._handles: list[Any] = []
        self._networks: list[weakref.ref[torch.nn.Module]] = []
        self._rows = 0
        self._with_gradients = True
        self._given: frozenset[tuple[int, int]] = frozenset()
        self._thread = threading.get_ident()
        self._training = False

    def follow(self, networks: Iterable[torch.nn.Module]) -> None:
        """The networks whose passes are waited for."""
        self._networks = [weakref.ref(n) for n in networks if not is_compiled(n)]

    def expect(self, asked: Asked) -> None:
        """What to look for where no loss is called."""
        self.by_hand.asked = asked

    def fetches(self, iterator: Any, *, first: bool) -> None:
        """A DataLoader has given a batch, the ``first`` one of this iteration or another."""
        self._fetched = (self.steps(), self._fetched[1] + first, id(getattr(iterator, "_dataset", None)))

    @property
    def affordable(self) -> bool:
        """Whether an evaluation may be looked at."""
        return self.always or self.account.affords(0.0, self.account.clock())

    def begin(self, *, training: bool) -> None:
        """An evaluation begins, or a sampled training step."""
        self.take_out()
        self.sums, self._training = Sums(), training
        self.guarded = True
        self.by_hand.begin(training=training)
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
            by_hand = self.by_hand.end()
        return numbers or by_hand

    def take_out(self) -> None:
        """Take hooks and mode away."""
        self.leave()
        self.passed = False
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
                with Unseen():
                    if not self.guarded and torch.is_grad_enabled():
                        self.goes_on()
                    given = [t for _, t in islice(tensors((args, kwargs)), 16)]
                    self._rows = given[0].shape[0] if given and given[0].dim() else 0
                    if self.by_hand.on:
                        self._given = frozenset(address(t) for t in given if has_values(t))
            except Exception:  # the harm boundary
                self.failed()

    def _returned(self, module: torch.nn.Module, args: Any, out: Any) -> None:
        account = self.account
        with account.charged():
            try:
                if threading.get_ident() != self._thread:
                    return
                if self._training and not torch.is_grad_enabled():
                    return
                if not self._training and module.training and torch.is_grad_enabled():
                    return  # another network was switched to evaluation: a teacher, whose student trains on
                self.passed |= self._training
                self._with_gradients = torch.is_grad_enabled()
                if self._mode.there or self._training or self.affordable:
                    if self.by_hand.on:
                        with Unseen():
                            self.by_hand.passed(module, out, self._pass())
                    if not self._mode.there:
                        self._mode.enter()
            except Exception:  # the harm boundary
                self.failed()

    def _pass(self) -> Pass:
        """The pass that has just returned."""
        at, loader, data = self._fetched
        if self._training or at != self.steps():
            loader = -1 if self._training else 0
            return Pass(0, 0, rows=self._rows, loader=loader, given=self._given)
        trained = data in self.trained_data
        return Pass(0, 0, rows=self._rows, loader=loader, trained=trained, given=self._given)

    def called(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], out: Any
    ) -> None:
        """The program has called torch."""
        account = self.account
        start = account.clock()
        try:
            with Unseen():
                name = describe(func).plain
                if not self._mode.there or self._trains(out):
                    pass
                elif name in LOSSES:
                    with torch.no_grad():
                        self._add(name, args, kwargs, out)
                elif self.by_hand.on:
                    with torch.no_grad():
                        self.by_hand.see(name, args, kwargs, out)
        except Exception:  # the harm boundary
            self.failed()
        account.spent += account.clock() - start + _CALL_S

    def _trains(self, out: Any) -> bool:
        """Whether a call after a pass without gradients belongs to training: a teacher's or a target network's pass was no evaluation."""
        return (
            not (self._training or self._with_gradients)
            and isinstance(out, torch.Tensor)
            and out.requires_grad
        )

    def _add(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> None:
        add_call(self.sums, name, args, kwargs, out, self._rows)
        if self.sums.count is None:
            return
        self.by_hand.stop()  # nothing is counted twice
        if self._training:
            target = args[1] if len(args) > 1 else kwargs.get("target")
            if isinstance(target, torch.Tensor) and has_values(target):
                self.by_hand.trains_on(Place.of(target))
