"""How right a network is where the program works that out itself: its outputs are followed through the calls of torch that come after its pass, to where they are held against a target."""

import math
import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, cast

import torch

from ..capture.flatten import tensors
from ..capture.measure import has_values
from ..evidence import RESHAPES
from .asked import ABSOLUTE, BINARY, LABELS, PICKS, SQUARED, Asked
from .pairs import Pair, Pairs, Pass, Place, address
from .sums import Sums, of_labels

_CASTS = frozenset("long int bool short detach data".split())
# Every value of the tensor is there once, in another form.
_WHOLE = (RESHAPES | _CASTS) - frozenset(
    "__getitem__ select narrow chunk split unbind expand expand_as dropout alpha_dropout dropout1d dropout2d dropout3d "
    "feature_alpha_dropout feature_dropout".split()
)
_LOOSE = RESHAPES | _CASTS
# The network's output remains what is predicted, in other units.
_UNITS = frozenset(
    "mul div add sub rsub exp log log1p expm1 sigmoid tanh relu softplus softmax log_softmax logsigmoid clamp clamp_min "
    "clamp_max nan_to_num masked_fill".split()
)
_THRESHOLDS = frozenset("gt ge lt le greater greater_equal less less_equal".split())
_EQUAL = frozenset(("eq", "ne"))
_ONE = frozenset("item __bool__ __int__ __float__ __index__".split())
_MOST = 1024  # tensors of which it is known what they are


class What(Enum):
    """What a tensor is."""

    OUTPUT = "output"
    LABEL = "label"
    DIFFERENCE = "difference"
    PAIR = "pair"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Mark:
    """What is known of a tensor that comes from a pass.

    ``axis`` is the dimension in which probabilities add up to one, ``log`` says that these are their logarithms, ``rest`` that they were taken off one. ``classes`` is how many a label
    was chosen from, ``dense`` whether each place of an image has one; ``target`` is where what was taken off lies, ``pair`` is what a comparison told.
    """

    what: What
    made: Pass
    axis: int | None = None
    log: bool = False
    rest: bool = False
    classes: int = 0
    dense: bool = False
    target: Place | None = None
    pair: Pair | None = None


