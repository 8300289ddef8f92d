"""What the program's evaluations compute from a network's outputs: losses, and shares of right answers. Seen by a torch function mode that is there only while it evaluates."""

import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from ..capture.calls import describe
from ..capture.flatten import tensors
from ..capture.frames import user_where
from ..capture.mode import Onlooker
from ..evidence import RESHAPES
from ..inference import LOSSES

_LABELS = frozenset("argmax max topk round gt ge lt le greater greater_equal less less_equal sign".split())
_MOST_CLASSES = 1000
_COMPARE = frozenset(("eq", "ne"))
_ERRORS = {"squared": "squared error", "absolute": "absolute error"}
_KEPT = RESHAPES | {"detach", "cpu", "float", "long", "int", "to", "cat", "stack", "__getitem__", "clone"}


@dataclass(slots=True)
class Sum:
    """A running mean: ``total`` of ``count`` numbers. ``grad`` says that autograd was on, so that it may have been training.

    ``classes`` are right answers and all targets of each class, where answers are compared with targets; ``None`` where what they are compared with is not known to be that.
    """

    total: float = 0.0
    count: int = 0
    grad: bool = False
    classes: dict[int, tuple[int, int]] | None = field(default_factory=dict[int, tuple[int, int]])

    @property
    def recall(self) -> float | None:
        """The mean over the classes of the share of their targets that were answered right."""
        if not self.classes:
            return None
        return sum(right / targets for right, targets in self.classes.values()) / len(self.classes)

    def answered(self, by_class: "dict[int, tuple[int, int]] | None") -> None:
        """Add the answers of a batch."""
        if by_class is None or self.classes is None:
            self.classes = None
            return
        for c, (right, targets) in by_class.items():
            before = self.classes.get(c, (0, 0))
            self.classes[c] = before[0] + right, before[1] + targets


@dataclass(slots=True)
class Seen:
    """Sums of everything seen, by optimizer step, name, line and loader."""

    sums: dict[tuple[int, str, str, int | None], Sum] = field(
        default_factory=dict[tuple[int, str, str, int | None], Sum]
    )
    step: int = 0
    loader: int | None = None
    at: Callable[[str], str] = str
    _marks: dict[int, tuple["weakref.ref[torch.Tensor]", str]] = field(
        default_factory=dict[int, tuple["weakref.ref[torch.Tensor]", str]]
    )

    def mark(self, tensor: torch.Tensor, mark: str) -> None:
        """Remember what a tensor is: ``output``, ``label``, ``difference``, ``squared``, ``absolute``."""
        if len(self._marks) > 4096:
            self._marks = {k: m for k, m in self._marks.items() if m[0]() is not None}
        self._marks[id(tensor)] = (weakref.ref(tensor), mark)

    def mark_of(self, tensor: torch.Tensor) -> str | None:
        """What a tensor is; parameters count as outputs, for networks that are no modules."""
        known = self._marks.get(id(tensor))
        if known is not None and known[0]() is tensor:
            return known[1]
        return "output" if tensor.requires_grad and tensor.is_leaf else None

    def add(self, name: str, mean: torch.Tensor, count: int) -> Sum:
        """Note a number of the evaluation: a mean over ``count``."""
        at = user_where(1)
        key = (self.step, name, self.at(at.at) if at.known else "", self.loader)
        item = self.sums.setdefault(key, Sum())
        item.total += float(mean) * count
        item.count += count
        item.grad = item.grad or torch.is_grad_enabled()
        return item

    def was_training(self) -> None:
        """A backward pass came: what was computed with autograd on since the last step belongs to it."""
        for key in [k for k, s in self.sums.items() if k[0] == self.step and s.grad]:
            del self.sums[key]

    def outputs(self, out: object, rows: int) -> None:
        """A network returned: its outputs are what metrics are computed from; a single number among them is its loss."""
        for name, tensor in tensors(out):
            if (
                tensor.dim() == 0
                and tensor.is_floating_point()
                and (not name or "loss" in name or name.isdigit())
            ):
                self.add("loss", tensor.detach(), max(rows, 1))
            else:
                self.mark(tensor, "output")


