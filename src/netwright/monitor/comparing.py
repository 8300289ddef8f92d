"""Calls in which a network's output meets a target, and what they tell."""

import math
from dataclasses import replace
from typing import Any

import torch

from ..capture.measure import has_values
from .asked import ABSOLUTE, BINARY, LABELS, PICKS, SQUARED
from .marks import Call, Mark, Marks, What
from .pairs import Pair, address
from .sums import Sums, of_labels
from .units import LOOSE, WHOLE

_SUMS = frozenset("mean nanmean sum nansum count_nonzero".split())
ONE = frozenset("item __bool__ __int__ __float__ __index__".split())


class Comparing:
    """Reads comparisons of the forms that are looked for; ``loss`` is the form whose mean is the loss."""

    def __init__(self, marks: Marks, forms: frozenset[str] = frozenset(), loss: str = "") -> None:
        self.marks, self.forms, self.loss = marks, forms, loss

    def labels(self, call: Call, mark: Mark) -> Mark | None:
        """Labels are compared with true ones."""
        tensor, true, out = call.tensor, call.beside, call.out
        if LABELS not in self.forms or true is None or not isinstance(out, torch.Tensor):
            return None
        if tensor.shape != out.shape or not _fits(tensor, true) or address(true) in mark.made.given:
            return None
        same = out.detach().reshape(-1) if call.name == "eq" else ~out.detach().reshape(-1)
        guess, truth = tensor.detach().reshape(-1).long(), true.detach().reshape(-1).long()
        sums, last = Sums(dense=mark.dense), mark.classes - 1
        valid = (truth >= 0) & (truth <= last) & (guess >= 0) & (guess <= last)
        of_labels(sums, guess.clamp(0, last), truth.clamp(0, last), valid, mark.classes)
        sums.right, sums.count = same.sum().double(), torch.ones_like(same).sum().double()
        return replace(mark, what=What.PAIR, pair=Pair(LABELS, sums, self.marks.place(true)))

    def taken_off(self, call: Call, mark: Mark) -> Mark | None:
        """A target is taken off an output. Where that has happened before, what was taken off first was none: the difference is what is predicted."""
        target = call.beside
        if call.name not in ("sub", "rsub") or target is None or not _fits(call.tensor, target):
            return None
        return replace(mark, what=What.DIFFERENCE, target=self.marks.place(target))

    def difference(self, call: Call, mark: Mark) -> Mark | None:
        """What is made of an output less its target."""
        name, args, tensor = call.name, call.args, call.tensor
        square = name == "square" or (name == "pow" and args[1:2] == (2,))
        square |= name == "mul" and len(args) == 2 and args[0] is args[1]
        form = SQUARED if square else ABSOLUTE if name == "abs" else ""
        if form and form in self.forms and mark.target is not None and tensor.numel():
            error = tensor.detach().abs().double()
            sums = Sums(count=torch.ones_like(error).sum(), error=error.sum())
            pair = Pair(form, sums, mark.target, float(form == self.loss))
            return replace(mark, what=What.PAIR, pair=pair)
        if name == "neg" or name in LOOSE:
            return mark
        return self.taken_off(call, mark)

    def picked(self, call: Call, mark: Mark) -> Mark | None:
        """Of the logarithms of probabilities those of the true classes are taken, or each is weighted."""
        beside = call.beside
        if call.name == "mul" and mark.log and beside is not None and _fits(call.tensor, beside):
            pair = self._weighted(call.tensor, mark, beside)
        elif PICKS in self.forms and mark.axis is not None and not mark.rest:
            pair = self._gathered(call, mark, mark.axis)
        else:
            pair = None
        return replace(mark, what=What.PAIR, pair=pair) if pair is not None else None

    def _gathered(self, call: Call, mark: Mark, axis: int) -> Pair | None:
        rows, index = _index_of(call, axis)
        tensor = call.tensor.detach()
        if index is None or index.device != tensor.device:
            return None
        guess = tensor.argmax(axis)
        if rows is None:
            truth = index.squeeze(axis)
        elif isinstance(rows, torch.Tensor) and _whole(rows) and rows.device == tensor.device:
            truth, guess = index, guess.index_select(0, rows) if rows.shape == index.shape else guess
        elif rows == range(len(guess)):
            truth = index
        else:
            return None
        if truth.shape != guess.shape or not truth.numel():
            return None
        sums = _classes(tensor, mark, guess, truth)
        return Pair(PICKS, sums, self.marks.place(index), -1.0 if mark.log else 0.0)

    def _weighted(self, tensor: torch.Tensor, mark: Mark, other: torch.Tensor) -> Pair | None:
        place = self.marks.place(other)
        if mark.axis is not None and PICKS in self.forms and not mark.rest:
            guess, truth = tensor.detach().argmax(mark.axis), other.detach().argmax(mark.axis)
            return Pair(PICKS, _classes(tensor, mark, guess, truth), place, -1.0, wide=truth.numel())
        if mark.axis is None and BINARY in self.forms:
            guess = (tensor.detach() > math.log(0.5)).long().reshape(-1)
            truth = (other.detach() > 0.5).long().reshape(-1)
            sums = Sums()
            sums.count = of_labels(sums, guess, truth, truth >= 0, 2)
            return Pair(BINARY, sums, place, -1.0, half=True)
        return None


