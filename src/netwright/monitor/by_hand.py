"""How right a network is where the program works that out itself: its outputs are followed through the calls of torch that come after its pass, to where they are held against a target."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import torch

from ..capture.flatten import tensors
from ..capture.measure import has_values
from .asked import Asked
from .comparing import Comparing, halves, reduced
from .marks import Call, Mark, Marks, What
from .pairs import Pairs, Pass, Place
from .units import LOOSE, chosen, in_other_form


class ByHand:
    """Follows outputs. Numbers are only worked out where an output meets a target, of the forms that are ``asked`` for, and count once the program reduces them itself."""

    def __init__(self) -> None:
        self.asked = Asked()
        self.on = False
        self.pairs = Pairs()
        self._marks = Marks()
        self._comparing = Comparing(self._marks)
        self._passes = 0
        self._trained: Place | None = None
        self._training = self._others_seen = False

    def begin(self, *, training: bool) -> None:
        """A phase begins."""
        self.stop()
        self._training = training
        forms = self.asked.training if training else self.asked.evaluation
        self._comparing = Comparing(self._marks, forms, self.asked.loss)
        self.on = bool(forms)
        if not training:
            self.pairs = Pairs(self._trained, others_seen=self._others_seen)

    def end(self) -> tuple[list[str], torch.Tensor] | None:
        """It is over: its metrics."""
        pairs = self.pairs
        self.stop()
        numbers = pairs.numbers()
        self._others_seen |= pairs.others_seen and not self._training
        return numbers

    def stop(self) -> None:
        """Look no further in this phase."""
        self.on = False
        self._marks.clear()
        self.pairs = Pairs()

    def trains_on(self, target: Place) -> None:
        """A target of a loss in training."""
        self._trained = target.joined(self._trained)

    def passed(self, module: torch.nn.Module, out: Any, made: Pass) -> None:
        """A network has returned."""
        self._passes += 1
        for position, (_, tensor) in enumerate(tensors(out)):
            if tensor.dim() and tensor.is_floating_point() and has_values(tensor):
                each = replace(made, number=self._passes, network=id(module), output=position)
                self._marks.set(tensor, Mark(What.OUTPUT, each))

    def see(self, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any], out: Any) -> None:
        """The program has called torch."""
        marks = self._marks
        found = marks.among((*args, *kwargs.values()) if kwargs else args)
        if not found:
            if name in LOOSE and isinstance(out, torch.Tensor) and isinstance(args[0], torch.Tensor):
                marks.sliced(args[0], out, part=name == "__getitem__")
            return
        mark = self._made(name, args, kwargs, found, out)
        if isinstance(out, torch.Tensor):
            marks.set(out, mark)
            return
        label = mark.what is What.LABEL  # ``max`` and ``topk`` give values, then places
        for position, (_, tensor) in enumerate(tensors(out)):
            marks.set(tensor, replace(mark, what=What.OTHER) if label and not position else mark)

    def _made(
        self,
        name: str,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        found: list[tuple[Any, Mark]],
        out: Any,
    ) -> Mark:
        """What a call has made of tensors that are known."""
        tensor, mark = found[0]
        other = replace(mark, what=What.OTHER, pair=None)
        if name == "cat":
            return self._joined(args, kwargs, found) or other
        if any(t is not tensor for t, _ in found):
            return (halves(mark, found[1][1]) if name == "add" and len(found) == 2 else None) or other
        if mark.what is What.OTHER:
            return other
        beside = next((v for v in args if isinstance(v, torch.Tensor) and v is not tensor), None)
        call = Call(name, args, kwargs, out, tensor, beside)
        return self._made_of_one(call, mark) or other

    def _made_of_one(self, call: Call, mark: Mark) -> Mark | None:
        comparing = self._comparing
        if mark.pair is not None:
            result, counts = reduced(call, mark, mark.pair)
            if counts is not None:
                if self._training:
                    self.trains_on(counts.place)
                self.pairs.add(mark.made, counts, call.out if counts.factor else None)
            return result
        if mark.what is What.LABEL:
            if call.name in ("eq", "ne"):
                return comparing.labels(call, mark)
            return mark if call.name in LOOSE else None
        if mark.what is What.DIFFERENCE:
            return comparing.difference(call, mark)
        return (
            chosen(call, mark)
            or comparing.picked(call, mark)
            or comparing.taken_off(call, mark)
            or in_other_form(call, mark)
        )

    def _joined(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any], found: list[tuple[Any, Mark]]
    ) -> Mark | None:
        """Outputs or labels of several batches, one below the other."""
        parts = cast("list[Any]", args[0] if args else kwargs.get("tensors"))
        dim = args[1] if len(args) > 1 else kwargs.get("dim", 0)
        first = found[0][1]
        if dim != 0 or first.what not in (What.OUTPUT, What.LABEL) or len(parts) != len(found):
            return None
        for _, mark in found:
            made = mark.made
            if (made.network, made.output) != (first.made.network, first.made.output):
                return None
            if replace(mark, made=first.made) != first:
                return None
        if len({mark.made.number for _, mark in found}) != len(found):
            return None
        self._passes += 1
        return replace(first, made=replace(first.made, number=self._passes, joined=True))