def by_class(right: torch.Tensor, target: torch.Tensor | None) -> dict[int, tuple[int, int]] | None:
    """How many answers to the targets of each class are right, and how many targets it has; ``None`` where they are no classes. Targets below 0 stand for none.

    Args:
        right: for each target whether it is answered right.
        target: what answers are compared with.
    """
    if target is None or target.shape != right.shape or target.is_complex():
        return None
    numbers = target.detach().reshape(-1)
    classes = numbers.long()
    if (numbers.is_floating_point() and not bool((numbers == classes).all())) or int(
        classes.max()
    ) >= _MOST_CLASSES:
        return None
    named = classes >= 0
    targets = torch.bincount(classes[named]).tolist()
    hits = torch.bincount(classes[named & right.reshape(-1)], minlength=len(targets)).tolist()
    return {c: (int(h), int(n)) for c, (h, n) in enumerate(zip(hits, targets, strict=True)) if n}


class Metrics(Onlooker):
    """Lets every call run as it is, and notes what it makes of the outputs of a network."""

    def __init__(self, seen: Seen) -> None:
        super().__init__(self._called)
        self.seen = seen
        self.failed = False

    def _called(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], out: Any
    ) -> None:
        if self.failed:
            return
        try:
            with torch._C.DisableTorchFunction():  # pyright: ignore[reportPrivateUsage]
                self._note(describe(func).plain, args, kwargs, out)
        except Exception:  # the harm boundary: the program goes on, without metrics
            self.failed = True

    def _note(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> None:
        seen = self.seen
        given = [t for _, t in tensors((args, kwargs))]
        marks = [m for t in given if (m := seen.mark_of(t)) is not None]
        if not marks:
            return
        if name in LOSSES:
            self._loss(out, args, kwargs, given)
        elif name in _COMPARE:
            if "label" in marks and isinstance(out, torch.Tensor) and out.numel():
                share = out.float().mean()
                item = seen.add("accuracy", share if name == "eq" else 1 - share, out.numel())
                target = next((t for t in given if seen.mark_of(t) is None), None)
                right = out if name == "eq" else out.logical_not()
                item.answered(by_class(right, target) if len(given) == 2 else None)
        elif name in ("mean", "sum") and marks[0] in _ERRORS and given[0].numel():
            if isinstance(out, torch.Tensor) and out.numel() == 1:
                value = out.detach() if name == "mean" else out.detach() / given[0].numel()
                seen.add(_ERRORS[marks[0]], value, given[0].numel())
        else:
            self._propagate(name, args, marks, out)

    def _loss(
        self, out: Any, args: tuple[Any, ...], kwargs: dict[str, Any], given: list[torch.Tensor]
    ) -> None:
        if not isinstance(out, torch.Tensor) or not out.numel():
            return
        rows = given[0].shape[0] if given[0].dim() else 1
        value = out.detach().float().mean()
        if out.numel() == 1 and kwargs.get("reduction") == "sum":
            value = value / max(given[-1].numel() if given[-1].dim() else 1, 1)
        self.seen.add("loss", value, max(rows, 1))

    def _propagate(self, name: str, args: tuple[Any, ...], marks: list[str], out: Any) -> None:
        mark = marks[0]
        if name in ("sub", "rsub"):
            mark = "difference" if "output" in marks else mark
        elif mark == "difference" and name in ("abs", "square", "pow"):
            power = args[1] if name == "pow" and len(args) > 1 else 2
            mark = "absolute" if name == "abs" else "squared" if power == 2 else "output"
        elif name in _LABELS:
            mark = "label"
        elif name not in _KEPT:
            mark = "output"
        for index, (_, tensor) in enumerate(tensors(out)):
            pair = name in ("max", "topk") and isinstance(out, tuple)
            self.seen.mark(tensor, "output" if pair and index == 0 else mark)