class ByHand:
    """Follows outputs by weak references to tensors: nothing of the program's is kept. Numbers are only worked out where an output meets a target."""

    def __init__(self) -> None:
        self.asked = Asked()
        self.on = False
        self._forms: frozenset[str] = frozenset()
        self._marks: dict[int, tuple[weakref.ref[torch.Tensor], Mark]] = {}
        self._wholes: dict[int, tuple[weakref.ref[torch.Tensor], weakref.ref[torch.Tensor]]] = {}
        self._passes = 0
        self._trained: Place | None = None
        self._training = self._others_seen = False
        self.pairs = Pairs()

    def begin(self, *, training: bool) -> None:
        """A phase begins."""
        self.stop()
        self._training = training
        self._forms = self.asked.training if training else self.asked.evaluation
        self.on = bool(self._forms)
        self.pairs = Pairs(self._trained, others_seen=self._others_seen and not training)

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
        self._wholes.clear()
        self.pairs = Pairs()

    def trains_on(self, target: Place) -> None:
        """A target of a loss in training."""
        self._trained = target.joined(self._trained)

    def passed(self, module: torch.nn.Module, out: Any, made: Pass) -> None:
        """A network has returned."""
        self._passes += 1
        mark = Mark(What.OUTPUT, replace(made, number=self._passes, network=id(module)))
        for _, tensor in tensors(out):
            if tensor.dim() and tensor.is_floating_point() and has_values(tensor):
                self._set(tensor, mark)

    # -- marks ------------------------------------------------------------------------------------------------------------------

    def _set(self, tensor: torch.Tensor, mark: Mark) -> None:
        marks = self._marks
        if len(marks) >= _MOST:
            alive = {key: known for key, known in marks.items() if known[0]() is not None}
            marks.clear()
            if len(alive) < _MOST // 2:
                marks.update(alive)
        marks[id(tensor)] = (weakref.ref(tensor), mark)

    def _sliced(self, name: str, tensor: torch.Tensor, out: torch.Tensor) -> None:
        """A part of data, or that in another form."""
        known = self._wholes.get(id(tensor))
        if known is not None and known[0]() is tensor:
            whole = known[1]
        elif name == "__getitem__":
            whole = weakref.ref(tensor)
        else:
            return
        if len(self._wholes) >= _MOST:
            self._wholes.clear()
        self._wholes[id(out)] = (weakref.ref(out), whole)

    def _place(self, tensor: torch.Tensor) -> Place:
        known = self._wholes.get(id(tensor))
        return Place.of(tensor, known[1] if known is not None and known[0]() is tensor else None)

    def _mark(self, value: Any) -> Mark | None:
        known = self._marks.get(id(value))
        return known[1] if known is not None and known[0]() is value else None

    def _found(self, values: Iterable[Any]) -> list[tuple[Any, Mark]]:
        found: list[tuple[Any, Mark]] = []
        for value in values:
            if isinstance(value, torch.Tensor):
                if (mark := self._mark(value)) is not None:
                    found.append((value, mark))
            elif isinstance(value, list | tuple):
                found += [(v, m) for v in cast("list[Any]", value) if (m := self._mark(v)) is not None]
        return found

    # -- calls ------------------------------------------------------------------------------------------------------------------

    def see(self, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any], out: Any) -> None:
        """The program has called torch."""
        found = self._found((*args, *kwargs.values()) if kwargs else args)
        if not found:
            if (
                name in _LOOSE
                and args
                and isinstance(args[0], torch.Tensor)
                and isinstance(out, torch.Tensor)
            ):
                self._sliced(name, args[0], out)
            return
        mark = self._made(name, args, kwargs, found, out)
        if isinstance(out, torch.Tensor):
            self._set(out, mark)
            return
        chosen = mark.what is What.LABEL  # ``max`` and ``topk`` give values, then places
        for position, (_, tensor) in enumerate(tensors(out)):
            self._set(tensor, replace(mark, what=What.OTHER) if chosen and not position else mark)

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
            return self._added(name, found) or other
        if mark.what is What.OTHER:
            return other
        beside = next((v for v in args if isinstance(v, torch.Tensor) and v is not tensor), None)
        if mark.what is What.PAIR:
            return self._reduced(name, args, mark, beside, out) or other
        if mark.what is What.LABEL:
            if name in _EQUAL:
                return self._equal(name, tensor, mark, beside, out) or other
            return mark if name in _LOOSE else other
        if mark.what is What.DIFFERENCE:
            return self._difference(name, args, tensor, mark, beside) or other
        return self._output(name, args, kwargs, tensor, mark, beside, out) or other

    def _joined(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any], found: list[tuple[Any, Mark]]
    ) -> Mark | None:
        """Outputs or labels of several batches, one below the other."""
        parts = cast("list[Any]", args[0] if args else kwargs.get("tensors"))
        first = found[0][1]
        alike = all(
            replace(m, made=first.made) == first and m.made.network == first.made.network for _, m in found
        )
        dim = args[1] if len(args) > 1 else kwargs.get("dim", 0)
        if dim != 0 or not alike or first.what not in (What.OUTPUT, What.LABEL) or len(parts) != len(found):
            return None
        if len({m.made.number for _, m in found}) != len(found):
            return None
        self._passes += 1
        return replace(first, made=replace(first.made, number=self._passes, joined=True))

    def _added(self, name: str, found: list[tuple[Any, Mark]]) -> Mark | None:
        """The two halves of a binary cross entropy."""
        marks = [m for _, m in found]
        if name != "add" or len(found) != 2 or any(m.pair is None or m.pair.form != BINARY for m in marks):
            return None
        if marks[0].made is not marks[1].made:
            return None
        if marks[0].rest == marks[1].rest:
            return None
        mark = marks[0] if marks[1].rest else marks[1]
        return replace(mark, pair=replace(cast("Pair", mark.pair), half=False))

    def _output(
        self,
        name: str,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        tensor: torch.Tensor,
        mark: Mark,
        beside: torch.Tensor | None,
        out: Any,
    ) -> Mark | None:
        if (label := self._label(name, args, kwargs, tensor, mark, out)) is not None:
            return label
        pair = self._pick(name, args, kwargs, tensor, mark, beside)
        if pair is not None:
            return replace(mark, what=What.PAIR, pair=pair)
        if name in _LOOSE:
            return replace(mark, axis=_axis_after(name, args, tensor, out, mark.axis))
        if name not in _UNITS or not isinstance(out, torch.Tensor) or out.shape != tensor.shape:
            return None
        if name in ("sub", "rsub") and beside is not None and beside.shape == tensor.shape:
            if not _beside(tensor, beside):
                return None
            return replace(mark, what=What.DIFFERENCE, target=self._place(beside))
        return self._in_units(name, args, kwargs, tensor, mark, beside)

    def _in_units(
        self,
        name: str,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        tensor: torch.Tensor,
        mark: Mark,
        beside: torch.Tensor | None,
    ) -> Mark:
        """The output in other units."""
        if name in ("softmax", "log_softmax"):
            dim = args[1] if len(args) > 1 else kwargs.get("dim")
            axis = dim % tensor.dim() if isinstance(dim, int) else None
            return replace(mark, axis=axis, log=name == "log_softmax", rest=False)
        if name in ("log", "logsigmoid"):
            return replace(mark, log=True)
        if name == "rsub" and beside is None and args[1:2] == (1,):
            return replace(mark, rest=not mark.rest)
        if name == "sigmoid":
            return replace(mark, axis=None, log=False, rest=False)
        if name.startswith("clamp") or (name == "add" and beside is None):  # off zero, before a logarithm
            return mark
        return replace(mark, axis=None, log=False, rest=False)

    def _label(
        self,
        name: str,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        tensor: torch.Tensor,
        mark: Mark,
        out: Any,
    ) -> Mark | None:
        """A class that is chosen by the output."""
        if name in ("argmax", "max", "topk"):
            dim = kwargs.get("dim", -1) if name == "topk" else args[1] if len(args) > 1 else kwargs.get("dim")
            if name == "topk":
                count = args[1] if len(args) > 1 else kwargs.get("k")
                dim = args[2] if len(args) > 2 else dim
                if count != 1:
                    return None
            if not isinstance(dim, int) or isinstance(dim, bool):
                return None
            dense = tensor.dim() >= 4
            return replace(
                mark, what=What.LABEL, classes=tensor.shape[dim], dense=dense, axis=None, log=False
            )
        if name in _THRESHOLDS and args[:1] and args[0] is tensor and _is_number(args[1:2]):
            return replace(mark, what=What.LABEL, classes=2, axis=None, log=False)
        if name == "round":
            return replace(mark, what=What.LABEL, classes=2, axis=None, log=False)
        return None

    # -- comparisons ------------------------------------------------------------------------------------------------------------

    def _equal(
        self, name: str, tensor: torch.Tensor, mark: Mark, beside: torch.Tensor | None, out: Any
    ) -> Mark | None:
        """Labels are compared with true ones."""
        if LABELS not in self._forms or beside is None or not isinstance(out, torch.Tensor):
            return None
        if tensor.shape != out.shape or not _beside(tensor, beside):
            return None
        if address(beside) in mark.made.given:  # with what came in
            return None
        same = out.detach().reshape(-1) if name == "eq" else ~out.detach().reshape(-1)
        guess, truth = tensor.detach().reshape(-1).long(), beside.detach().reshape(-1).long()
        sums = Sums(dense=mark.dense)
        valid = (truth >= 0) & (truth < mark.classes) & (guess >= 0) & (guess < mark.classes)
        last = mark.classes - 1
        of_labels(sums, guess.clamp(0, last), truth.clamp(0, last), valid, mark.classes)
        sums.right, sums.count = same.sum().double(), torch.ones_like(same).sum().double()
        pair = Pair(LABELS, sums, self._place(beside))
        return replace(mark, what=What.PAIR, pair=pair)

    def _difference(
        self,
        name: str,
        args: tuple[Any, ...],
        tensor: torch.Tensor,
        mark: Mark,
        beside: torch.Tensor | None,
    ) -> Mark | None:
        """What is made of an output less its target."""
        square = (
            name == "square"
            or (name == "pow" and args[1:2] == (2,))
            or (name == "mul" and len(args) == 2 and args[0] is args[1])
        )
        form = SQUARED if square else ABSOLUTE if name == "abs" else ""
        if form and form in self._forms and mark.target is not None and tensor.numel():
            error = tensor.detach().abs().double()
            sums = Sums(count=torch.ones_like(error).sum(), error=error.sum())
            pair = Pair(form, sums, mark.target, float(form == self.asked.loss))
            return replace(mark, what=What.PAIR, pair=pair)
        if name == "neg" or name in _LOOSE:
            return mark
        if name in ("sub", "rsub") and beside is not None and _beside(tensor, beside):
            # What was taken off first was no target: the difference is what is predicted.
            return replace(mark, target=self._place(beside))
        return None

    def _pick(
        self,
        name: str,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        tensor: torch.Tensor,
        mark: Mark,
        beside: torch.Tensor | None,
    ) -> Pair | None:
        """Logarithms of probabilities, of which those of the true classes are taken or weighted."""
        if name == "mul" and mark.log and beside is not None and beside.shape == tensor.shape:
            return self._weighted(tensor, mark, beside)
        if PICKS not in self._forms or mark.axis is None or mark.rest:
            return None
        scores, factor = tensor.detach(), -1.0 if mark.log else 0.0
        index = _index_of(name, args, kwargs, mark.axis)
        if index is None or not _integral(index) or index.device != tensor.device or not index.numel():
            return None
        guess = scores.argmax(mark.axis)
        if name == "__getitem__":
            rows, truth = args[1][0], index
            if isinstance(rows, range):
                if rows != range(tensor.shape[0]) or truth.numel() != tensor.shape[0]:
                    return None
            elif isinstance(rows, torch.Tensor) and rows.shape == truth.shape and _integral(rows):
                if rows.device != guess.device:
                    return None
                guess = guess.index_select(0, rows)
            else:
                return None
        else:
            truth = index.squeeze(mark.axis)
            if truth.shape != guess.shape:
                return None
        return Pair(PICKS, self._classes(tensor, mark, guess, truth), self._place(index), factor)

    def _classes(self, tensor: torch.Tensor, mark: Mark, guess: torch.Tensor, truth: torch.Tensor) -> Sums:
        guess, truth = guess.reshape(-1), truth.detach().reshape(-1)
        dense = tensor.dim() >= 4
        sums = Sums(sequence=0 < mark.made.rows < truth.numel() and not dense, dense=dense)
        sums.count = of_labels(sums, guess, truth, truth >= 0, tensor.shape[mark.axis or 0])
        return sums

    def _weighted(self, tensor: torch.Tensor, mark: Mark, other: torch.Tensor) -> Pair | None:
        """Each logarithm of a probability is weighted with what the target says of it."""
        if not _beside(tensor, other):
            return None
        if mark.axis is not None and PICKS in self._forms and not mark.rest:
            guess, truth = tensor.detach().argmax(mark.axis), other.detach().argmax(mark.axis)
            sums = self._classes(tensor, mark, guess, truth)
            return Pair(PICKS, sums, self._place(other), -1.0, wide=truth.numel())
        if mark.axis is None and BINARY in self._forms:
            guess = (tensor.detach() > math.log(0.5)).long().reshape(-1)
            truth = (other.detach() > 0.5).long().reshape(-1)
            sums = Sums()
            sums.count = of_labels(sums, guess, truth, truth >= 0, 2)
            return Pair(BINARY, sums, self._place(other), -1.0, half=True)
        return None

    def _reduced(
        self, name: str, args: tuple[Any, ...], mark: Mark, beside: torch.Tensor | None, out: Any
    ) -> Mark | None:
        """What is made of a comparison."""
        pair = mark.pair
        assert pair is not None
        whole = isinstance(out, torch.Tensor) and not out.dim()
        if name in ("mean", "nanmean", "sum", "nansum", "count_nonzero"):
            if pair.half or (name == "count_nonzero" and pair.form != LABELS):
                return None
            if pair.wide:
                summed = (
                    name == "sum" and isinstance(out, torch.Tensor) and out.numel() == pair.wide and not whole
                )
                pair = replace(pair, wide=0, factor=pair.factor if summed else 0.0)
            elif not name.endswith("mean"):
                pair = replace(pair, factor=0.0)
            if not whole:
                return replace(mark, pair=pair)
            self._count(mark, pair, out)
            return None
        if name in _ONE and pair.form == LABELS:
            self._count(mark, pair, None)
            return None
        if name in _WHOLE:
            return mark
        if name == "neg":
            return replace(mark, pair=replace(pair, factor=-pair.factor))
        if name in ("mul", "div") and (beside is None or not beside.dim()):
            minus = name == "mul" and -1 in [a for a in args if isinstance(a, int | float)]
            return replace(mark, pair=replace(pair, factor=-pair.factor if minus else 0.0))
        return None

    def _count(self, mark: Mark, pair: Pair, mean: torch.Tensor | None) -> None:
        """It is reduced to one number."""
        if self._training:
            self.trains_on(pair.place)
        self.pairs.add(mark.made, pair, mean if pair.factor else None)