def halves(first: Mark, second: Mark) -> Mark | None:
    """The two halves of a binary cross entropy are added: what the one of the probabilities themselves tells holds for both."""
    pairs = (first.pair, second.pair)
    if first.made is not second.made or first.rest == second.rest:
        return None
    mark, pair = (first, pairs[0]) if second.rest else (second, pairs[1])
    if pair is None or any(p is None or not p.half for p in pairs):
        return None
    return replace(mark, pair=replace(pair, half=False))


def reduced(call: Call, mark: Mark, pair: Pair) -> tuple[Mark | None, Pair | None]:
    """What is made of a comparison: what the result is, and what counts now that all of it has become one number."""
    name, out = call.name, call.out
    if name in _SUMS:
        if pair.half or (name == "count_nonzero" and pair.form != LABELS):
            return None, None
        one = isinstance(out, torch.Tensor) and not out.dim()
        if pair.wide:
            summed = name == "sum" and isinstance(out, torch.Tensor) and out.numel() == pair.wide and not one
            pair = replace(pair, wide=0, factor=pair.factor if summed else 0.0)
        elif not name.endswith("mean"):
            pair = replace(pair, factor=0.0)
        return (None, pair) if one else (replace(mark, pair=pair), None)
    if name in ONE and pair.form == LABELS:
        return None, pair
    if name in WHOLE:
        return mark, None
    if name == "neg":
        return replace(mark, pair=replace(pair, factor=-pair.factor)), None
    if name in ("mul", "div") and (call.beside is None or not call.beside.dim()):
        minus = name == "mul" and -1 in [a for a in call.args if isinstance(a, int | float)]
        return replace(mark, pair=replace(pair, factor=-pair.factor if minus else 0.0)), None
    return None, None


def _index_of(call: Call, axis: int) -> tuple[Any, torch.Tensor | None]:
    """The tensor of true classes by which probabilities are picked, and the rows in which where these are given too."""
    rows = index = dim = None
    if call.name == "gather":
        dim, index = call.arg(1, "dim"), call.arg(2, "index")
    elif call.name == "take_along_dim":
        index, dim = call.arg(1, "indices"), call.arg(2, "dim")
    elif call.name == "__getitem__" and isinstance(call.args[1], tuple) and len(call.args[1]) == 2:
        (rows, index), dim = call.args[1], 1
    if not isinstance(index, torch.Tensor) or not isinstance(dim, int):
        return None, None
    if not has_values(index) or not _whole(index) or dim % call.tensor.dim() != axis:
        return None, None
    if rows is not None:
        fits = index.dim() == 1 and call.tensor.dim() == 2
    else:
        fits = index.dim() == call.tensor.dim() and index.shape[axis] == 1
    return (rows, index) if fits else (None, None)


def _classes(tensor: torch.Tensor, mark: Mark, guess: torch.Tensor, truth: torch.Tensor) -> Sums:
    guess, truth = guess.reshape(-1), truth.detach().reshape(-1)
    dense = tensor.dim() >= 4
    sums = Sums(sequence=0 < mark.made.rows < truth.numel() and not dense, dense=dense)
    sums.count = of_labels(sums, guess, truth, truth >= 0, tensor.shape[mark.axis or 0])
    return sums


def _fits(tensor: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether a tensor may be a target of another one, number by number."""
    fits = other.shape == tensor.shape and other.device == tensor.device
    return fits and bool(other.numel()) and has_values(other) and not other.requires_grad


def _whole(tensor: torch.Tensor) -> bool:
    return not tensor.is_floating_point() and tensor.dtype is not torch.bool