def _beside(tensor: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether a tensor may be a target of another one, number by number."""
    fits = other.shape == tensor.shape and other.device == tensor.device
    return fits and bool(other.numel()) and has_values(other) and not other.requires_grad


def _is_number(value: tuple[Any, ...]) -> bool:
    return bool(value) and isinstance(value[0], int | float)


def _axis_after(
    name: str, args: tuple[Any, ...], tensor: torch.Tensor, out: Any, axis: int | None
) -> int | None:
    """Where the dimension of the classes has come to lie, where that is plain."""
    if axis is None or not isinstance(out, torch.Tensor):
        return None
    last = tensor.dim() - 1
    if name in ("permute", "movedim", "swapaxes", "swapdims", "transpose", "t", "T", "mT", "H", "adjoint"):
        if name != "transpose" or not all(isinstance(a, int) for a in args[1:3]) or len(args) != 3:
            return None
        first, second = (a % tensor.dim() for a in args[1:3])
        return second if axis == first else first if axis == second else axis
    if out.shape == tensor.shape:
        return axis
    if name in ("view", "reshape", "flatten", "__getitem__", "view_as", "reshape_as") and axis == last:
        return out.dim() - 1 if out.shape[-1:] == tensor.shape[-1:] else None
    return None


def _integral(tensor: torch.Tensor) -> bool:
    return not tensor.is_floating_point() and tensor.dtype is not torch.bool


def _index_of(name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any], axis: int) -> torch.Tensor | None:
    """The tensor of true classes by which probabilities are picked."""
    if name == "gather":
        dim = args[1] if len(args) > 1 else kwargs.get("dim")
        index = args[2] if len(args) > 2 else kwargs.get("index")
    elif name == "take_along_dim":
        index = args[1] if len(args) > 1 else kwargs.get("indices")
        dim = args[2] if len(args) > 2 else kwargs.get("dim")
    elif name == "__getitem__" and isinstance(args[1], tuple) and len(args[1]) == 2 and axis == 1:
        index = args[1][1]
        return index if isinstance(index, torch.Tensor) and index.dim() == 1 and _integral(index) else None
    else:
        return None
    if not isinstance(index, torch.Tensor) or not isinstance(dim, int) or not has_values(index):
        return None
    fits = dim % index.dim() == axis and index.shape[axis] == 1 if index.dim() else False
    return index if fits else None
